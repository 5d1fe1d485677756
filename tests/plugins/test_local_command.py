"""Commands on this machine."""

from __future__ import annotations

import concurrent.futures
import time
from pathlib import Path

import pytest

from tests.plugins.plugin_process import PluginError, PluginProcess, State
from tests.plugins.plugin_under_test import PluginUnderTest
from toolchain.plugins.properties import Properties, Secret

LOCAL = "command:local:Command"
INPUTS: Properties = {
    "create": "echo created",
    "update": 'echo "$PULUMI_COMMAND_STDOUT, then"; cat',
    "delete": 'echo "$PULUMI_COMMAND_STDOUT" >"$TARGET"; cat >>"$TARGET"',
    "stdin": "input",
}
AWKWARD = 'it\'s "quoted" $HOME `back` \\ é ✓'


def _made(plugin: PluginProcess, inputs: Properties) -> Properties:
    return plugin.create(LOCAL, inputs).outputs


def _failure(plugin: PluginProcess, inputs: Properties) -> str:
    with pytest.raises(PluginError) as failure:
        plugin.create(LOCAL, inputs)
    return str(failure.value)


def _wait_for(file: Path) -> str:
    deadline = time.monotonic() + 10
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, f"{file.name} was never written"
        time.sleep(0.02)
    return file.read_text()


class TestCreate:
    def test_captures_both_streams_without_the_last_line_feed(self, command: PluginProcess) -> None:
        outputs = _made(command, {"create": "printf 'a\\n\\n'; echo b >&2"})
        assert (outputs["stdout"], outputs["stderr"]) == ("a\n", "b")

    def test_without_a_command_nothing_is_captured(self, command: PluginProcess) -> None:
        assert _made(command, {}) == {"stdout": "", "stderr": ""}

    def test_feeds_standard_input(self, command: PluginProcess) -> None:
        assert _made(command, {"create": "cat", "stdin": AWKWARD})["stdout"] == AWKWARD

    def test_feeds_more_input_than_a_pipe_holds(self, command: PluginProcess) -> None:
        assert _made(command, {"create": "wc -c", "stdin": "x" * 300_000})["stdout"].strip() == "300000"

    def test_a_command_need_not_read_its_input(self, command: PluginProcess) -> None:
        assert _made(command, {"create": "true", "stdin": "x" * 300_000})["stdout"] == ""

    def test_without_input_standard_input_is_empty(self, command: PluginProcess) -> None:
        assert _made(command, {"create": "cat; echo end"})["stdout"] == "end"

    def test_sets_the_environment(self, command: PluginProcess) -> None:
        outputs = _made(command, {"create": 'printf %s "$GREETING"', "environment": {"GREETING": AWKWARD}})
        assert outputs["stdout"] == AWKWARD

    def test_uses_the_interpreter_and_the_directory(self, command: PluginProcess, tmp_path: Path) -> None:
        script = "import os; print(os.getcwd())"
        outputs = _made(command, {"create": script, "interpreter": ["python3", "-c"], "dir": str(tmp_path)})
        assert outputs["stdout"] == str(tmp_path)

    def test_secret_inputs_give_secret_outputs_of_the_same_name_only(self, command: PluginProcess) -> None:
        inputs = {"create": 'cat; echo "$A"', "stdin": Secret("s"), "environment": {"A": Secret("t")}}
        assert _made(command, inputs) == {**inputs, "stdout": "st", "stderr": ""}

    def test_ids_begin_with_the_name_and_differ(self, command: PluginProcess) -> None:
        first, second = (command.create(LOCAL, {}, name="unit").id for _ in range(2))
        assert first.startswith("unit")
        assert second.startswith("unit")
        assert first != second

    def test_logs_each_line_unless_told_otherwise(self, command: PluginProcess) -> None:
        command.log.messages.clear()
        _made(command, {"create": "echo shown; echo noted >&2"})
        _made(command, {"create": "echo only; echo never >&2", "logging": "stdout"})
        _made(command, {"create": "echo never; echo never >&2", "logging": "none"})
        assert sorted(command.log.messages) == ["noted", "only", "shown"]

    def test_many_run_side_by_side(self, command: PluginProcess) -> None:
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            made = list(pool.map(lambda number: _made(command, {"create": f"sleep 0.5; echo {number}"}), range(40)))
        assert [outputs["stdout"] for outputs in made] == [str(number) for number in range(40)]
        assert time.monotonic() - begun < 10, "40 commands of half a second waited for each other"


