"""GitHub reads the workflows as they are meant: https://github.com/rhysd/actionlint, built from its Go module.

Not part of `make check`, as the first time takes half a minute; the workflow runs it with the tests.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.settings.stack_file import CHECKOUT
from toolchain import golang
from toolchain.layout import Layout

ACTIONLINT = golang.Program(
    Path(__file__).parent / "actionlint", package="github.com/rhysd/actionlint/cmd/actionlint", version="1.7.12"
)
WORKFLOWS = CHECKOUT / ".github" / "workflows"
WRONG = "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nothing }}\n"


@pytest.fixture(scope="module")
def actionlint() -> Path:
    """Build actionlint once per checkout and version."""
    built = CHECKOUT / ".local" / "test-cache" / f"actionlint-{ACTIONLINT.version}"
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
            golang.find(Layout(CHECKOUT), os.environ).build(ACTIONLINT, Path(scratch))
            (Path(scratch) / ACTIONLINT.name).rename(built)
    return built


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    files = sorted(WORKFLOWS.glob("*.yml"))
    assert files
    ended = subprocess.run([actionlint, "-no-color", *files], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_would_find_something(actionlint: Path) -> None:
    ended = subprocess.run([actionlint, "-"], input=WRONG, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert 'property "nothing" is not defined' in ended.stdout
