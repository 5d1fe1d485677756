"""The text diff of a plan: each file's lines, what is secret left out."""

import difflib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from policies.resources import UNKNOWN, Resource, Secret
from policies.steps import Script, WrittenFile, is_repair, step
from toolchain.preview.objects import kind, label
from toolchain.preview.plan import SECRET, SIGNS, Change, Plan

CONTEXT_LINES = 2
VALUE_LINES = 30
"""A longer value that comes or goes as a whole is only counted."""
REPEATED_LINES = 8
"""What is longer is told once, of whichever host comes first."""
HIDDEN = ("__provider", "__defaults", "__internal", "create", "update", "delete")
"""Inputs that tell a reader nothing: pickles, and command lines, whose text stands in scripts/ or components/."""
TOLD_ELSEWHERE = ("api_url", "adopt", "name")
"""Inputs of a new object in Prefect that its heading or the summary tells."""
CHECKSUM = re.compile(r"\s*--hash=")
"""Lines of lock files that change with the version above them."""


def difference(plan: Plan, *, hide: Collection[str] = ()) -> list[str]:
    """Return the lines of a diff: a heading `@@ ... @@` for each resource that changes, then what of it does.

    The values of the resources to `hide` are left out.
    """
    lines: list[str] = []
    seen: dict[tuple[str, ...], str] = {}
    for change in plan.changes:
        if change.operation == "same" or change.resource.type.startswith(("prefect-selfhost:", "pulumi:pulumi:")):
            continue
        lines.append(f"@@ {SIGNS[change.operation]} {change.resource.name}: {_what(change)} @@")
        told = tuple(_told(change))
        if told and change.resource.name in hide:
            lines.append("  (left out: it holds a secret in clear)")
        elif told in seen:
            lines.append(f"  (the same as of {seen[told]})")
        else:
            lines += told
        if len(told) > REPEATED_LINES:
            seen.setdefault(told, change.resource.name)
    return lines


def _what(change: Change) -> str:
    resource, done = change.resource, step(change.resource)
    if isinstance(done, WrittenFile):
        return done.path
    if isinstance(done, Script):
        return f"script {done.name}"
    if resource.is_prefect:
        return label(resource)
    sort = resource.type.rpartition(":")[2]
    if resource.type.startswith("pulumi:providers:"):
        return f"provider {sort}"
    name = resource.inputs.get("name")
    return f"{sort} {name}" if isinstance(name, str) else sort


def _told(change: Change) -> Iterator[str]:
    if change.operation in ("update", "replace"):
        yield from _changed(change)
    elif change.operation == "create" and kind(change.resource):
        yield from _new_object(change.resource)


def _new_object(resource: Resource) -> Iterator[str]:
    """Yield what a new object in Prefect is to be: unlike a file, nothing else shows that to a reviewer."""
    for key, value in resource.values.items():
        if key not in (*HIDDEN, *TOLD_ELSEWHERE) and value not in (None, [], {}, ""):
            yield from (f"+ {line}" for line in _shown(key, value))


def _changed(change: Change) -> Iterator[str]:
    if change.old is None or change.new is None:
        return
    if is_repair(change.old, change.new):
        yield "  no longer as declared on the host: it is put back"
    yield from _where(change.old, change.new)
    old, new = _values_of(change.old), _values_of(change.new)
    for key in dict.fromkeys([*old, *new]):
        if key in HIDDEN:
            continue
        if isinstance(old.get(key), Secret) and isinstance(new.get(key), Secret):
            yield from _secret(change, key)
        elif old.get(key) != new.get(key):
            yield from _values(key, old.get(key), new.get(key))


def _values_of(resource: Resource) -> dict[str, Any]:
    """Return inputs as people think of them: a Windows host is sent JSON with a file, or settings and a script."""
    values, done = resource.values, step(resource)
    if isinstance(done, WrittenFile) and done.content is not None:
        values["stdin"] = done.content
    elif isinstance(done, Script) and done.settings and values["stdin"].startswith("{"):
        settings = [f"{name}={value}" for name, value in done.settings.items()]
        values["stdin"] = "\n".join([*settings, "", json.loads(values["stdin"])["script"]])
    return values


def _where(old: Resource, new: Resource) -> list[str]:
    """Return how a file is another one: its command line says so, but nobody reads that."""
    files = step(old), step(new)
    before, after = (
        f"{file.path}, owner {file.owner}, mode {file.mode}" if isinstance(file, WrittenFile) else "" for file in files
    )
    return [f"- {before}", f"+ {after}"] if before and after and before != after else []


def _secret(change: Change, key: str) -> Iterator[str]:
    """Yield whether a secret is another one: the engine says so, but of an object in Prefect only that something is."""
    if key in change.properties:
        yield f"  {key}: {SECRET}, another one"
    elif change.resource.is_prefect and not change.properties:
        yield f"  {key}: {SECRET}, perhaps another one"


def _values(key: str, old: Any, new: Any) -> Iterator[str]:
    before, after = _lines(old), _lines(new)
    if new is UNKNOWN:
        yield f"  {key}: follows from what changes before it"
    elif None not in (old, new) and max(len(before), len(after)) > 1:
        if key != "stdin":
            yield f"  {key}:"
        diff = difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES)
        yield from (("  …" if line.startswith("@@") else f"{line[0]} {line[1:]}") for line in list(diff)[2:])
    else:
        yield from (f"- {line}" for line in _shown(key, old))
        yield from (f"+ {line}" for line in _shown(key, new))


def _shown(key: str, value: Any) -> Sequence[str]:
    """Return a whole value, with its name."""
    lines = _lines(value)
    if len(lines) > VALUE_LINES or (len(lines) > 1 and isinstance(value, str)):
        return [f"{key}: {len(lines)} lines"]
    return [f"{key}: {lines[0]}", *lines[1:]] if lines else []


def _lines(value: Any) -> list[str]:
    """Return a value as a reader takes it: text as it is, tables as JSON, what is secret masked."""
    if value is None:
        return []
    text = value if isinstance(value, str) else json.dumps(_masked(value), indent=2, ensure_ascii=False)
    return [line for line in text.splitlines() if not CHECKSUM.match(line)]


def _masked(value: Any) -> Any:
    if isinstance(value, Secret):
        return SECRET
    if value is UNKNOWN:
        return "known after what is before it"
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
