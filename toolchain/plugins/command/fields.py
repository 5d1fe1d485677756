"""The properties of the command resources: types, defaults, secrecy, and the real plugin's error texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from toolchain.plugins.properties import UNKNOWN, Properties, Secret, Value, reveal
from toolchain.plugins.provider import Checked, ProviderError


@dataclass(frozen=True)
class Record:
    """A set of named fields, under the Go type name that error texts show."""

    name: str
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Field:
    """One property. `type` is a Go type name, as error texts show it, or a record."""

    type: str | Record
    required: bool = False
    default: Value = None
    secret: bool = False


Failures = Iterator[tuple[str, str]]

_PYTHON_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str,
    "bool": bool,
    "int": (int, float),
    "float64": (int, float),
    "[]string": list,
    "[]interface {}": list,
    "map[string]string": dict,
}


def _connection(name: str, **more: Field) -> Record:
    fields = {
        "user": Field("string", default="root"),
        "password": Field("string", secret=True),
        "host": Field("string", required=True),
        "port": Field("float64", default=22),
        "privateKey": Field("string", secret=True),
        "privateKeyPassword": Field("string", secret=True),
        "agentSocketPath": Field("string"),
        "dialErrorLimit": Field("int", default=10),
        "perDialTimeout": Field("int", default=15),
        "hostKey": Field("string"),
    }
    return Record(name, fields | more)


_COMMON: Final = {
    "triggers": Field("[]interface {}"),
    "create": Field("string"),
    "update": Field("string"),
    "delete": Field("string"),
    "stdin": Field("string"),
    "logging": Field("string"),
    "environment": Field("map[string]string"),
    "addPreviousOutputInEnv": Field("bool"),
}
_OUTPUTS: Final = {"stdout": Field("string", required=True), "stderr": Field("string", required=True)}

LOCAL_INPUTS: Final = Record(
    "local.CommandInputs", _COMMON | {"interpreter": Field("[]string"), "dir": Field("string")}
)
LOCAL_OUTPUTS: Final = Record("local.CommandOutputs", {**LOCAL_INPUTS.fields, **_OUTPUTS})
REMOTE_INPUTS: Final = Record(
    "remote.CommandInputs",
    _COMMON
    | {
        "connection": Field(
            _connection("remote.Connection", proxy=Field(_connection("remote.ProxyConnection"))),
            required=True,
            secret=True,
        )
    },
)
REMOTE_OUTPUTS: Final = Record("remote.CommandOutputs", {**REMOTE_INPUTS.fields, **_OUTPUTS})


def check(record: Record, inputs: Properties) -> Checked:
    """Find what is wrong with the inputs; if nothing is, add the defaults. Secret fields become secret either way."""
    failures = list(_failures(record, inputs))
    completed = inputs if failures else _with_defaults(record, inputs)
    return Checked(_with_secrets(record, completed), failures)


def require_valid(record: Record, properties: Properties, what: str = "") -> None:
    """Raise `ProviderError` if the properties do not fit the record; `what` begins its text."""
    failures = dict(_failures(record, properties))
    if failures:
        raise ProviderError(what + _listed(failures))


def _listed(failures: Mapping[str, str]) -> str:
    lines = "".join(f"\n\t{name}: {reason}" for name, reason in failures.items())
    return f"{len(failures)} failures decoding:{lines}"


def _failures(record: Record, properties: Properties) -> Failures:
    for name, field in record.fields.items():
        value = reveal(properties.get(name))
        if value is None:
            if field.required:
                yield name, f"Missing required field '{name}' on '{record.name}'"
        elif value is not UNKNOWN:
            yield from _type_failures(record, name, field.type, value)
    for name in properties:
        if name not in record.fields:
            yield name, f"Unrecognized field '{name}' on '{record.name}'"


def _type_failures(record: Record, name: str, wanted: str | Record, value: Value) -> Failures:
    if value is UNKNOWN:
        return
    if isinstance(wanted, Record):
        if not isinstance(value, dict):
            yield name, _mismatch(record, name, wanted.name, value)
        elif failures := dict(_failures(wanted, value)):
            owner = record.name.split(".")[-1]
            yield name, f"An error occurred decoding '{owner}.{name}': {_listed(failures)}"
    elif not _is(wanted, value):
        yield name, _mismatch(record, name, wanted, value)
    elif wanted == "map[string]string":
        for key, item in value.items():
            yield from _type_failures(record, f"{name}[{key}] value", "string", item)
    elif wanted == "[]string":
        for index, item in enumerate(value):
            yield from _type_failures(record, f"{name}[{index}]", "string", item)


def _is(wanted: str, value: Value) -> bool:
    return isinstance(value, _PYTHON_TYPES[wanted]) and (wanted == "bool" or not isinstance(value, bool))


def _mismatch(record: Record, name: str, wanted: str, value: Value) -> str:
    return f"Field '{name}' on '{record.name}' must be a '{wanted}'; got '{_go_type(value)}' instead"


def _go_type(value: Value) -> str:
    go_types: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "bool"),
        ((int, float), "float64"),
        (str, "string"),
        (list, "[]interface {}"),
    ]
    return next((name for python, name in go_types if isinstance(value, python)), "map[string]interface {}")


def _with_defaults(record: Record, value: Value) -> Value:
    if isinstance(value, Secret):
        return Secret(_with_defaults(record, value.value))
    if not isinstance(value, dict):
        return value
    completed = {name: item for name, item in value.items() if item is not None}
    for name, field in record.fields.items():
        if isinstance(field.type, Record) and name in completed:
            completed[name] = _with_defaults(field.type, completed[name])
        elif field.default is not None:
            completed.setdefault(name, field.default)
        if field.type == "int" and isinstance(completed.get(name), float):
            completed[name] = int(completed[name])
    return completed


def _with_secrets(record: Record, value: Value) -> Value:
    if isinstance(value, Secret):
        return Secret(_with_secrets(record, value.value))
    if not isinstance(value, dict):
        return value
    marked = dict(value)
    for name, field in record.fields.items():
        if name not in marked:
            continue
        if isinstance(field.type, Record):
            marked[name] = _with_secrets(field.type, marked[name])
        if field.secret and not isinstance(marked[name], Secret):
            marked[name] = Secret(marked[name])
    return marked
