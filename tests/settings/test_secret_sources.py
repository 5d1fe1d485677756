"""Secrets out of files and environment variables of the operator: which are taken, and what is told of the others."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.settings.secret_sources import read_secret_sources
from components.settings.table import Problem, Problems, Table

HIDDEN = "value-for-no-eyes"
ENVIRONMENT = {"LAKE": HIDDEN, "EMPTY": " \n"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lake"
    path.write_text(f"{HIDDEN}\n")
    path.chmod(0o640)
    return path


def read(table: Mapping[str, Any], given: frozenset[str] = frozenset()) -> tuple[dict[str, str], dict[str, Problem]]:
    problems = Problems("dev")
    found = read_secret_sources(Table.read(problems, "secretsFrom", table), given, ENVIRONMENT)
    assert HIDDEN not in str(problems.found)
    return found, {problem.key: problem for problem in problems.found}


def test_a_secret_is_taken_out_of_a_file_or_a_variable(file: Path) -> None:
    table = {"secretBlock-lake": {"file": str(file)}, "secretField-lake": {"environment": "LAKE"}}

    assert read(table) == ({"secretBlock-lake": HIDDEN, "secretField-lake": HIDDEN}, {})


@pytest.mark.parametrize(("stands", "means"), [("a\nb\n", "a\nb"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a", " a")])
def test_of_a_file_one_line_break_at_the_end_is_left_out(file: Path, stands: str, means: str) -> None:
    file.write_bytes(stands.encode())

    assert read({"secretBlock-lake": {"file": str(file)}}) == ({"secretBlock-lake": means}, {})


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps who may read a file in lists, not in a mode")
@pytest.mark.parametrize("mode", [0o644, 0o602, 0o601])
def test_a_file_for_everybody_is_refused_with_the_command_that_closes_it(file: Path, mode: int) -> None:
    file.chmod(mode)

    _, found = read({"secretBlock-lake": {"file": str(file)}})

    problem = found["secretsFrom.secretBlock-lake.file"]
    assert "may be read or written by everybody" in problem.given
    assert problem.command == f"chmod o= {file}"


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read: No such file"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff", "no text")],
)
def test_a_file_without_a_secret_is_told(file: Path, content: bytes | None, told: str) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)

    _, found = read({"secretField-lake": {"file": str(file)}})

    assert told in found["secretsFrom.secretField-lake.file"].given


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    _, found = read({"secretBlock-lake": {"file": str(tmp_path)}})

    assert "is no file" in found["secretsFrom.secretBlock-lake.file"].given


@pytest.mark.parametrize(("name", "told"), [("EMPTY", "EMPTY, which is empty"), ("OTHER", "OTHER, which is not set")])
def test_a_variable_without_a_secret_is_told(name: str, told: str) -> None:
    _, found = read({"secretBlock-lake": {"environment": name}})

    assert told in found["secretsFrom.secretBlock-lake.environment"].given


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, "names neither of file and environment"),
        ({"file": "/lake", "environment": "LAKE"}, "names both of file and environment"),
        ({"fil": "/lake"}, "names neither of file and environment"),
    ],
)
def test_a_secret_stands_in_one_place(entry: dict[str, str], told: str) -> None:
    _, found = read({"secretBlock-lake": entry})

    assert found["secretsFrom.secretBlock-lake"].given == told


@pytest.mark.parametrize("entry", [{"file": "lake"}, {"environment": "$LAKE"}])
def test_a_name_that_is_none_is_told(entry: dict[str, str]) -> None:
    _, found = read({"secretBlock-lake": entry})

    assert found.keys() == {f"secretsFrom.secretBlock-lake.{next(iter(entry))}"}


def test_one_that_is_in_the_stack_file_too_is_told() -> None:
    _, found = read({"secretBlock-lake": {"environment": "LAKE"}}, frozenset({"secretBlock-lake"}))

    assert found["secretsFrom.secretBlock-lake"].given == "is in the stack file already"


def test_what_pulumi_itself_reads_cannot_come_from_outside() -> None:
    _, found = read({"authString": {"environment": "LAKE"}})

    assert "other secrets stand in the stack file" in found["secretsFrom.authString"].allowed
