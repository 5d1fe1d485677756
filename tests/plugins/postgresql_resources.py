"""Drives PostgreSQL resources through a plugin, the way the engine does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.plugin_process import Difference, PluginError, PluginProcess, State
from toolchain.plugins.properties import Properties

ROLE = "postgresql:index/role:Role"
DATABASE = "postgresql:index/database:Database"
EXTENSION = "postgresql:index/extension:Extension"
SCHEMA = "postgresql:index/schema:Schema"
GRANT = "postgresql:index/grant:Grant"
GRANT_ROLE = "postgresql:index/grantRole:GrantRole"
DEFAULT_PRIVILEGES = "postgresql:index/defaultPrivileges:DefaultPrivileges"


def checked(plugin: PluginProcess, token: str, inputs: Properties, old: Properties | None = None) -> Properties:
    """Return inputs as the plugin completes them; fail if it finds anything wrong."""
    answer = plugin.check(token, inputs, old)
    assert answer.failures == [], f"{token} refused {inputs}"
    return answer.inputs


def made(plugin: PluginProcess, token: str, **inputs: Any) -> State:
    """Create a resource."""
    return plugin.create(token, checked(plugin, token, inputs))


def failure_of(plugin: PluginProcess, token: str, **inputs: Any) -> str:
    """Create a resource that cannot be, and return why."""
    with pytest.raises(PluginError) as failure:
        made(plugin, token, **inputs)
    return str(failure.value)


def changed_inputs(plugin: PluginProcess, token: str, state: State, **changes: Any) -> Properties:
    """Change some of the user's inputs, leave out those set to None, and return them as the plugin completes them."""
    defaults = state.inputs.get("__defaults", [])
    own = {name: value for name, value in state.inputs.items() if name not in {*defaults, "__defaults"}}
    wanted = {name: value for name, value in {**own, **changes}.items() if value is not None}
    return checked(plugin, token, wanted, state.inputs)


def difference(plugin: PluginProcess, token: str, state: State, **changes: Any) -> Difference:
    """Ask the plugin what a change would do."""
    return plugin.diff(token, state, changed_inputs(plugin, token, state, **changes))


def updated(plugin: PluginProcess, token: str, state: State, **changes: Any) -> State:
    """Change a resource."""
    after = plugin.update(token, state, changed_inputs(plugin, token, state, **changes))
    return State(str(after.outputs["id"]), after.outputs, after.inputs)


def without_bookkeeping(outputs: Properties) -> Properties:
    """Return the outputs that a user can see: the Terraform bridge adds one for itself."""
    return {name: value for name, value in outputs.items() if not name.startswith("__")}
