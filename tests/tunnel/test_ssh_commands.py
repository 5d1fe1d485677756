"""A command run by SSH: what it reads and prints arrives whole, and nobody waits longer than was said."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.ssh_connection import Ended, SshConnection, SshError
from tests.plugins import ssh_server
from tests.plugins.ssh_server import SshServer, private_key_text
from tests.tunnel.conftest import host_of
from tests.tunnel.network import Cable
from tests.waiting import wait_until


@pytest.fixture
def connection(server: SshServer) -> Iterator[SshConnection]:
    made = SshConnection(host_of(server))
    made.unlock(private_key_text(server.key))
    yield made
    made.close()


def test_it_tells_what_the_command_printed_and_how_it_ended(connection: SshConnection) -> None:
    assert connection.execute("cat; echo why >&2; exit 3", "sécret\n", 10) == Ended(3, "sécret\n", "why\n")


def test_much_goes_in_and_out(connection: SshConnection) -> None:
    text = "0123456789abcde\n" * 200_000
    assert connection.execute("cat", text, 30) == Ended(0, text, "")


def test_several_commands_share_a_connection(connection: SshConnection, server: SshServer) -> None:
    assert [connection.execute(f"echo {word}", "", 10).stdout for word in ("one", "two")] == ["one\n", "two\n"]
    assert server.connections == 1


def test_a_command_that_does_not_end_is_given_up(connection: SshConnection) -> None:
    started = time.monotonic()
    with pytest.raises(SshError, match=r"A command on db \(.*\) did not end within 1 s\. See what keeps it busy\."):
        connection.execute("sleep 30", "", 1)
    assert time.monotonic() - started < 5


def test_a_host_that_says_nothing_is_given_up(server: SshServer, cable: Cable) -> None:
    cable.cut()
    connection = SshConnection(host_of(server, port=cable.port))
    connection.unlock(private_key_text(server.key))
    started = time.monotonic()
    with pytest.raises(SshError, match=r"db \(.*\) did not answer in time\."):
        connection.execute("true", "", 1)
    assert time.monotonic() - started < 5


def test_a_lost_connection_is_told(connection: SshConnection, server: SshServer, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(connection.execute, f"touch {begun}; exec sleep 30", "", 20)
        wait_until(begun.exists, "the command to run")
        server.hang_up()
        with pytest.raises(SshError, match=r"The connection to db \(.*\) was lost\."):
            running.result()


def test_it_goes_through_a_jump_host(server: SshServer) -> None:
    with ssh_server.serving(key=server.key) as bastion:
        connection = SshConnection(host_of(server, jump_host=host_of(bastion, name="bastion")))
        connection.unlock(private_key_text(server.key))
        assert connection.execute("echo here", "", 10).stdout == "here\n"
        assert bastion.forwarded == [("127.0.0.1", server.port)]
        connection.close()
