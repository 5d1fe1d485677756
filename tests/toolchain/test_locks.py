"""What is downloaded is locked, the same for everybody, and from nowhere in particular."""

import re

import pytest

from tests.toolchain.checkout import SOURCE
from toolchain.layout import Layout

LOCKS = (
    "requirements.txt",
    "tests/requirements.txt",
    "components/azure/requirements.txt",
    "toolchain/go/requirements.txt",
    "policies/requirements.txt",
)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_python_library_has_a_version_and_a_checksum(lock: str) -> None:
    text = re.sub(r"\\\n\s*", "", (SOURCE / lock).read_text())
    for line in text.splitlines():
        assert re.match(r"[\w.-]+==[^ ]+ (; .*)?--hash=sha256:[0-9a-f]{64}", line), f"not locked: {line[:60]}"


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_registry(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links", (SOURCE / lock).read_text())


@pytest.mark.parametrize("lock", LOCKS[1:3])
def test_what_is_installed_beside_the_program_locks_the_same_versions(lock: str) -> None:
    program, tests = (
        dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", (SOURCE / name).read_text())) for name in (LOCKS[0], lock)
    )
    differing = {name for name in program.keys() & tests.keys() if program[name] != tests[name]}
    assert not differing, "run make lock"


def test_the_cli_and_the_python_library_are_of_one_version() -> None:
    layout = Layout(SOURCE)
    assert layout.library_version("pulumi") == layout.cli_version


@pytest.mark.parametrize("module", ["cli", "language-host"])
def test_every_go_module_has_a_checksum(module: str) -> None:
    directory = Layout(SOURCE).go_modules / module
    required = re.findall(r"(?m)^\t(\S+) (v\S+)", (directory / "go.mod").read_text())
    locked = (directory / "go.sum").read_text()
    replaced = set(re.findall(r"(?m)^replace (\S+) =>", (directory / "go.mod").read_text()))
    assert required
    missing = [name for name, version in required if f"{name} {version}" not in locked and name not in replaced]
    assert not missing, "run go mod tidy"
