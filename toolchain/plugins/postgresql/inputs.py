"""Checks the inputs of a resource: types, defaults, limits, a name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from toolchain.plugins.postgresql.resource import Property, Resource, terraform_name
from toolchain.plugins.properties import UNKNOWN, Properties, Secret, Value
from toolchain.plugins.provider import Checked, ProviderError

DEFAULTS = "__defaults"
"""The input that lists the inputs which the plugin, not the user, chose."""

_TRUTH = {"true": True, "false": False}


def check(resource: Resource, name: str, old: Properties, new: Properties) -> Checked:
    """Complete the inputs of a resource; say what is wrong with them.

    Args:
        resource: declares the properties.
        name: the name of the Pulumi resource, for error texts and for a name in the database.
        old: the inputs at the last update; a name that the plugin chose then stays.
        new: the user's inputs, with nothing marked secret.

    Raises:
        ProviderError: a number cannot be read.
    """
    given = {key: value for key, value in new.items() if value is not None and key != DEFAULTS}
    converted = {key: _converted(key, resource.properties.get(key), value) for key, value in given.items()}
    chosen = {
        key: declared.default
        for key, declared in resource.properties.items()
        if declared.default not in {None, False} and key not in converted
    }
    if resource.autonamed and "name" not in converted:
        chosen["name"] = old["name"] if "name" in old.get(DEFAULTS, []) else f"{name}-{secrets.token_hex(4)[:7]}"
    checked: Properties = {**converted, **chosen, DEFAULTS: sorted(chosen)}
    failures = list(_failures(resource, name, converted))
    for key, value in converted.items():
        if key in resource.properties and resource.properties[key].secret and value is not UNKNOWN:
            checked[key] = Secret(value)
    return Checked(checked, failures)


def _converted(key: str, declared: Property | None, value: Value) -> Value:
    if declared is None or value is UNKNOWN:
        return value
    if declared.is_collection:
        return value if isinstance(value, list) else [value]
    if declared.type == "bool" and isinstance(value, str):
        return _TRUTH.get(value, value)
    if declared.type == "int" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            problem = f'strconv.ParseInt: parsing "{value}": invalid syntax'
            raise ProviderError(f"{terraform_name(key, declared)}: {problem}") from None
    if declared.type == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if declared.type == "string" else value


def _failures(resource: Resource, name: str, given: Properties) -> Iterator[tuple[str, str]]:
    for key, declared in resource.properties.items():
        if declared.required and key not in given and not (resource.autonamed and key == "name"):
            argument = terraform_name(key, declared)
            problem = f'Missing required argument. The argument "{argument}" is required, but no definition was found.'
            yield "", _at(name, key, problem)
    for key, value in given.items():
        known = resource.properties.get(key)
        if known is None:
            yield "", _at(name, key, "Invalid or unknown key")
        elif not known.followed:
            yield key, f"the stand-in does not follow '{key}'; install the real pulumi-resource-postgresql to use it"
        elif value is not UNKNOWN:
            wrong = _problem(terraform_name(key, known), known, value)
            if wrong is not None:
                yield "", _at(name, key, wrong)


def _problem(argument: str, declared: Property, value: Value) -> str | None:
    if declared.type == "bool" and not isinstance(value, bool):
        return f"cannot parse '' as bool: strconv.ParseBool: parsing \"{value}\": invalid syntax"
    if declared.minimum is not None and value < declared.minimum:
        return f"expected {argument} to be at least ({declared.minimum}), got {value}"
    if declared.allowed and value not in declared.allowed:
        allowed = " ".join(f'"{choice}"' for choice in declared.allowed)
        return f"expected {argument} to be one of [{allowed}], got {value}"
    return None


def _at(name: str, key: str, problem: str) -> str:
    return f"{problem}. Examine values at '{name}.{key}'."
