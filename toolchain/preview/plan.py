"""The plan of a stack, as `pulumi preview --json` prints it: what is there, what would be, and what is done."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from policies.resources import UNKNOWN, Resource, Secret

SECRET = "[secret]"  # noqa: S105 - how Pulumi prints any secret
UNKNOWN_TEXTS = ("04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[unknown]", "output<string>")
"""How Pulumi prints what is not known yet."""

Operation = Literal["create", "update", "replace", "delete", "same"]
OPERATIONS: Mapping[str, Operation] = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "delete": "delete",
    "discard": "delete",
    "import": "create",
}
"""Pulumi's steps, https://www.pulumi.com/docs/iac/concepts/how-pulumi-works; all else leaves a resource as it is."""
SIGNS: dict[Operation, str] = {"create": "+", "update": "~", "replace": "±", "delete": "−"}  # noqa: RUF001 - a minus
"""What marks a change, wherever one is told or drawn."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource, as it is and as it would be."""

    operation: Operation
    old: Resource | None
    new: Resource | None
    properties: tuple[str, ...] = ()
    """The inputs that differ, as far as the provider said; for a replacement those that force it."""

    @property
    def resource(self) -> Resource:
        """The resource as it would be, or as it was before it goes."""
        resource = self.new or self.old
        if resource is None:
            raise ValueError("a step of the plan has neither an old nor a new resource")
        return resource


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `pulumi up` would do."""

    changes: tuple[Change, ...]
    """One for each resource, also for those that stay as they are, in the order of the plan."""
    problems: tuple[str, ...] = ()
    """Errors that the program or a provider reported; with any of them the plan is not whole."""

    @property
    def resources(self) -> list[Resource]:
        """What there would be afterwards."""
        return [change.new for change in self.changes if change.new is not None]

    @property
    def fingerprint(self) -> str:
        """Short hash of all that would be done; what is secret or unknown is none of it, as a plan does not tell it."""
        steps = sorted(
            json.dumps(
                [one.operation, one.resource.type, one.resource.name, one.resource.inputs], default=repr, sort_keys=True
            )
            for one in self.changes
            if one.operation != "same"
        )
        return hashlib.sha256("\n".join(steps).encode()).hexdigest()[:16]

    def of(self, operation: Operation) -> list[Change]:
        """Return the changes of one kind."""
        return [change for change in self.changes if change.operation == operation]


def read_plan(text: str) -> Plan:
    """Read what `pulumi preview --json` printed.

    Raises:
        ValueError: it is no such output.
    """
    document = json.loads(text[text.index("{") :]) if "{" in text else {}
    if "steps" not in document and "diagnostics" not in document:
        raise ValueError("this is not what `pulumi preview --json` prints: it has no steps")
    changes: dict[str, Change] = {}
    for step in document.get("steps", []):
        change = _change(step, document.get("config", {}))
        before = changes.get(step["urn"])
        # a replacement is told in up to three steps; the one with old and new says it all
        if before is None or (before.old is None or before.new is None):
            changes[step["urn"]] = change
    errors = [entry for entry in document.get("diagnostics") or [] if entry.get("severity") == "error"]
    return Plan(changes=tuple(changes.values()), problems=tuple(entry["message"].strip() for entry in errors))


def _change(step: Mapping[str, Any], config: Mapping[str, Any]) -> Change:
    operation = OPERATIONS.get(step["op"], "same")
    old, new = step.get("oldState"), step.get("newState")
    if operation == "delete":
        new = None
    reasons = step.get("replaceReasons") or step.get("diffReasons") or ()
    return Change(
        operation=operation,
        old=_resource(old, {}) if old else None,
        new=_resource(new, config) if new else None,
        properties=tuple(reasons),
    )


def _resource(state: Mapping[str, Any], config: Mapping[str, Any]) -> Resource:
    inputs = state.get("inputs", {})
    if state["type"] == "pulumi:pulumi:Stack":
        inputs = {key: _setting(value) for key, value in config.items()}
    return Resource(
        type=state["type"],
        name=_name(state["urn"]),
        inputs={key: _value(value) for key, value in inputs.items()},
        protect=bool(state.get("protect")),
        parent=_name(state["parent"]) if state.get("parent") else None,
        depends_on=frozenset(map(_name, state.get("dependencies", []))),
    )


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return Secret() if value == SECRET else UNKNOWN if value in UNKNOWN_TEXTS else value
    if isinstance(value, dict):
        return {key: _value(inner) for key, inner in value.items()}
    return [_value(inner) for inner in value] if isinstance(value, list) else value


def _setting(value: Any) -> Any:
    """Return a setting of the stack: Pulumi prints tables as JSON in text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
