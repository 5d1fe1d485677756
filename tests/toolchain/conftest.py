"""A checkout and programs of its own for each test."""

from pathlib import Path

import pytest

from tests.toolchain.checkout import Environ, Stub, make_checkout, put_program
from toolchain.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a checkout in a directory whose name needs quoting."""
    return make_checkout(tmp_path / "it's a clone")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return an empty directory of programs."""
    directory = tmp_path / "programs"
    directory.mkdir()
    return directory


@pytest.fixture
def stub(programs: Path) -> Stub:
    """Return a function that puts a shell script of this name among the programs."""
    return lambda name, script: put_program(programs, name, script)


@pytest.fixture
def environ(programs: Path) -> Environ:
    """Return an environment with these programs first on PATH, and no home."""
    return {"PATH": f"{programs}:/usr/bin:/bin"}
