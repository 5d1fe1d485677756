"""How often things drifted: counted from what the stack's state and the hosts say, whatever goes wrong on the way."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import drift
from components.drift import HERE, DriftError, find_repairs, last_runs, read_answer, repairs
from components.platforms import Commands, HostFile, LastRun, Local, powershell
from components.platforms.repairs import without
from components.settings import HostSettings

SECRET_MARK = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
BOX = HostSettings(name="box", platform="local", directory="/srv/box")


def resource(name: str, *, type_: str = "command:local:Command", **inputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::prefect-selfhost::prefect-selfhost:index:Host${type_}::{name}"
    return {"urn": urn, "type": type_, "custom": True, "inputs": {"create": "true", **inputs}}


def state(*resources: Mapping[str, Any]) -> str:
    return json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": resources}})


def secret(value: Any) -> dict[str, str]:
    """Return a value as `pulumi stack export --show-secrets` prints it."""
    return {**SECRET_MARK, "plaintext": json.dumps(value)}


def run_of(name: str, times: int = 0, create: str = "true") -> LastRun:
    return LastRun(name=name, create=Commands(create=create).repaired(times).create, stdin="")


class TestTheCount:
    @pytest.mark.parametrize("times", [0, 1, 9, 10, 123, 98765])
    @pytest.mark.parametrize("create", ["true", powershell.command("create")], ids=["bash", "powershell"])
    def test_it_travels_in_the_command(self, create: str, times: int) -> None:
        run = run_of("a", times, create)
        assert run.repairs == times
        assert (run.create == create) == (times == 0)
        assert without(run.create) == create

    def test_what_never_drifted_has_a_command_without_it(self) -> None:
        assert Commands(create="true", delete="false").repaired(0) == Commands(create="true", delete="false")

    def test_removal_does_not_change(self) -> None:
        assert Commands(create="true", delete="false").repaired(3).delete == "false"

    @pytest.mark.parametrize(
        "create", ["write-file 0644 root /etc/repair-4/a", "write-file 0644 root '/etc/a repair-4'"]
    )
    def test_a_path_is_no_count(self, create: str) -> None:
        assert LastRun(name="a", create=create, stdin="").repairs == 0

    def test_it_rises_for_what_drifted_and_stays_for_the_rest(self) -> None:
        runs = [run_of("never"), run_of("once", 1), run_of("now"), run_of("again", 4)]
        assert repairs(runs, {"now": "content", "again": "missing"}) == {"once": 1, "now": 1, "again": 5}

    def test_once_repaired_nothing_changes_any_more(self) -> None:
        due = repairs([run_of("a", 2)], {"a": "content"})
        assert repairs([run_of("a", due["a"])], {}) == due


class TestTheState:
    def test_commands_are_found_by_the_place_they_ran_at(self) -> None:
        connection = {"host": "203.0.113.10", "port": 22, "user": "ops", "privateKey": secret("KEY")}
        found = last_runs(
            state(
                {
                    "urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev",
                    "type": "pulumi:pulumi:Stack",
                    "custom": False,
                },
                resource("here", stdin="text"),
                resource("there", type_="command:remote:Command", connection=connection),
                resource("at-another-port", type_="command:remote:Command", connection={**connection, "port": 2222.0}),
            )
        )
        assert {place: [run.name for run in runs] for place, runs in found.items()} == {
            HERE: ["here"],
            "203.0.113.10:22": ["there"],
            "203.0.113.10:2222": ["at-another-port"],
        }
        assert found[HERE] == [LastRun(name="here", create="true", stdin="text")]

    def test_secrets_are_taken_as_what_they_are(self) -> None:
        connection = secret({"host": "db", "port": 22, "privateKey": "KEY"})
        found = last_runs(
            state(resource("a", type_="command:remote:Command", connection=connection, stdin=secret("é")))
        )
        assert found["db:22"][0].stdin == "é"

    def test_what_only_waits_to_be_deleted_is_left_out(self) -> None:
        assert last_runs(state({**resource("replaced"), "delete": True})) == {}

    def test_a_stack_that_was_never_up_has_none(self) -> None:
        assert last_runs('{"version": 3, "deployment": {"manifest": {}}}') == {}

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", state({"type": "command:local:Command", "urn": "a", "inputs": {}})]
    )
    def test_anything_else_is_an_error(self, text: str) -> None:
        with pytest.raises(DriftError, match="printed something else than a state"):
            last_runs(text)


@pytest.mark.parametrize("text", ["", "{", '{"differences": {}}', "[]"])
def test_an_answer_that_was_cut_off_is_an_error(text: str) -> None:
    with pytest.raises(DriftError, match="was cut off"):
        read_answer(text)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    return told


class TestOnThisMachine:
    """The whole way, with a stand-in for `pulumi stack export` alone."""

    @pytest.fixture(autouse=True)
    def exported(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """Have `pulumi` print the content of a file."""
        export = tmp_path / "export.json"
        program = tmp_path / "bin" / "pulumi"
        program.parent.mkdir()
        wished = "stack export --show-secrets --non-interactive --stack org/project/dev"
        program.write_text(f'#!/bin/sh\n[ "$*" = "{wished}" ] && cat {export}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        for word, value in {"organization": "org", "project": "project", "stack": "dev"}.items():
            monkeypatch.setattr(pulumi, f"get_{word}", lambda value=value: value)
        return export

    @staticmethod
    def written(path: Path, content: str, times: int = 0) -> dict[str, Any]:
        """Write a file as Pulumi does, and return its resource."""
        file = HostFile(path=str(path), content="")
        create = Local("/srv/box").file(file).repaired(times).create
        subprocess.run(["/bin/sh", "-c", create], input=content, text=True, check=True, capture_output=True)
        return resource(path.name, create=create, stdin=content)

    def test_nothing_drifted(self, exported: Path, tmp_path: Path, warnings: list[str]) -> None:
        exported.write_text(state(self.written(tmp_path / "a", "one"), self.written(tmp_path / "b", "two", times=2)))
        assert find_repairs([BOX], None) == {"b": 2}
        assert warnings == []

    def test_each_difference_is_a_warning_and_counts(self, exported: Path, tmp_path: Path, warnings: list[str]) -> None:
        exported.write_text(state(*(self.written(tmp_path / name, name) for name in "abc")))
        (tmp_path / "a").write_text("other")
        (tmp_path / "b").unlink()
        assert find_repairs([BOX], None) == {"a": 1, "b": 1}
        assert warnings == [f"Drift on box: {tmp_path}/a: content (a)", f"Drift on box: {tmp_path}/b: missing (b)"]

    def test_of_several_hosts_of_this_machine_one_is_asked(
        self, exported: Path, tmp_path: Path, warnings: list[str]
    ) -> None:
        exported.write_text(state(self.written(tmp_path / "a", "one")))
        (tmp_path / "a").unlink()
        other = HostSettings(name="other", platform="local", directory="/srv/other")
        assert find_repairs([BOX, other], None) == {"a": 1}
        assert len(warnings) == 1

    def test_a_host_that_does_not_answer_is_a_warning_and_keeps_its_counts(
        self, exported: Path, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
    ) -> None:
        monkeypatch.setattr(drift, "HOST_SECONDS", 0.2)
        connection = {"host": "127.0.0.1", "port": 1, "user": "ops"}
        create = run_of("a", 3).create
        exported.write_text(state(resource("a", type_="command:remote:Command", connection=connection, create=create)))
        host = HostSettings(name="db", platform="linux", address="127.0.0.1", port=1, host_key="ssh-ed25519 AAAA")
        assert find_repairs([host], "no key") == {"a": 3}
        assert [text.partition(": ")[0] for text in warnings] == ["Drift was not looked for on db"]

    def test_what_cannot_be_looked_at_is_a_warning_and_keeps_its_count(
        self, exported: Path, warnings: list[str]
    ) -> None:
        script = Local("/srv/box").script("service")
        text = "\n".join(["", "drift() { echo half; echo broken >&2; return 3; }"])
        exported.write_text(state(resource("a", create=script.repaired(2).create, stdin=text)))
        assert find_repairs([BOX], None) == {"a": 2}
        assert warnings == ["Drift of a on box was not looked for: broken"]

    def test_where_pulumi_does_not_tell_the_state_nothing_is_known(self, warnings: list[str]) -> None:
        assert find_repairs([BOX], None) == {}
        assert warnings[0].startswith("Drift was not looked for: pulumi stack export --show-secrets")
        assert "No such file" in warnings[0]
