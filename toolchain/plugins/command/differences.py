"""Compares inputs property by property, as pulumi-go-provider does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolchain.plugins.properties import Properties, Value
from toolchain.plugins.provider import Kind

_PLAIN_KEY = re.compile(r'[^."\[\]]*')


def differences(old: Properties, new: Properties) -> dict[str, Kind]:
    """Path to kind for everything that differs. A secret or an unknown differs as a whole."""
    return dict(_differences("", old, new))


def _differences(path: str, old: Value, new: Value) -> Iterator[tuple[str, Kind]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _one(_join(path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            yield from _one(f"{path}[{index}]", before, after)
    elif old != new:
        yield path, "UPDATE"


def _one(path: str, old: Value, new: Value) -> Iterator[tuple[str, Kind]]:
    if old is None and new is not None:
        yield path, "ADD"
    elif new is None and old is not None:
        yield path, "DELETE"
    else:
        yield from _differences(path, old, new)


def _join(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        escaped = key.replace('"', '\\"')
        return f'{path}["{escaped}"]'
    return f"{path}.{key}" if path else key
