"""The resources of the command plugin: when which command runs, and what becomes of its output."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolchain.plugins.command import fields, local
from toolchain.plugins.command.differences import differences
from toolchain.plugins.properties import UNKNOWN, Properties, has_unknown, reveal
from toolchain.plugins.provider import Call, Checked, Difference, Kind, Provider, ProviderError, State

Run = Callable[[Call, str, Properties], dict[str, str]]


@dataclass(frozen=True)
class _Resource:
    inputs: fields.Record
    outputs: fields.Record
    run: Run


def _run_remote(call: Call, command: str, properties: Properties) -> dict[str, str]:
    from toolchain.plugins.command import remote  # noqa: PLC0415 - a preview needs no SSH library

    return remote.run(call, command, properties)


_RESOURCES = {
    "command:local:Command": _Resource(fields.LOCAL_INPUTS, fields.LOCAL_OUTPUTS, local.run),
    "command:remote:Command": _Resource(fields.REMOTE_INPUTS, fields.REMOTE_OUTPUTS, _run_remote),
}

_NOT_FOLLOWED = {
    name: f"the stand-in does not follow '{name}'; install the real pulumi-resource-command to use it"
    for name in ("assetPaths", "archivePaths")
}


class CommandProvider(Provider):
    """Follows pulumi-resource-command for `local.Command` and `remote.Command`."""

    name = "command"
    version = "1.2.1"
    accepts_secrets = True

    def check_config(self, name: str, new: Properties) -> Checked:  # noqa: ARG002
        """Accept anything: the plugin has no configuration."""
        return Checked(new)

    def diff_config(self, old: Properties, new: Properties) -> Difference:  # noqa: ARG002
        """Find nothing: the plugin has no configuration."""
        return Difference()

    def configure(self, new: Properties) -> None:
        """Do nothing: the plugin has no configuration."""

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:  # noqa: ARG002
        """Check types and names; add the defaults of the connection; mark it secret."""
        checked = fields.check(_resource(call).inputs, new)
        failures = [(name, _NOT_FOLLOWED.get(name, reason)) for name, reason in checked.failures]
        return Checked(checked.inputs, failures)

    def diff(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Difference:
        """Compare inputs with inputs. Only `triggers` as a whole replaces.

        That changed elements replace too is the SDK's doing: it sets `replaceOnChanges` on `triggers[*]`.
        """
        _resource(call)
        new = _without_ignored(state.outputs, new, ignore_changes)
        new = {name: value for name, value in new.items() if name != "version" and not name.startswith("__")}
        return Difference({path: _replacing(path, kind) for path, kind in differences(state.inputs, new).items()})

    def create(self, call: Call, new: Properties) -> State:
        """Run `create`, if there is one."""
        resource = _resource(call)
        fields.require_valid(resource.inputs, new, "invalid inputs: ")
        id_ = f"{call.name}{secrets.token_hex(4)}"
        if call.preview:
            return State(id_, {**new, "stdout": UNKNOWN, "stderr": UNKNOWN})
        return State(id_, _outputs(call, new.get("create"), new, {"stdout": "", "stderr": ""}))

    def read(self, call: Call, state: State) -> State:
        """Return the state as it is: a command cannot be asked again."""
        _resource(call)
        return state

    def update(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Properties:
        """Run `update`, or else `create`, with the output of the last run in the environment."""
        resource = _resource(call)
        new = _without_ignored(state.outputs, new, ignore_changes)
        fields.require_valid(resource.outputs, state.outputs)
        fields.require_valid(resource.inputs, new)
        previous = {name: state.outputs[name] for name in ("stdout", "stderr")}
        if call.preview:
            changed = any(_will_change(name, state.outputs, new) for name in resource.inputs.fields)
            return {**new, **(dict.fromkeys(previous, UNKNOWN) if changed else previous)}
        command = new["update"] if new.get("update") is not None else new.get("create")
        return _outputs(call, command, new, previous)

    def delete(self, call: Call, state: State) -> None:
        """Run `delete`, if there is one."""
        fields.require_valid(_resource(call).outputs, state.outputs)
        outputs = {name: state.outputs[name] for name in ("stdout", "stderr")}
        _outputs(call, state.outputs.get("delete"), state.outputs, outputs)


def _resource(call: Call) -> _Resource:
    if call.token not in _RESOURCES:
        _, _, name = call.token.partition(":")
        raise ProviderError(
            f"Resource '{name}' not found: the stand-in follows only {' and '.join(_RESOURCES)};"
            " install the real pulumi-resource-command to use others"
        )
    return _RESOURCES[call.token]


def _outputs(call: Call, command: object, inputs: Properties, previous: Properties) -> Properties:
    """Return the inputs and what the command printed; without a command, what was printed before."""
    if command is None:
        return {**inputs, **previous}
    if has_unknown(inputs):
        raise ProviderError("an input is still unknown, so the command cannot run")
    printed = _resource(call).run(call, reveal(command), reveal({**inputs, **previous}))
    return {**inputs, **printed}


def _without_ignored(old: Properties, new: Properties, ignored: Sequence[str]) -> Properties:
    return {**new, **{name: old[name] for name in ignored if name in old}}


def _will_change(name: str, old: Properties, new: Properties) -> bool:
    return has_unknown(new.get(name)) or (name in old and old[name] != new.get(name))


def _replacing(path: str, kind: Kind) -> Kind:
    replacing: dict[Kind, Kind] = {"ADD": "ADD_REPLACE", "DELETE": "DELETE_REPLACE", "UPDATE": "UPDATE_REPLACE"}
    return replacing[kind] if path == "triggers" else kind
