"""The text diff of a plan: each file's lines, what is secret left out."""

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any

from policies.resources import UNKNOWN, Secret
from policies.steps import Script, WrittenFile, step
from toolchain.preview.plan import SECRET, Change, Plan

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
CONTEXT_LINES = 2
HIDDEN = ("__provider", "__defaults", "__internal", "create", "update", "delete")
"""Inputs that tell a reader nothing: pickles, and command lines, whose text stands in scripts/ or components/."""
CHECKSUM = re.compile(r"\s*--hash=")
"""Lines of lock files that change with the version above them."""


def difference(plan: Plan, *, hide: Collection[str] = ()) -> list[str]:
    """Return the lines of a diff: a heading `@@ ... @@` for each resource that changes, then what of it does.

    The values of the resources to `hide` are left out.
    """
    lines: list[str] = []
    for change in plan.changes:
        if change.operation == "same" or change.resource.type.startswith("prefect-selfhost:"):
            continue
        lines.append(f"@@ {SIGNS[change.operation]} {change.resource.name}: {_what(change)} @@")
        if change.operation in ("update", "replace"):
            lines += ["  (left out: it holds a secret in clear)"] if change.resource.name in hide else _inputs(change)
    return lines


def _what(change: Change) -> str:
    done = step(change.resource)
    if isinstance(done, WrittenFile):
        return done.path
    if isinstance(done, Script):
        return f"script {done.name}"
    kind = change.resource.type.rpartition(":")[2]
    name = change.resource.inputs.get("name")
    return f"{kind} {name}" if isinstance(name, str) else kind


def _inputs(change: Change) -> list[str]:
    if change.old is None or change.new is None:
        return []
    old, new = change.old.inputs, change.new.inputs
    lines = _where(change)
    for key in dict.fromkeys([*old, *new]):
        if key not in HIDDEN and (old.get(key) != new.get(key) or _may_differ(change, key)):
            lines += _values(key, old.get(key), new.get(key))
    return lines


def _where(change: Change) -> list[str]:
    """Return how a file is another one: its command line says so, but nobody reads that."""
    old, new = (step(resource) if resource else None for resource in (change.old, change.new))
    if not isinstance(old, WrittenFile) or not isinstance(new, WrittenFile):
        return []
    before, after = (f"{file.path}, owner {file.owner}, mode {file.mode}" for file in (old, new))
    return [f"- {before}", f"+ {after}"] if before != after else []


def _may_differ(change: Change, key: str) -> bool:
    return isinstance(change.resource.inputs.get(key), Secret) and key in change.properties


def _values(key: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        before, after = ([line for line in text.splitlines() if not CHECKSUM.match(line)] for text in (old, new))
        diff = difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES)
        yield from (("  …" if line.startswith("@@") else f"{line[0]} {line[1:]}") for line in list(diff)[2:])
    elif isinstance(old, Secret) and isinstance(new, Secret):
        yield f"  {key}: {SECRET}, another one"
    elif new is UNKNOWN:
        yield f"  {key}: follows from what changes before it"
    else:
        yield from (f"- {line}" for line in _shown(key, old))
        yield from (f"+ {line}" for line in _shown(key, new))


def _shown(key: str, value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str) and "\n" in value:
        return [f"{key}: {len(value.splitlines())} lines"]
    return [f"{key}: {_masked(value)}"]


def _masked(value: Any) -> Any:
    if isinstance(value, Secret):
        return SECRET
    if value is UNKNOWN:
        return "known after what is before it"
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
