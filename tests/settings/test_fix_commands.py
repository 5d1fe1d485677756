"""The commands that the messages propose are there to be pasted: into this shell, for this Pulumi."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.table import Problem
from tests.settings.stack_file import CHECKOUT, SCHEMA, problems, stack_file

BROKEN: dict[str, Any] = {
    "colour": "red",
    "hosts": {"box": {"platform": "locl"}},
    "postgres": {"host": ["box"], "port": "5432", "maxConnection": 30},
    "server": {"hosts": "box", "port": False, "logLevel": 3},
    "workPools": {"default": {"type": "proces", "concurrencyLimit": "ten"}, "my.pool": {}},
    "workers": {"default": {"healthPort": 1}, "second": {"workPool": "defualt"}},
    "authString": None,
    "secretBlock-Bad": "value",
    "secretBlock-clear": "two words, in clear text",
}
"""A stack file with at least one mistake of every kind."""

ENCRYPTED = {"databaseAdminPassword": "admin-91c4be07d6fa", "databasePassword": "short", "encryptionKey": "short"}


def broken(stack: str = "dev") -> list[Problem]:
    return list(problems(stack_file(**BROKEN, **ENCRYPTED), secrets=set(ENCRYPTED), stack=stack).values())


@pytest.mark.parametrize("stack", ["dev", "prod.eu_1"])
def test_a_command_is_one_line_of_words_for_the_stack_in_question(stack: str) -> None:
    for problem in broken(stack):
        assert "\n" not in problem.command
        for command in re.split(r" && | \| ", problem.command):
            words = shlex.split(command)
            assert words[0] in {"pulumi", "openssl", "sed", "tr", "cat"}
            if words[0] == "pulumi":
                assert words[1:3] in [["config", "set"], ["config", "rm"], ["config", "get"]]
                assert words[3:5] == ["--stack", stack]


def test_a_command_names_the_key_as_pulumi_writes_paths() -> None:
    found = problems(stack_file(workPools={"default": {}, "my.pool": {"colour": 1}, 'say "hi"': {}, "it's": {}}))

    words = [shlex.split(found[key].command) for key in found if not key.startswith("workers")]
    assert {word[-1] for word in words} == {
        'workPools["my.pool"]',
        'workPools["my.pool"].colour',
        'workPools["say \\"hi\\""]',
        'workPools["it\'s"]',
    }
    assert all("--path" in word for word in words)


def test_a_secret_is_made_and_handed_over_without_standing_on_a_command_line() -> None:
    for problem in broken():
        if problem.key in {"authString", "databasePassword", "encryptionKey"}:
            maker, _, setting = problem.command.rpartition(" | ")
            assert maker.startswith("openssl rand ")
            assert shlex.split(setting) == ["pulumi", "config", "set", "--stack", "dev", "--secret", problem.key]


class TestWithThePulumiCli:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        path = os.pathsep.join([os.environ.get("PATH", ""), str(CHECKOUT / ".local" / "bin")])
        for program in ("pulumi", "openssl"):
            if not shutil.which(program, path=path):
                pytest.skip(f"needs {program} on PATH; `make test` brings pulumi along")
        (tmp_path / "state").mkdir()
        return {
            "PATH": path,
            "HOME": str(tmp_path),
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def test_pasting_every_command_mends_the_stack_file(self, environment: dict[str, str], tmp_path: Path) -> None:
        def shell(command: str) -> str:
            ended = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, f"{command}\n{ended.stderr}"
            return ended.stdout

        def wrong() -> dict[str, Problem]:
            shown = json.loads(shell("pulumi config --json --show-secrets --stack dev"))
            found = {key.removeprefix("prefect-selfhost:"): entry for key, entry in shown.items()}
            values = {key: entry["value"] for key, entry in found.items()}
            return problems({**defaults(), **values}, secrets={key for key, entry in found.items() if entry["secret"]})

        shutil.copy(CHECKOUT / "Pulumi.yaml", tmp_path)
        shell("pulumi stack init dev")
        stack = tmp_path / "Pulumi.dev.yaml"
        mistakes = {f"prefect-selfhost:{key}": value for key, value in BROKEN.items() if value is not None}
        stack.write_text(yaml.safe_dump({**yaml.safe_load(stack.read_text()), "config": mistakes}))
        for key, value in ENCRYPTED.items():
            shell(f"pulumi config set --secret {key} {value}")

        before = wrong()
        assert set(before) == {problem.key for problem in broken()}
        assert {problem.given for problem in before.values()} >= {
            "stands in the stack file in clear text",
            "is missing",
        }

        for problem in before.values():
            shell(problem.command)

        left = wrong()
        assert not left, "\n".join(map(str, left.values()))
        kept = shell("pulumi config get secretBlock-clear")
        assert kept.strip() == BROKEN["secretBlock-clear"], "what stood in clear text is encrypted and not changed"


def defaults() -> dict[str, str]:
    return {key: json.dumps(entry["default"]) for key, entry in SCHEMA.items() if "default" in entry}
