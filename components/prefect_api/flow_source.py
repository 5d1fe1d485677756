"""Reads a flow's name, description and parameters from its file, without running it.

Prefect would import the file, with all that it imports, wherever a deployment is made. This program runs where none of
that is installed. What an annotation of the function does not say plainly (a class of the user's own) is left open in
the schema, so that any value fits; the flow itself checks it when it runs.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PLAIN: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list": {"type": "array", "items": {}},
    "dict": {"type": "object", "additionalProperties": True},
    "None": {"type": "null"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
_NAMES = {"List": "list", "Dict": "dict"}


@dataclass(frozen=True, kw_only=True)
class FlowSource:
    """What a file says of a flow.

    Attributes:
        name: given to `@flow`, else made of the function's.
        description: given to `@flow`, else the function's docstring.
        parameter_schema: JSON schema of the parameters, in the form that Prefect gives it.
    """

    name: str
    description: str | None
    parameter_schema: dict[str, Any]


def read(directory: Path, entrypoint: str) -> FlowSource:
    """Read a flow.

    Args:
        directory: that the entrypoint is relative to.
        entrypoint: `file.py:function`.

    Raises:
        ValueError: there is no such file, no such function in it, or it is no Python.
    """
    file, _, name = entrypoint.rpartition(":")
    path = directory / file
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except SyntaxError as error:
        raise ValueError(f"{path} is no Python: line {error.lineno}: {error.msg}") from error
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    flows = {function: node for function, node in functions.items() if _decorator(node)}
    if name not in flows:
        there = ", ".join(sorted(flows)) or "none"
        raise ValueError(f"{path} has no function {name!r} with @flow; with it: {there}")
    options = _options(flows[name])
    docstring = ast.get_docstring(flows[name])
    return FlowSource(
        name=options.get("name") or name.replace("_", "-"),
        description=options.get("description") or (inspect.cleandoc(docstring) if docstring else None),
        parameter_schema=_schema(flows[name].args),
    )


def _decorator(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if _last_name(called) == "flow":
            return decorator
    return None


def _options(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, str]:
    decorator = _decorator(function)
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return {
        keyword.arg: keyword.value.value
        for keyword in keywords
        if keyword.arg and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }


def _schema(arguments: ast.arguments) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for position, (argument, default) in enumerate(_parameters(arguments)):
        properties[argument.arg] = {"title": argument.arg, "position": position, **_type(argument.annotation)}
        if default is None:
            required.append(argument.arg)
        else:
            known, value = _value(default)
            properties[argument.arg] |= {"default": value} if known else {}
    schema: dict[str, Any] = {"title": "Parameters", "type": "object", "properties": properties, "definitions": {}}
    # a flow with **kwargs takes any name
    schema |= {"additionalProperties": True} if arguments.kwarg else {}
    return {**schema, "required": required} if required else schema


def _parameters(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    yield from zip(positional, [*[None] * missing, *arguments.defaults], strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _type(annotation: ast.expr | None) -> dict[str, Any]:
    """Give the schema of an annotation, an open one where it is not plain."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = _parsed(annotation.value)
    match annotation:
        case ast.Constant(value=None):
            return dict(_PLAIN["None"])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([_type(left), _type(right)])
        case ast.Subscript(value=generic, slice=inner):
            return _generic(_last_name(generic), inner.elts if isinstance(inner, ast.Tuple) else [inner])
        case ast.Name() | ast.Attribute():
            return dict(_PLAIN.get(_NAMES.get(_last_name(annotation), _last_name(annotation)), {}))
    return {}


def _parsed(annotation: str) -> ast.expr | None:
    try:
        return ast.parse(annotation, mode="eval").body
    except SyntaxError:
        return None


def _generic(name: str, inner: list[ast.expr]) -> dict[str, Any]:
    match name:
        case "Optional":
            return _union([_type(inner[0]), _PLAIN["None"]])
        case "Union":
            return _union([_type(element) for element in inner])
        case "list" | "List":
            return {"type": "array", "items": _type(inner[0])}
        case "dict" | "Dict" if len(inner) == 2:
            return {"type": "object", "additionalProperties": _type(inner[1]) or True}
        case "Literal" if all(isinstance(element, ast.Constant) for element in inner):
            return {"enum": [element.value for element in inner if isinstance(element, ast.Constant)]}
    return {}


def _union(types: list[dict[str, Any]]) -> dict[str, Any]:
    flat = [inner for type_ in types for inner in type_.get("anyOf", [type_])]
    return {"anyOf": flat} if all(flat) else {}


def _value(default: ast.expr) -> tuple[bool, Any]:
    """Give the value of a default, if it is one that JSON knows and stands there plainly."""
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return False, None
    return _is_json(value), value


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(_is_json(inner) for inner in value)
    return value is None or isinstance(value, str | int | float | bool)


def _last_name(expression: ast.expr) -> str:
    return expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")
