"""Workflows of pull requests have least permissions, and all that they do is done by the Makefile."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.settings.stack_file import CHECKOUT

GITHUB = CHECKOUT / ".github" / "workflows" / "preview.yml"
WINDOWS = CHECKOUT / ".github" / "workflows" / "windows.yml"
GITLAB = CHECKOUT / ".gitlab-ci.yml"
COMMANDS = {"make check", 'make preview STACK="$STACK"', 'make up STACK="$STACK" PLAN="$PLAN" YES=1'}


def github() -> dict[Any, Any]:
    return dict(yaml.safe_load(GITHUB.read_text()))


def gitlab() -> dict[str, Any]:
    return dict(yaml.safe_load(GITLAB.read_text()))


def test_zizmor_finds_nothing() -> None:
    """See https://docs.zizmor.sh/audits."""
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if zizmor is None:
        pytest.skip("zizmor is not installed: it needs Python 3.11, and `make check` installs it")
    command = [zizmor, "--quiet", "--offline", "--persona=pedantic", str(GITHUB), str(WINDOWS)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_actions_are_pinned_by_commit() -> None:
    used = [use for file in (GITHUB, WINDOWS) for use in re.findall(r"uses: (\S+)(.*)", file.read_text())]
    assert used
    assert [name for name, told in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name) or "# v" not in told] == []


def test_both_run_the_commands_of_the_makefile() -> None:
    for file in (GITHUB, GITLAB):
        assert [command for command in COMMANDS if command not in file.read_text()] == [], file.name


def test_who_runs_the_pull_request_writes_nothing_and_who_writes_runs_nothing_of_it() -> None:
    for name, job in github()["jobs"].items():
        writes = any(access == "write" for access in job["permissions"].values())
        assert writes == (name == "comment")
        checkouts = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        if writes:
            assert [one["ref"] for one in checkouts] == ["${{ github.event.pull_request.base.sha }}"]
        assert all(one["persist-credentials"] is False for one in checkouts)
    comment = gitlab()["comment"]
    assert comment["variables"]["GIT_STRATEGY"] == "none"
    assert '--branch "$CI_DEFAULT_BRANCH"' in comment["script"][1]


def test_both_post_by_the_same_script() -> None:
    for file, arguments in ((GITHUB, "toolchain/preview/post.py github"), (GITLAB, "toolchain/preview/post.py gitlab")):
        assert f"{arguments} " in file.read_text(), file.name


def test_what_runs_on_windows_may_only_read_and_gets_no_secret() -> None:
    text = WINDOWS.read_text()
    assert [job["permissions"] for job in yaml.safe_load(text)["jobs"].values()] == [{"contents": "read"}]
    assert "secrets." not in text


def test_a_fork_gets_no_secret_and_only_main_is_applied() -> None:
    workflow = github()
    assert set(workflow[True]) == {"pull_request", "push"}, "pull_request_target would hand a fork the secrets"
    assert "refs/heads/main" in workflow["jobs"]["up"]["if"]
    assert workflow["jobs"]["up"]["environment"] == "production"
    assert all("$CI_DEFAULT_BRANCH" in rule["if"] for rule in gitlab()["up"]["rules"])
