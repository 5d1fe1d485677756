"""Clones of this checkout, each with a stack `dev` of its own on ports of its own."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.checkout import clean_environment, make_clone, missing_tools
from tests.engine.stack import Ports, Stack, write_stack_file

NewStack = Callable[[], contextlib.AbstractContextManager[Stack]]
"""Opens a clone with a stack `dev` that was never up; the end destroys what there is and removes the clone."""


@pytest.fixture(scope="session")
def new_stack() -> NewStack:
    """Give the function that makes stacks, or skip where the toolchain is not installed."""
    if reason := missing_tools():
        pytest.skip(reason)
    return _new_stack


@pytest.fixture(scope="session")
def stack(new_stack: NewStack) -> Iterator[Stack]:
    """Bring one stack up for all tests that leave it up; its settings they may change."""
    with new_stack() as fresh:
        fresh.up()
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
        stack = Stack(layout, clean_environment(os.environ, place / "home"), ports, directory)
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
    """Find TCP ports of the loopback address that nobody listens on now, below those that systems hand out."""
    found: list[int] = []
    candidate = 15000 + os.getpid() % 5000
    while len(found) < 4:
        candidate += 1
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", candidate))
            found.append(candidate)
    return Ports(*found)