class TestUpdateAndDelete:
    def test_update_sees_the_last_output_and_the_input(self, command: PluginProcess) -> None:
        state = command.create(LOCAL, INPUTS)
        assert command.update(LOCAL, state, INPUTS).outputs["stdout"] == "created, then\ninput"

    def test_the_last_output_can_be_kept_out(self, command: PluginProcess) -> None:
        state = command.create(LOCAL, INPUTS)
        updated = command.update(LOCAL, state, {**INPUTS, "addPreviousOutputInEnv": False})
        assert updated.outputs["stdout"] == ", then\ninput"

    def test_without_update_create_runs_again(self, command: PluginProcess, tmp_path: Path) -> None:
        inputs = {"create": f"echo run >>{tmp_path / 'runs'}"}
        command.update(LOCAL, command.create(LOCAL, inputs), {**inputs, "stdin": "new"})
        assert (tmp_path / "runs").read_text() == "run\nrun\n"

    def test_without_any_command_the_output_stays(self, command: PluginProcess) -> None:
        state = command.create(LOCAL, INPUTS)
        assert command.update(LOCAL, state, {"delete": "true"}).outputs == {
            "delete": "true",
            "stdout": "created",
            "stderr": "",
        }

    def test_delete_sees_the_last_output_and_the_input(self, command: PluginProcess, tmp_path: Path) -> None:
        inputs = {**INPUTS, "environment": {"TARGET": str(tmp_path / "target")}}
        command.delete(LOCAL, command.create(LOCAL, inputs))
        assert (tmp_path / "target").read_text() == "created\ninput"

    def test_delete_without_a_command_does_nothing(self, command: PluginProcess) -> None:
        command.delete(LOCAL, command.create(LOCAL, {"create": "true"}))

    def test_a_failing_delete_fails(self, command: PluginProcess) -> None:
        with pytest.raises(PluginError, match="exit status 7"):
            command.delete(LOCAL, command.create(LOCAL, {"delete": "exit 7"}))

    def test_a_state_without_output_is_refused(self, command: PluginProcess) -> None:
        with pytest.raises(PluginError, match="Missing required field 'stdout'"):
            command.delete(LOCAL, State("id", {"delete": "true"}))


class TestFailure:
    def test_tells_status_command_and_output(self, command: PluginProcess) -> None:
        script = "echo done; echo 'pro\"blem' >&2; exit 3"
        told = _failure(command, {"create": script})
        assert told.startswith('exit status 3: running "echo done; echo \'pro\\"blem\' >&2; exit 3":\n')
        assert set(told.splitlines()[1:]) == {"done", 'pro"blem'}

    def test_tells_nothing_of_the_input_or_the_environment(self, command: PluginProcess) -> None:
        inputs = {"create": "exit 1", "stdin": Secret("hush"), "environment": {"A": Secret("hush")}}
        assert "hush" not in _failure(command, inputs)

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ({"create": "kill -9 $$"}, "signal: killed: running"),
            ({"create": "true", "dir": "/no/such"}, "chdir /no/such: no such file or directory: running"),
            ({"create": "true", "interpreter": ["/no/such"]}, "fork/exec /no/such: no such file or directory: running"),
            ({"create": "true", "interpreter": ["no-such"]}, 'exec: "no-such": executable file not found in $PATH'),
        ],
    )
    def test_tells_why_nothing_ran(self, command: PluginProcess, inputs: Properties, reason: str) -> None:
        assert reason in _failure(command, inputs)

    def test_custom_timeout_ends_it(self, command: PluginProcess) -> None:
        with pytest.raises(PluginError, match='context deadline exceeded: running "exec sleep 20"'):
            command.create(LOCAL, {"create": "exec sleep 20"}, timeout=0.3)

    def test_output_that_is_not_text_does_not_lose_the_resource(
        self, command_plugin: PluginUnderTest, command: PluginProcess
    ) -> None:
        command_plugin.skip_unless_stand_in("it forgets a command that ran but printed no UTF-8")
        assert _made(command, {"create": r"printf 'a\377b'"})["stdout"] == "a\N{REPLACEMENT CHARACTER}b"

    def test_assets_are_refused(self, command_plugin: PluginUnderTest, command: PluginProcess) -> None:
        command_plugin.skip_unless_stand_in("it reads assets")
        ((name, reason),) = command.check(LOCAL, {"assetPaths": ["*"]}).failures
        assert name == "assetPaths"
        assert "install the real pulumi-resource-command" in reason


class TestCancel:
    def test_ends_a_running_command(self, command_plugin: PluginUnderTest, tmp_path: Path) -> None:
        started = tmp_path / "started"
        with command_plugin.start() as plugin, concurrent.futures.ThreadPoolExecutor() as pool:
            running = pool.submit(plugin.create, LOCAL, {"create": f"echo yes >{started}; exec sleep 20"})
            _wait_for(started)
            begun = time.monotonic()
            plugin.cancel()
            with pytest.raises(PluginError, match=r"(killed|canceled): running"):
                running.result()
            assert time.monotonic() - begun < 5

    def test_ends_what_the_command_started_as_well(self, command_plugin: PluginUnderTest, tmp_path: Path) -> None:
        command_plugin.skip_unless_stand_in("it kills the shell alone and waits for the rest")
        child = tmp_path / "child"
        with command_plugin.start() as plugin, concurrent.futures.ThreadPoolExecutor() as pool:
            running = pool.submit(plugin.create, LOCAL, {"create": f"sleep 20 & echo $! >{child}; wait"})
            child_id = int(_wait_for(child))
            plugin.cancel()
            with pytest.raises(PluginError):
                running.result()
        state = Path(f"/proc/{child_id}/stat")
        assert not state.exists() or ") Z " in state.read_text(), "a child outlived the Cancel"

    def test_nothing_starts_after_it(self, command_plugin: PluginUnderTest, tmp_path: Path) -> None:
        with command_plugin.start() as plugin:
            plugin.cancel()
            with pytest.raises(PluginError, match="context canceled"):
                plugin.create(LOCAL, {"create": f"touch {tmp_path / 'touched'}"})
        assert not (tmp_path / "touched").exists()
