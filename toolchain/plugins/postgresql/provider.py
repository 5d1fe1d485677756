"""The resources of the PostgreSQL plugin. A preview never connects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import psycopg

from toolchain.plugins.postgresql import configuration, inputs, plan
from toolchain.plugins.postgresql.connections import Connections, Server, server_words
from toolchain.plugins.postgresql.database import Database
from toolchain.plugins.postgresql.default_privileges import DefaultPrivileges
from toolchain.plugins.postgresql.extension import Extension
from toolchain.plugins.postgresql.grant import Grant
from toolchain.plugins.postgresql.grant_role import GrantRole
from toolchain.plugins.postgresql.resource import Property, Resource
from toolchain.plugins.postgresql.role import Role
from toolchain.plugins.postgresql.schema import Schema
from toolchain.plugins.properties import UNKNOWN, Properties, Value, has_unknown, reveal
from toolchain.plugins.provider import Call, Checked, Difference, Kind, Provider, ProviderError, State

_RESOURCES = {
    resource.token: resource
    for resource in (Role(), Database(), Extension(), Schema(), Grant(), GrantRole(), DefaultPrivileges())
}


class PostgresqlProvider(Provider):
    """Follows pulumi-resource-postgresql."""

    name = "postgresql"
    version = "3.18.2"
    accepts_secrets = False

    def __init__(self) -> None:
        self._config: Properties = {}
        self._server: Server | None = None

    def check_config(self, name: str, new: Properties) -> Checked:
        """Validate the configuration."""
        return configuration.check(name, new)

    def diff_config(self, old: Properties, new: Properties) -> Difference:
        """Compare configurations; no change of the connection replaces any resource."""
        kinds: dict[str, Kind] = {}
        before, after = reveal(old), reveal(new)
        for key in sorted({**before, **after}):
            if before.get(key) != after.get(key) and after.get(key) is not UNKNOWN:
                kinds[key] = "ADD" if key not in before else "DELETE" if key not in after else "UPDATE"
        return Difference(kinds)

    def configure(self, new: Properties) -> None:
        """Remember the configuration; it is read when the server is first needed."""
        self._config, self._server = new, None

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Validate and complete the inputs."""
        return inputs.check(_resource(call, "Check"), call.name, reveal(old), reveal(new))

    def diff(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Difference:
        """Compare what the resource was with what the inputs ask for."""
        resource = _resource(call, "Diff")
        old, wanted = reveal(state.outputs), _without_ignored(state, new, ignore_changes)
        details = plan.differences(resource, old, wanted)
        replaces = any(kind.endswith("REPLACE") for kind in details.values())
        fixed_name = resource.autonamed and "name" not in wanted.get(inputs.DEFAULTS, ["name"])
        delete_first = replaces and (resource.delete_before_replace or fixed_name)
        stables = [name for name, declared in resource.properties.items() if declared.replaces and name not in details]
        return Difference(details, delete_first, stables)

    def create(self, call: Call, new: Properties) -> State:
        """Make the resource."""
        resource = _resource(call, "Create")
        wanted = plan.planned(resource, reveal(new))
        if call.preview:
            return State("", plan.outputs(resource, wanted, UNKNOWN))
        known = {name: None if value is UNKNOWN else value for name, value in wanted.items()}
        with self._connected(call, "") as connections:
            id_ = resource.create(connections, known)
            return self._state(resource, connections, id_, known)

    def read(self, call: Call, state: State) -> State:
        """Ask the server for the resource."""
        resource = _resource(call, "Read")
        old = reveal(state.outputs)
        with self._connected(call, f"refreshing {call.urn}: ") as connections:
            present = resource.read(connections, state.id, old)
            if present is None:
                return State("", {})
            properties = {**{name: old.get(name) for name in resource.properties}, **present}
            id_ = str(properties.pop("id", state.id))
        refreshed = plan.refreshed_inputs(resource, reveal(state.inputs), properties)
        return State(id_, plan.outputs(resource, properties, id_), refreshed)

    def update(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Properties:
        """Change the resource in place."""
        resource = _resource(call, "Update")
        old = reveal(state.outputs)
        wanted = plan.planned(resource, _without_ignored(state, new, ignore_changes), old)
        if call.preview:
            return plan.outputs(resource, wanted, state.id)
        if has_unknown(wanted):
            raise ProviderError("an input is still unknown, so the resource cannot be updated")
        with self._connected(call, f"updating {call.urn}: ") as connections:
            id_ = resource.update(connections, state.id, old, wanted)
            return self._state(resource, connections, id_, wanted).outputs

    def delete(self, call: Call, state: State) -> None:
        """Remove the resource."""
        resource = _resource(call, "Delete")
        with self._connected(call, f"deleting {call.urn}: ") as connections:
            resource.delete(connections, reveal(state.outputs))

    @contextlib.contextmanager
    def _connected(self, call: Call, doing: str) -> Iterator[Connections]:
        try:
            if self._server is None:
                self._server = configuration.complete(self._config)
            with self._server.connections(call.interruption) as connections:
                yield connections
        except (ProviderError, psycopg.Error) as error:
            words = server_words(error) if isinstance(error, psycopg.Error) else str(error)
            reason = call.interruption.reason or words
            raise ProviderError(f"{doing}1 error occurred:\n\t* {reason}\n\n") from error

    @staticmethod
    def _state(resource: Resource, connections: Connections, id_: str, wanted: Properties) -> State:
        present = resource.read(connections, id_, wanted)
        if present is None:
            raise ProviderError(f"{id_} was gone right after it had been made")
        properties = {
            name: _kept(declared, wanted[name], present.get(name, wanted[name]))
            for name, declared in resource.properties.items()
        }
        id_ = present.get("id", id_)
        return State(id_, plan.outputs(resource, properties, id_))


def _kept(declared: Property, wanted: Value, present: Value) -> Value:
    """Return the present value, but nothing rather than an empty collection that nobody asked for."""
    return None if wanted is None and present == [] and not declared.computed else present


def _resource(call: Call, operation: str) -> Resource:
    if call.token not in _RESOURCES:
        raise ProviderError(
            f"unrecognized resource type ({operation}): {call.token}: the stand-in follows only"
            f" {', '.join(_RESOURCES)}; install the real pulumi-resource-postgresql to use others"
        )
    return _RESOURCES[call.token]


def _without_ignored(state: State, new: Properties, ignored: Sequence[str]) -> Properties:
    old = reveal(state.outputs)
    return {**reveal(new), **{name: old[name] for name in ignored if name in old}}
