"""Pulumi property values as plain Python values.

On the wire (a protobuf Struct) a secret is an object with a signature and an unknown is a magic string; here
they are `Secret` and `UNKNOWN`. `pulumi.runtime.rpc` has the signatures, but its own decoding moves the
secrecy of a nested value up to the whole object, and the Go plugins do not, so the walk is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

Value: TypeAlias = Any
"""None, bool, int, float, str, list, dict with text keys, `Secret` or `UNKNOWN`, nested at will."""

Properties: TypeAlias = dict[str, Value]
"""The inputs, or the outputs, of one resource."""


_SIGNATURE: Final = rpc._special_sig_key
_OUTPUT: Final = rpc._special_output_value_sig


class Unknown:
    """A value that only an update will tell; there is one, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state and hides on the screen."""

    value: Value

    def __repr__(self) -> str:
        return "Secret(...)"


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read the properties of a request. Whole numbers become int."""
    return {name: _decode(value) for name, value in json_format.MessageToDict(struct).items()}


def encode(properties: Properties) -> struct_pb2.Struct:
    """Write the properties of a response."""
    struct = struct_pb2.Struct()
    struct.update({name: _encode(value) for name, value in properties.items()})
    return struct


def reveal(value: Value) -> Value:
    """Return the value with every `Secret` in it replaced by what it holds."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {name: reveal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Value) -> bool:
    """Whether the value is, or holds, `UNKNOWN`."""
    plain = reveal(value)
    if isinstance(plain, dict):
        return any(has_unknown(item) for item in plain.values())
    if isinstance(plain, list):
        return any(has_unknown(item) for item in plain)
    return plain is UNKNOWN


def has_secret(value: Value) -> bool:
    """Whether the value is, or holds, a `Secret`."""
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(has_secret(item) for item in value)
    return isinstance(value, Secret)


def _decode(value: Value) -> Value:
    if rpc.is_rpc_secret(value):
        return Secret(_decode(rpc.unwrap_rpc_secret(value)))
    if isinstance(value, dict) and value.get(_SIGNATURE) == _OUTPUT:
        known = _decode(value["value"]) if "value" in value else UNKNOWN
        return Secret(known) if value.get("secret") else known
    if value == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(value, dict):
        return {name: _decode(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _encode(value: Value) -> Value:
    if isinstance(value, Secret):
        if value.value is UNKNOWN:
            return {_SIGNATURE: _OUTPUT, "secret": True}
        return rpc.wrap_rpc_secret(_encode(value.value))
    if value is UNKNOWN:
        return rpc.UNKNOWN
    if isinstance(value, dict):
        return {name: _encode(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    return value
