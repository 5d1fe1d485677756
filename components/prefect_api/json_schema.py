"""Checks values against the JSON schemas that the server gives of job variables and blocks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError


def problems(values: Mapping[str, Any], schema: Mapping[str, Any], *, partial: bool = False) -> list[str]:
    """Say of each value why it does not fit, without showing it: it may be secret.

    Names that the schema does not know do not fit. Texts with `{{ ... }}` and references to blocks do: they
    stand for values that only a flow run knows.

    Args:
        values: by name.
        schema: JSON schema of an object.
        partial: whether required values may be missing.
    """
    strict = {"additionalProperties": False, **schema}
    if partial:
        strict.pop("required", None)
    errors = Draft202012Validator(strict).iter_errors(dict(values))
    return sorted(problem for error in errors if not _is_exempt(error.instance) for problem in _told(error))


def _is_exempt(value: object) -> bool:
    # Schemas of older Prefect classes do not say where null is allowed.
    is_reference = isinstance(value, Mapping) and "$ref" in value
    return value is None or is_reference or (isinstance(value, str) and "{{" in value)


def _told(error: ValidationError) -> Iterator[str]:
    place = "".join(f"{part}." for part in error.absolute_path)
    rule, limit = error.validator, error.validator_value
    schema: Any = error.schema
    value: Any = error.instance
    if rule == "additionalProperties" and limit is False:
        known = sorted(schema.get("properties", {}))
        for name in sorted(set(value) - set(known)):
            near = difflib.get_close_matches(str(name), known, n=1)
            yield f"{place}{name} is unknown{f'; did you mean {near[0]}?' if near else ', unlike ' + ', '.join(known)}"
    elif rule == "required":
        yield from (f"{place}{name} is missing" for name in schema["required"] if name not in value)
    else:
        yield f"{place.removesuffix('.')} {_RULES.get(str(rule), f'must satisfy {rule} {{}}').format(_listed(limit))}"


_RULES = {
    "type": "must be of type {}",
    "enum": "must be one of {}",
    "const": "must be {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "pattern": "must match {}",
    "anyOf": "has none of the forms that are allowed",
    "oneOf": "has none of the forms that are allowed",
    "allOf": "has not the form that is allowed",
}


def _listed(limit: object) -> str:
    return ", ".join(str(element) for element in limit) if isinstance(limit, list) else str(limit)
