"""What goes through a tunnel, and what a port that is taken means."""

from __future__ import annotations

import concurrent.futures
import contextvars
import hashlib
import os
import socket
import struct
import threading
import time

import pytest

from components import tunnel as tunnel_module
from components.tunnel import Tunnel, TunnelError
from tests.loopback_ports import free_port, refusing_port
from tests.plugins.ssh_server import SshServer, private_key_text
from tests.tunnel import network
from tests.tunnel.conftest import NewTunnel, TestTunnel, answer_at, connect, host_of


def say_all(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def keep_asking(connection: socket.socket, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection.sendall(b"is anybody there?")
        time.sleep(0.02)


class TestBytes:
    def test_go_both_ways(self, tunnel: TestTunnel, echo: int) -> None:
        with tunnel.dial(echo) as connection:
            connection.sendall(b"there and back")
            assert connection.recv(100) == b"there and back"

    def test_are_many_and_all_arrive_in_order(self, tunnel: TestTunnel, echo: int) -> None:
        sent = os.urandom(8_000_000)
        with tunnel.dial(echo) as connection:
            sender = threading.Thread(target=say_all, args=[connection, sent])
            sender.start()
            assert hashlib.sha256(network.received(connection)).digest() == hashlib.sha256(sent).digest()
            sender.join()

    def test_come_back_after_the_client_has_said_all(self, tunnel: TestTunnel) -> None:
        with (
            network.serving(lambda c: c.sendall(b"%d" % len(network.received(c)))) as port,
            tunnel.dial(port) as client,
        ):
            say_all(client, b"x" * 100_000)
            assert network.received(client) == b"100000"

    def test_go_on_after_the_server_has_said_all(self, tunnel: TestTunnel) -> None:
        heard = concurrent.futures.Future[bytes]()

        def answer(connection: socket.socket) -> None:
            connection.sendall(b"that is all")
            connection.shutdown(socket.SHUT_WR)
            heard.set_result(network.received(connection))

        with network.serving(answer) as port, tunnel.dial(port) as client:
            assert network.received(client) == b"that is all"
            say_all(client, b"x" * 100_000)
            assert len(heard.result(10)) == 100_000

    def test_a_server_that_closes_is_noticed_by_a_client_that_only_listens(self, tunnel: TestTunnel) -> None:
        with network.serving(lambda c: c.sendall(b"bye")) as port, tunnel.dial(port) as client:
            assert network.received(client) == b"bye"
            with pytest.raises(OSError, match=r"Broken pipe|reset by peer"):
                keep_asking(client, seconds=10)

    def test_a_client_that_goes_is_noticed_by_the_server(self, tunnel: TestTunnel) -> None:
        gone = threading.Event()

        def answer(connection: socket.socket) -> None:
            connection.sendall(b"hello")
            network.received(connection)
            gone.set()

        with network.serving(answer) as port:
            client = tunnel.dial(port)
            assert client.recv(5) == b"hello"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # a reset: the process was killed
            assert gone.wait(10)


class TestConnections:
    def test_nobody_logs_in_before_somebody_dials(self, tunnel: TestTunnel, server: SshServer, echo: int) -> None:
        port = tunnel.leading_to(echo)
        assert server.connections == 0
        with connect(port) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
        assert (server.connections, server.logins) == (1, 1)

    def test_several_ports_and_fifty_clients_share_one_log_in(
        self, tunnel: TestTunnel, server: SshServer, echo: int
    ) -> None:
        def talk(number: int) -> bool:
            port = to_echo if number % 2 else to_name
            expected = f"{number}" * 20_000 if number % 2 else "name"
            with connect(port) as connection:
                if number % 2:
                    connection.sendall(expected.encode())
                    connection.shutdown(socket.SHUT_WR)
                return network.received(connection) == expected.encode()

        with network.serving(lambda c: c.sendall(b"name")) as name, concurrent.futures.ThreadPoolExecutor(50) as pool:
            to_echo, to_name = tunnel.leading_to(echo), tunnel.leading_to(name)
            assert list(pool.map(talk, range(50))) == [True] * 50
        assert (server.connections, server.logins, tunnel.reports) == (1, 1, [])

    def test_they_lead_to_where_the_host_sees_it(self, tunnel: TestTunnel, server: SshServer, echo: int) -> None:
        port = free_port()
        tunnel.tunnel.listen(port, echo, "localhost")
        with connect(port) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
        assert server.forwarded == [("localhost", echo)]

    def test_only_this_machine_may_use_them(self, tunnel: TestTunnel, echo: int) -> None:
        port = tunnel.leading_to(echo)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))


class TestKey:
    def test_whoever_dials_before_it_is_known_waits_for_it(
        self, locked_tunnel: NewTunnel, server: SshServer, echo: int
    ) -> None:
        made = locked_tunnel(host_of(server))
        with made.dial(echo) as connection:
            connection.sendall(b"early")
            made.tunnel.unlock(private_key_text(server.key))
            assert connection.recv(5) == b"early"

    def test_one_that_never_comes_is_reported(
        self, locked_tunnel: NewTunnel, server: SshServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("components.ssh_connection.KEY_SECONDS", 0.2)
        made = locked_tunnel(host_of(server))
        assert answer_at(made.leading_to(1)) == b""
        assert "its value was still unknown after 0 s" in made.report()
        assert server.connections == 0


class TestPort:
    def test_one_that_is_taken_is_an_error_that_says_what_to_do(
        self, tunnel: TestTunnel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tunnel_module, "LISTEN_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(TunnelError) as error:
            tunnel.tunnel.listen(port := network.port_of(taken), 5432)
        assert str(error.value) == (
            f"Port {port} of this machine, by which Pulumi is to reach 127.0.0.1:5432 of db, cannot be listened on:"
            " Address already in use. If another Pulumi runs here for this stack, let it end."
            " Else choose another port: pulumi config set --path hosts.db.tunnelPort NUMBER"
        )

    def test_one_that_is_given_back_soon_is_waited_for(self, tunnel: TestTunnel, echo: int) -> None:
        preview = socket.create_server(("127.0.0.1", 0))
        port = network.port_of(preview)
        threading.Timer(0.5, preview.close).start()
        tunnel.tunnel.listen(port, echo)
        with connect(port) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"

    def test_one_that_was_just_used_can_be_used_again(self, tunnel: TestTunnel, echo: int) -> None:
        with network.serving(lambda c: c.sendall(b"bye")) as port:
            assert answer_at(port) == b"bye"  # the server closed first and waits in TIME_WAIT
        tunnel.tunnel.listen(port, echo)


class TestReports:
    def test_one_reason_is_reported_once(self, tunnel: TestTunnel) -> None:
        port = tunnel.leading_to(refusing_port())
        assert [answer_at(port) for _ in range(3)] == [b""] * 3
        assert "127.0.0.1" in tunnel.report()

    def test_another_reason_is_reported_too(self, tunnel: TestTunnel, server: SshServer) -> None:
        port = tunnel.leading_to(refusing_port())
        assert answer_at(port) == b""
        server.may_forward = False
        assert answer_at(port) == b""
        assert len(set(tunnel.reports)) == len(tunnel.reports) == 2

    def test_they_are_made_where_the_tunnel_was_made(self, server: SshServer) -> None:
        """Pulumi finds its engine by context variables, which a new thread does not have."""
        engine = contextvars.ContextVar("engine", default="none")
        engine.set("Pulumi's")
        told = concurrent.futures.Future[str]()
        made = Tunnel(host_of(server, port=1), lambda _reason: told.set_result(engine.get()))
        made.unlock("no key")
        port = free_port()
        made.listen(port, 1)
        connect(port).close()
        assert told.result(10) == "Pulumi's"
