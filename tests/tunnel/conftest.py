"""What the tests of the tunnel share: an SSH server, something behind it, and tunnels that tell what they reported."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from components.settings import HostSettings
from components.tunnel import Tunnel
from tests.loopback_ports import free_port
from tests.plugins import ssh_server
from tests.plugins.ssh_server import SshServer, private_key_text
from tests.tunnel import network


@dataclass
class TestTunnel:
    """A tunnel, its ports, and what it reported."""

    __test__ = False  # not a test class, whatever its name suggests to pytest

    tunnel: Tunnel
    reports: list[str] = field(default_factory=list)

    def leading_to(self, port: int) -> int:
        """Return a port of this machine that leads to one as seen from the host."""
        local_port = free_port()
        self.tunnel.listen(local_port, port)
        return local_port

    def dial(self, port: int) -> socket.socket:
        """Connect to a port as seen from the host."""
        return connect(self.leading_to(port))

    def report(self, *, within: float = 10) -> str:
        """Wait for the one report there is to be."""
        deadline = time.monotonic() + within
        while not self.reports:
            assert time.monotonic() < deadline, "nothing was reported"
            time.sleep(0.01)
        (only,) = self.reports
        return only


NewTunnel = Callable[[HostSettings], TestTunnel]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=40)


def answer_at(port: int) -> bytes:
    """Say nothing, and return what is said until the connection is closed."""
    with connect(port) as connection:
        return network.received(connection)


def host_of(server: SshServer, name: str = "db", **settings: Any) -> HostSettings:
    """Return what a stack file says of a host that is this server."""
    host = HostSettings(
        name=name,
        platform="linux",
        address="127.0.0.1",
        port=server.port,
        user=ssh_server.USER,
        host_key=server.pinned_key,
    )
    return replace(host, **settings)


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def server() -> Iterator[SshServer]:
    with ssh_server.serving() as running:
        yield running


@pytest.fixture
def echo() -> Iterator[int]:
    with network.serving(network.echo) as port:
        yield port


@pytest.fixture
def cable(server: SshServer) -> Iterator[network.Cable]:
    """Lay a cable between the tunnel and the SSH server."""
    laid = network.Cable(server.port)
    yield laid
    laid.close()


@pytest.fixture
def locked_tunnel() -> NewTunnel:
    """Give the function that makes tunnels which were not told their key."""

    def make(host: HostSettings) -> TestTunnel:
        reports: list[str] = []
        return TestTunnel(Tunnel(host, reports.append), reports)

    return make


@pytest.fixture
def new_tunnel(locked_tunnel: NewTunnel, server: SshServer) -> NewTunnel:
    """Give the function that makes tunnels with the key that the server accepts."""

    def make(host: HostSettings) -> TestTunnel:
        made = locked_tunnel(host)
        made.tunnel.unlock(private_key_text(server.key))
        return made

    return make


@pytest.fixture
def tunnel(new_tunnel: NewTunnel, server: SshServer) -> TestTunnel:
    return new_tunnel(host_of(server))
