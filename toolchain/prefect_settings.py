"""Writes components/prefect_settings.json: which settings Prefect knows, and of what form each is.

Run by the Python of a Prefect version: PYTHON toolchain/prefect_settings.py >components/prefect_settings.json
"""

import enum
import importlib
import json
import sys
import types
import typing
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

KINDS = {bool: "boolean", int: "integer", float: "number"}


def catalogue(model: Any) -> dict[str, Any]:
    """Return the form of each setting below `model`, a class of Prefect's, by the name of its environment variable."""
    return dict(sorted(entries(model)))


def entries(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and forms; a name that Prefect still takes for an older one counts too."""
    prefix = model.model_config.get("env_prefix", "PREFECT_")
    for name, field in model.model_fields.items():
        kind = inner(field.annotation)
        if isinstance(kind, type) and hasattr(kind, "model_fields"):
            yield from entries(kind)
            continue
        for variable in {f"{prefix}{name}".upper(), *aliases(field)}:
            yield variable, form(kind, field)


def aliases(field: Any) -> Iterator[str]:
    """Yield the other names of a setting's environment variable."""
    for choice in getattr(field.validation_alias, "choices", ()):
        if isinstance(choice, str) and choice.lower().startswith("prefect_"):
            yield choice.upper()


def inner(annotation: Any) -> Any:
    """Return what a value is if it is anything: T of Optional[T]; of several kinds, none in particular."""
    if typing.get_origin(annotation) is typing.Annotated:
        return inner(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return inner(kinds[0]) if len(kinds) == 1 else str
    return annotation


def form(kind: Any, field: Any) -> Any:
    """Return `boolean`, `integer`, `number`, `seconds`, `duration`, `text`, or a list of what is allowed."""
    if typing.get_origin(kind) is typing.Literal:
        return [str(choice) for choice in typing.get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(choice.value) for choice in kind]
    if kind is timedelta:
        # some are annotated to take plain seconds as well
        return "seconds" if any("seconds" in str(metadata).lower() for metadata in field.metadata) else "duration"
    return KINDS.get(kind, "text")


if __name__ == "__main__":
    # it is there only for the Python that is to run this
    json.dump(catalogue(importlib.import_module("prefect.settings").Settings), sys.stdout, indent=0)
    sys.stdout.write("\n")
