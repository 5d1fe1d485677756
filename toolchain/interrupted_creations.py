"""Settles what a killed Pulumi was creating, so that the next run can go on and is not warned of it for ever.

Pulumi notes in the state what it is about to create, and keeps the note of a creation that was cut off until somebody
tells whether it was done. Nearly everything is done again, and converges. PostgreSQL's roles and databases cannot be
created when they are there: they are taken into the state, and a refresh of these alone finds out whether they are.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from toolchain.process import say
from toolchain.pulumi_command import failed, pulumi
from toolchain.stale_lock import state_directory

State = dict[str, Any]
"""What `pulumi stack export` tells, secrets encrypted."""

KNOWN_BY_NAME = {"postgresql:index/role:Role", "postgresql:index/database:Database"}
"""Types of what cannot be created where it is; its name is its id."""


def settle(stack: str, environ: Mapping[str, str]) -> None:
    """Settle the creations of a stack that were cut off; where nobody can be asked, the next run tries again.

    Raises ToolchainError if Pulumi does not give its state, or takes no other.
    """
    if not is_noted(stack, environ):
        return
    before = export(stack)
    cut_off = perhaps_created(before)
    if cut_off:
        say(f"Finding out what of {', '.join(map(name_of, cut_off))} a Pulumi that was killed has created")
        restore(stack, with_resources(before, cut_off.values()))
        if not refresh(stack, cut_off):
            restore(stack, before)
            return
    restore(stack, without_notes(export(stack)))


def is_noted(stack: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the state has notes of operations; one that is no file of this machine is left to its owner."""
    directory = state_directory(environ)
    states: Iterable[Path] = directory.glob(f"stacks/*/{stack}.json") if directory else ()
    return any('"pending_operations"' in path.read_text(encoding="utf-8") for path in states)


def perhaps_created(state: State) -> dict[str, dict[str, Any]]:
    """Return the resources, by their URNs, that may be there and cannot be created again."""
    return {
        operation["resource"]["urn"]: {**operation["resource"], "id": operation["resource"]["inputs"]["name"]}
        for operation in state["deployment"].get("pending_operations", [])
        if operation["type"] == "creating" and operation["resource"]["type"] in KNOWN_BY_NAME
    }


def with_resources(state: State, added: Iterable[Mapping[str, Any]]) -> State:
    """Return a state that has these as well; nothing can depend on them yet."""
    resources = state["deployment"]["resources"]
    known = {resource["urn"] for resource in resources}
    all_of_them = [*resources, *(new for new in added if new["urn"] not in known)]
    return {**state, "deployment": {**state["deployment"], "resources": all_of_them}}


def without_notes(state: State) -> State:
    """Return a state without notes of operations."""
    kept = {key: value for key, value in state["deployment"].items() if key != "pending_operations"}
    return {**state, "deployment": kept}


def name_of(urn: str) -> str:
    """Return a resource's name in the program."""
    return urn.rpartition("::")[2]


def export(stack: str) -> State:
    """Return a stack's state."""
    exported: State = json.loads(_state_command("export", stack))
    return exported


def restore(stack: str, state: State) -> None:
    """Put another state in the place of a stack's."""
    _state_command("import", stack, json.dumps(state))


def refresh(stack: str, urns: Iterable[str]) -> bool:
    """Ask whether these are there, drop from the state what is not, and tell whether that could be asked."""
    targets = [word for urn in urns for word in ("--target", urn)]
    options = ["--yes", "--skip-preview", "--non-interactive", "--run-program", *targets, "--stack", stack]
    return pulumi("refresh", *options).returncode == 0


def _state_command(action: str, stack: str, standard_input: str = "") -> str:
    command = ["stack", action, "--stack", stack]
    ended = pulumi(*command, standard_input=standard_input)
    if ended.returncode != 0:
        raise failed(f"pulumi {' '.join(command)} failed", ended)
    return ended.stdout
