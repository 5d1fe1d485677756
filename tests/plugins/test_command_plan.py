"""What the command plugin says before it runs anything: checks, differences, previews."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.plugin_process import PluginProcess, State
from toolchain.plugins.properties import UNKNOWN, Properties, Secret

LOCAL = "command:local:Command"
REMOTE = "command:remote:Command"
INPUTS: Properties = {
    "create": "echo made",
    "delete": "echo gone",
    "stdin": "text",
    "environment": {"A": "1"},
    "triggers": [1, "a"],
    "interpreter": ["/bin/sh", "-c"],
}
COMPLETE_CONNECTION = {"host": "h", "user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15}


def _reasons(plugin: PluginProcess, token: str, inputs: Properties) -> str:
    return " ".join(f"{name}: {reason}" for name, reason in plugin.check(token, inputs).failures)


def _state(inputs: Properties = INPUTS) -> State:
    return State("test1", {**inputs, "stdout": "before", "stderr": ""}, inputs)


class TestCheck:
    @pytest.mark.parametrize(
        "inputs",
        [
            {},
            INPUTS,
            {"create": UNKNOWN},
            {"stdin": Secret("s")},
            {"environment": {"A": Secret("s")}},
            {"triggers": []},
        ],
        ids=["empty", "plain", "unknown", "secret", "nested secret", "empty list"],
    )
    def test_keeps_valid_inputs_as_they_are(self, command: PluginProcess, inputs: Properties) -> None:
        checked = command.check(LOCAL, inputs)
        assert (checked.inputs, checked.failures) == (inputs, [])

    def test_leaves_out_what_is_null(self, command: PluginProcess) -> None:
        assert command.check(LOCAL, {"create": None}).inputs == {}

    def test_completes_a_connection_and_makes_all_of_it_secret(self, command: PluginProcess) -> None:
        checked = command.check(REMOTE, {"connection": {"host": "h"}})
        assert checked.inputs == {"connection": Secret(COMPLETE_CONNECTION)}

    def test_completes_a_proxy_too(self, command: PluginProcess) -> None:
        checked = command.check(REMOTE, {"connection": {"host": "h", "proxy": {"host": "p", "port": 2222}}})
        proxy = {**COMPLETE_CONNECTION, "host": "p", "port": 2222}
        assert checked.inputs == {"connection": Secret({**COMPLETE_CONNECTION, "proxy": proxy})}

    def test_marks_keys_and_passwords_within_the_connection(self, command: PluginProcess) -> None:
        connection = {**COMPLETE_CONNECTION, "password": "p", "privateKey": "k", "privateKeyPassword": "q"}
        hidden = {name: Secret(connection[name]) for name in ("password", "privateKey", "privateKeyPassword")}
        assert command.check(REMOTE, {"connection": connection}).inputs == {
            "connection": Secret({**connection, **hidden})
        }

    def test_lets_unknown_parts_of_a_connection_through(self, command: PluginProcess) -> None:
        checked = command.check(REMOTE, {"connection": {"host": UNKNOWN}})
        assert checked.inputs == {"connection": Secret({**COMPLETE_CONNECTION, "host": UNKNOWN})}

    @pytest.mark.parametrize(
        ("token", "inputs", "reason"),
        [
            (LOCAL, {"craete": "x"}, "craete: Unrecognized field 'craete' on 'local.CommandInputs'"),
            (LOCAL, {"create": 1}, "Field 'create' on 'local.CommandInputs' must be a 'string'; got 'float64' instead"),
            (LOCAL, {"interpreter": "sh"}, "must be a '[]string'; got 'string' instead"),
            (LOCAL, {"environment": {"A": 1}}, "'environment[A] value' on 'local.CommandInputs' must be a 'string'"),
            (REMOTE, {}, "connection: Missing required field 'connection' on 'remote.CommandInputs'"),
            (REMOTE, {"connection": {}}, "host: Missing required field 'host' on 'remote.Connection'"),
            (REMOTE, {"connection": {"host": "h", "key": "k"}}, "Unrecognized field 'key' on 'remote.Connection'"),
            (
                REMOTE,
                {"connection": {"host": "h", "proxy": {}}},
                "required field 'host' on 'remote.ProxyConnection'",
            ),
            (REMOTE, {"connection": {"host": "h"}, "dir": "/"}, "dir: Unrecognized field 'dir'"),
        ],
    )
    def test_refuses(self, command: PluginProcess, token: str, inputs: Properties, reason: str) -> None:
        assert reason in _reasons(command, token, inputs)

    def test_refused_inputs_hide_the_connection_too(self, command: PluginProcess) -> None:
        checked = command.check(REMOTE, {"connection": {"host": "h", "password": "p"}, "nonsense": 1})
        assert checked.inputs["connection"] == Secret({"host": "h", "password": Secret("p")})


class TestDiff:
    def test_equal_inputs_change_nothing(self, command: PluginProcess) -> None:
        assert not command.diff(LOCAL, _state(), INPUTS).changed

    @pytest.mark.parametrize(
        ("change", "details"),
        [
            ({"create": "other"}, {"create": "UPDATE"}),
            ({"delete": "other"}, {"delete": "UPDATE"}),
            ({"delete": None}, {"delete": "DELETE"}),
            ({"update": "new"}, {"update": "ADD"}),
            ({"stdin": UNKNOWN}, {"stdin": "UPDATE"}),
            ({"stdin": Secret("text")}, {"stdin": "UPDATE"}),
            ({"environment": {"A": "2", "B": "3"}}, {"environment.A": "UPDATE", "environment.B": "ADD"}),
            ({"environment": {"a.b": "1"}}, {"environment.A": "DELETE", 'environment["a.b"]': "ADD"}),
            ({"interpreter": ["/bin/bash"]}, {"interpreter[0]": "UPDATE", "interpreter[1]": "DELETE"}),
        ],
    )
    def test_a_change_updates_in_place(
        self, command: PluginProcess, change: Properties, details: dict[str, str]
    ) -> None:
        wanted = {name: value for name, value in {**INPUTS, **change}.items() if value is not None}
        difference = command.diff(LOCAL, _state(), wanted)
        assert (difference.changed, difference.details, difference.replaces) == (True, details, set())
        assert difference.diffs == set(change), "what `pulumi up` shows beside the resource"

    @pytest.mark.parametrize(
        ("triggers", "path", "kind"),
        [
            ([2, "a"], "triggers[0]", "UPDATE"),  # the SDK makes the engine replace for these
            ([1, "a", 3], "triggers[2]", "ADD"),
            (UNKNOWN, "triggers", "UPDATE_REPLACE"),
            (None, "triggers", "DELETE_REPLACE"),
        ],
    )
    def test_triggers_replace_as_a_whole(self, command: PluginProcess, triggers: Any, path: str, kind: str) -> None:
        wanted = {name: value for name, value in {**INPUTS, "triggers": triggers}.items() if value is not None}
        difference = command.diff(LOCAL, _state(), wanted)
        assert difference.details == {path: kind}
        assert difference.replaces == ({path} if kind.endswith("REPLACE") else set())

    def test_a_new_connection_does_not_replace(self, command: PluginProcess) -> None:
        inputs = {"connection": Secret(COMPLETE_CONNECTION)}
        moved = {"connection": Secret({**COMPLETE_CONNECTION, "host": "elsewhere"})}
        difference = command.diff(REMOTE, _state(inputs), moved)
        assert (difference.details, difference.replaces) == ({"connection": "UPDATE"}, set())

    def test_ignored_changes_are_ignored(self, command: PluginProcess) -> None:
        wanted = {**INPUTS, "create": "other", "delete": "other"}
        assert command.diff(LOCAL, _state(), wanted, ignore_changes=["delete"]).details == {"create": "UPDATE"}


class TestPreview:
    def test_a_new_command_has_unknown_output(self, command: PluginProcess) -> None:
        inputs = {"create": "echo hi", "stdin": Secret("s"), "environment": UNKNOWN}
        assert command.create(LOCAL, inputs, preview=True).outputs == {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN}

    def test_nothing_is_run(self, command: PluginProcess, tmp_path: Any) -> None:
        touched = tmp_path / "touched"
        inputs = {"create": f"touch {touched}", "update": f"touch {touched}", "delete": f"touch {touched}"}
        command.create(LOCAL, inputs, preview=True)
        command.update(LOCAL, _state(inputs), {**inputs, "stdin": "new"}, preview=True)
        assert not touched.exists()

    def test_a_changed_command_has_unknown_output(self, command: PluginProcess) -> None:
        outputs = command.update(LOCAL, _state(), {**INPUTS, "create": "other"}, preview=True).outputs
        assert (outputs["stdout"], outputs["stderr"]) == (UNKNOWN, UNKNOWN)

    def test_an_unchanged_command_keeps_its_output(self, command: PluginProcess) -> None:
        assert command.update(LOCAL, _state(), INPUTS, preview=True).outputs == _state().outputs


def test_refresh_returns_the_state(command: PluginProcess) -> None:
    assert command.read(LOCAL, _state()) == _state()
