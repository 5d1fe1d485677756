"""launch.py gives a Python program the variables of environment files, whatever is in them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.platforms import SCRIPTS, Linux

LAUNCHER = SCRIPTS / "templates" / "launch.py"

TELL = "import json, os, sys; print(json.dumps([sys.argv, dict(os.environ), sys.path[0], __name__]))"

VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'\"\\\n\0")).map(str.strip)


def launch(directory: Path, *arguments: str) -> tuple[list[str], dict[str, str], str, str]:
    command = [sys.executable, "-X", "utf8", str(LAUNCHER), *arguments]
    ended = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=True, env={"A": "before", "LANG": "C.UTF-8"}
    )
    argv, environment, path, name = json.loads(ended.stdout)
    return argv, environment, path, name


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "tell.py").write_text(TELL)
    return tmp_path


def test_a_module_runs_as_if_python_had_been_asked(directory: Path) -> None:
    argv, _, path, name = launch(directory, "--", "-m", "tell", "server", "start")
    assert argv[1:] == ["server", "start"]
    assert (path, name) == (str(directory), "__main__")


def test_a_program_runs_as_if_python_had_been_asked(directory: Path) -> None:
    program = str(directory / "tell.py")
    argv, _, path, name = launch(directory.parent, "--", program, "-m", "x")
    assert argv == [program, "-m", "x"]
    assert (path, name) == (str(directory), "__main__")


def test_later_files_win_over_earlier_ones_and_what_there_was(directory: Path) -> None:
    (directory / "one.env").write_text("A=one\nB=one\n")
    (directory / "two.env").write_text("B=two\nEMPTY=\n")
    _, environment, _, _ = launch(directory, "one.env", "two.env", "--", "-m", "tell")
    assert {name: environment[name] for name in ("A", "B", "EMPTY", "PYTHONUTF8")} == {
        "A": "one",
        "B": "two",
        "EMPTY": "",
        "PYTHONUTF8": "1",
    }


def test_a_program_that_fails_fails(directory: Path) -> None:
    (directory / "fails.py").write_text("raise SystemExit(3)")
    command = [sys.executable, str(LAUNCHER), "--", "-m", "fails"]
    assert subprocess.run(command, cwd=directory, check=False).returncode == 3


@settings(max_examples=10, deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z_0-9]{0,9}", fullmatch=True), VALUES, min_size=40))
def test_every_value_that_can_be_written_arrives_unchanged(
    tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str]
) -> None:
    place = tmp_path_factory.mktemp("variables")
    (place / "tell.py").write_text(TELL)
    (place / "all.env").write_bytes(Linux().environment_file(variables).encode())
    _, environment, _, _ = launch(place, "all.env", "--", "-m", "tell")
    assert {name: environment[name] for name in variables} == variables | (
        {"PYTHONUTF8": "1"} if "PYTHONUTF8" in variables else {}
    )
