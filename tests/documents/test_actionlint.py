"""GitHub reads the workflows as they are meant: https://github.com/rhysd/actionlint, built from its Go module.

Not part of `make check`, as the first time takes half a minute; the workflow runs it with the tests.
"""

import subprocess
from pathlib import Path

import pytest

from tests.go_programs import built
from tests.settings.stack_file import CHECKOUT
from toolchain import golang

ACTIONLINT = golang.Program(
    Path(__file__).parent / "actionlint", package="github.com/rhysd/actionlint/cmd/actionlint", version="1.7.12"
)
WORKFLOWS = CHECKOUT / ".github" / "workflows"
WRONG = "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nothing }}\n"


@pytest.fixture(scope="module")
def actionlint() -> Path:
    return built(ACTIONLINT)


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    files = sorted(WORKFLOWS.glob("*.yml"))
    assert files
    ended = subprocess.run([actionlint, "-no-color", *files], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_would_find_something(actionlint: Path) -> None:
    ended = subprocess.run([actionlint, "-"], input=WRONG, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert 'property "nothing" is not defined' in ended.stdout
