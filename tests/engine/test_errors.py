"""What cannot work is refused before anything is changed, with all reasons at once."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.engine.conftest import NewStack
from tests.engine.stack import Stack


@pytest.fixture
def unmade(new_stack: NewStack) -> Iterator[Stack]:
    """Make a clone in which nothing was ever up."""
    with new_stack() as fresh:
        yield fresh


def test_ports_that_are_taken_are_named_with_their_keys_before_anything_is_changed(unmade: Stack) -> None:
    with taken(unmade.ports.server), taken(unmade.ports.worker):
        output = unmade.up(expect=2).output
    for key, port in (("server.port", unmade.ports.server), ("workers.default.healthPort", unmade.ports.worker)):
        assert f"port {port} is taken by another program" in output
        assert f"pulumi config set --path {key} PORT" in output
    assert f"port {unmade.ports.postgres} is taken" not in output
    assert not unmade.host.exists(), "something was changed"


def test_all_mistakes_of_a_stack_file_are_told_at_once(unmade: Stack) -> None:
    unmade.make("preview")
    unmade.config_set("server.port", "70000")
    unmade.config_set("server.logLevel", "LOUD")
    unmade.config_set("workPoools.default.type", "process")
    unmade.pulumi("config", "set", "databasePassword", "in-clear-text", "--plaintext")
    output = unmade.up(expect=2).output
    for key in ("server.port", "server.logLevel", "workPoools", "databasePassword"):
        assert key in output
    assert "in-clear-text" not in output
    assert "Traceback" not in output
    assert not unmade.host.exists(), "something was changed"


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Listen on a port of the loopback address, as another program would."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield
