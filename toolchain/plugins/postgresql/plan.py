"""Tells, without the server, what a resource will be and how that differs from what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolchain.plugins.postgresql.inputs import DEFAULTS
from toolchain.plugins.postgresql.resource import Property, Resource
from toolchain.plugins.properties import UNKNOWN, Properties, Secret, Value, has_unknown
from toolchain.plugins.provider import Kind

_REPLACING: Mapping[Kind, Kind] = {"ADD": "ADD_REPLACE", "DELETE": "DELETE_REPLACE", "UPDATE": "UPDATE_REPLACE"}


def planned(resource: Resource, inputs: Properties, old: Properties | None = None) -> Properties:
    """Return every property: the input, the default, what it was, or `UNKNOWN` if the server will choose."""
    return {
        name: _planned(declared, inputs.get(name), None if old is None else old.get(name), is_new=old is None)
        for name, declared in resource.properties.items()
    }


def _planned(declared: Property, wanted: Value, old: Value, *, is_new: bool) -> Value:
    if wanted is not None:
        return ordered(declared, wanted)
    if declared.computed:
        return UNKNOWN if is_new else old
    if declared.default is not None:
        return declared.default
    if declared.is_collection:
        return None if old is None else []
    return None if old else old


def ordered(declared: Property, value: Value) -> Value:
    """Put a set in the order in which the engine shall keep it."""
    return sorted(value) if declared.type == "set" and value and not has_unknown(value) else value


def outputs(resource: Resource, properties: Properties, id_: Value) -> Properties:
    """Properties as outputs: with the id, and the secret ones marked."""
    marked = {
        name: Secret(properties.get(name)) if declared.secret else properties.get(name)
        for name, declared in resource.properties.items()
    }
    return {**marked, "id": id_}


def differences(resource: Resource, old: Properties, inputs: Properties) -> dict[str, Kind]:
    """Path to kind for every change that the inputs ask for."""
    found: dict[str, Kind] = {}
    for name, declared in resource.properties.items():
        for path, kind in _differences(name, declared, old.get(name), inputs.get(name)):
            found[path] = _REPLACING[kind] if declared.replaces else kind
    return found


def _differences(name: str, declared: Property, old: Value, wanted: Value) -> Iterator[tuple[str, Kind]]:
    if wanted is None and (declared.computed or old is None):
        return
    if wanted is None and declared.default is not None:
        wanted = declared.default
    if declared.is_collection and not has_unknown(wanted):
        yield from _collection_differences(name, declared, old or [], wanted or [])
    elif wanted is None:
        if old:
            yield name, "DELETE"
    elif old is None:
        yield name, "ADD"
    elif old != wanted:
        yield name, "UPDATE"


def _collection_differences(name: str, declared: Property, old: Value, wanted: Value) -> Iterator[tuple[str, Kind]]:
    if not old and not wanted:
        return
    if not old or not wanted:
        yield name, "ADD" if wanted else "DELETE"
        return
    if declared.type == "set":
        gone = {index for index, item in enumerate(old) if item not in wanted}
        come = {index for index, item in enumerate(wanted) if item not in old}
    else:
        gone = {index for index, item in enumerate(old) if wanted[index : index + 1] != [item]}
        come = {index for index, item in enumerate(wanted) if old[index : index + 1] != [item]}
    for index in sorted(gone | come):
        both = index in gone and index in come
        yield f"{name}[{index}]", "UPDATE" if both else "DELETE" if index in gone else "ADD"


def refreshed_inputs(resource: Resource, old: Properties, present: Properties) -> Properties:
    """Return inputs that would give the present properties; for an import, made from these alone."""
    if not old:
        return {
            DEFAULTS: [],
            **{name: present[name] for name in resource.properties if _is_telling(resource, present, name)},
        }
    inputs = {name: _refreshed(resource.properties.get(name), value, present.get(name)) for name, value in old.items()}
    kept = [name for name in old.get(DEFAULTS, []) if inputs.get(name) == old.get(name)]
    inputs.pop(DEFAULTS, None)
    marked = {
        name: Secret(value) if name in resource.properties and resource.properties[name].secret else value
        for name, value in inputs.items()
    }
    return {**marked, DEFAULTS: kept} if kept else marked


def _is_telling(resource: Resource, present: Properties, name: str) -> bool:
    declared, value = resource.properties[name], present.get(name)
    return bool(value) and value != declared.default and not declared.secret


def _refreshed(declared: Property | None, value: Value, present: Value) -> Value:
    if declared is None or present is None:
        return value
    return ordered(declared, present)
