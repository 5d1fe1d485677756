"""Habits of the checkout: tests are collected, files stay short."""

import re
from pathlib import Path

import pytest

from tests.settings.stack_file import CHECKOUT

TESTS = sorted((CHECKOUT / "tests").rglob("*.py"))
SHIPPED = sorted(
    path
    for place in ("components", "policies", "toolchain", "scripts")
    for path in (CHECKOUT / place).rglob("*")
    if path.suffix in {".py", ".sh", ".ps1"}
)


def name(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@pytest.mark.parametrize("module", TESTS, ids=name)
def test_pytest_collects_every_module_with_tests_and_no_other(module: Path) -> None:
    has_tests = bool(
        re.search(r"^(def test_|class Test\w+(\(.*\))?:\n(.*\n)*?    def test_)", module.read_text(), re.MULTILINE)
    )
    assert has_tests == module.name.startswith("test_")


def test_no_two_test_modules_have_the_same_name() -> None:
    """Without packages pytest tells modules apart by their names alone."""
    names = [module.name for module in TESTS if module.name.startswith("test_")]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", SHIPPED, ids=name)
def test_a_file_is_short_enough_to_be_read_at_a_sitting(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
