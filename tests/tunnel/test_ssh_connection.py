"""How a tunnel logs in, whom it refuses, what it says, and how it comes back after the connection was lost."""

from __future__ import annotations

import concurrent.futures
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from components import ssh_connection
from tests.loopback_ports import refusing_port
from tests.plugins import ssh_agent, ssh_keys, ssh_server
from tests.plugins.ssh_server import SshServer, private_key_text
from tests.tunnel import network
from tests.tunnel.conftest import NewTunnel, TestTunnel, answer_at, connect, host_of
from tests.tunnel.network import Cable
from tests.waiting import wait_until


def echoes(connection: socket.socket) -> bool:
    connection.sendall(b"x")
    return connection.recv(1) == b"x"


def passes(made: TestTunnel, echo: int) -> bool:
    """Tell whether something goes through to the service and back."""
    with made.dial(echo) as connection:
        return echoes(connection)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up connecting after a second, and notice silence within half of one."""
    monkeypatch.setattr(ssh_connection, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(ssh_connection, "KEEPALIVE_SECONDS", 0.1)
    monkeypatch.setattr(ssh_connection, "ANSWER_SECONDS", 0.4)


@pytest.fixture
def agent(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have an agent that holds the key of the server."""
    with ssh_agent.serving(tmp_path / "agent", server.key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield


@pytest.fixture
def bastion(server: SshServer) -> Iterator[SshServer]:
    """Serve beside the server, with a host key of its own; both accept the same key."""
    with ssh_server.serving(key=server.key) as running:
        yield running


class TestLogIn:
    @pytest.mark.parametrize(("kind", "form"), ssh_keys.FORMATS)
    def test_by_keys_of_every_kind_and_format(
        self, locked_tunnel: NewTunnel, echo: int, kind: str, form: PrivateFormat
    ) -> None:
        key = ssh_keys.make(kind)
        with ssh_server.serving(key=ssh_keys.for_paramiko(key)) as server:
            made = locked_tunnel(host_of(server))
            made.tunnel.unlock(ssh_keys.text_of(key, form).strip())  # as `pulumi config set` keeps it
            assert passes(made, echo)

    @pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
    def test_to_servers_with_host_keys_of_every_kind(self, locked_tunnel: NewTunnel, echo: int, kind: str) -> None:
        with ssh_server.serving(host_key=ssh_keys.for_paramiko(ssh_keys.make(kind))) as server:
            made = locked_tunnel(host_of(server))
            made.tunnel.unlock(private_key_text(server.key))
            assert passes(made, echo)

    @pytest.mark.usefixtures("agent")
    @pytest.mark.parametrize("refused", [False, True], ids=["alone", "after a key that is refused"])
    def test_by_the_agent(self, locked_tunnel: NewTunnel, server: SshServer, echo: int, refused: bool) -> None:
        made = locked_tunnel(host_of(server))
        made.tunnel.unlock(private_key_text(paramiko.ECDSAKey.generate()) if refused else None)
        assert passes(made, echo)


class TestRefusal:
    """Each failure is told once, with what to do, and the client's connection is closed."""

    def told(self, made: TestTunnel) -> str:
        assert answer_at(made.leading_to(1)) == b""
        return made.report()

    def test_another_host_key_is_refused_before_any_log_in(self, new_tunnel: NewTunnel, server: SshServer) -> None:
        stranger = paramiko.ECDSAKey.generate()
        pinned = f"{stranger.get_name()} {stranger.get_base64()}"
        assert self.told(new_tunnel(host_of(server, host_key=pinned))) == (
            f"db (deploy@127.0.0.1:{server.port}) shows another host key than the one pinned, and nothing was sent to"
            " it: it was set up anew, or another machine poses as it. If you know that it was set up anew:"
            " Pin the key that stands in ssh_host_ed25519_key.pub, beside the configuration of its sshd:"
            " pulumi config set --path hosts.db.hostKey 'ssh-ed25519 AAAA...'"
        )
        assert (server.connections, server.logins) == (1, 0)

    def test_another_kind_of_host_key_is_refused(self, new_tunnel: NewTunnel, server: SshServer) -> None:
        pinned = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJUz3MTPDOWyyX2DQPPQ2LTGr2RZBMAGtQfyBE1I8kIm"
        assert "shows another host key than the one pinned" in self.told(new_tunnel(host_of(server, host_key=pinned)))
        assert server.logins == 0

    @pytest.mark.parametrize("pinned", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !", "nonsense AAAA"])
    def test_without_a_good_pinned_key_there_is_no_log_in(
        self, new_tunnel: NewTunnel, server: SshServer, pinned: str
    ) -> None:
        told = self.told(new_tunnel(host_of(server, host_key=pinned)))
        assert "cannot be compared with what it shows: it is not a host key. Pin the key" in told
        assert server.logins == 0

    def test_a_key_that_the_host_does_not_know(self, locked_tunnel: NewTunnel, server: SshServer) -> None:
        made = locked_tunnel(host_of(server))
        made.tunnel.unlock(private_key_text(paramiko.ECDSAKey.generate()))
        assert self.told(made) == (
            f"db (deploy@127.0.0.1:{server.port}) refused the log-in: Authentication failed. Add the public half of"
            " sshPrivateKey, or of a key in the SSH agent, to the authorized_keys of deploy there."
        )
        assert server.connections == 1, "a second attempt could not help"

    def test_no_key_at_all(self, locked_tunnel: NewTunnel, server: SshServer) -> None:
        made = locked_tunnel(host_of(server))
        made.tunnel.unlock(None)
        assert self.told(made).startswith(f"There is no key to log in to db (deploy@127.0.0.1:{server.port}) with.")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("hush", "it is not a private key in PEM"),
            (ssh_keys.text_of(ssh_keys.make("rsa"), PrivateFormat.OpenSSH, "hush"), "it has a passphrase"),
        ],
    )
    def test_a_key_that_cannot_be_used(
        self, locked_tunnel: NewTunnel, server: SshServer, text: str, reason: str
    ) -> None:
        made = locked_tunnel(host_of(server))
        made.tunnel.unlock(text)
        told = self.told(made)
        assert f"cannot be used for db (deploy@127.0.0.1:{server.port}): {reason}. Set an ed25519" in told
        assert not [line for line in text.splitlines() if line in told]

    def test_a_port_that_nobody_listens_on(self, tunnel: TestTunnel, server: SshServer) -> None:
        port = refusing_port()
        assert answer_at(tunnel.leading_to(port)) == b""
        assert tunnel.report() == (
            f"db (deploy@127.0.0.1:{server.port}) cannot connect to 127.0.0.1:{port}: Connect failed."
            " See on that host whether anything listens there and no firewall is between."
        )

    def test_a_server_that_forbids_forwarding(self, tunnel: TestTunnel, server: SshServer) -> None:
        server.may_forward = False
        assert self.told(tunnel) == (
            f"db (deploy@127.0.0.1:{server.port}) forbids connections through it to 127.0.0.1:1."
            " Allow them in the sshd_config of that host: AllowTcpForwarding yes"
        )

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            ({"port": refusing_port()}, "cannot be reached: Connection refused. See that it is up"),
            ({"address": "no-such-host.invalid"}, "cannot be reached: "),
        ],
    )
    def test_a_host_that_is_not_there(
        self, new_tunnel: NewTunnel, server: SshServer, settings: dict[str, Any], reason: str
    ) -> None:
        assert reason in self.told(new_tunnel(host_of(server, **settings)))

    @pytest.mark.usefixtures("impatient")
    def test_a_host_that_says_nothing(self, new_tunnel: NewTunnel, server: SshServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begun = time.monotonic()
            told = self.told(new_tunnel(host_of(server, port=network.port_of(silent))))
            assert "did not answer as an SSH server" in told
            assert time.monotonic() - begun < 5

    @pytest.mark.usefixtures("impatient")
    def test_one_that_is_no_ssh_server(self, new_tunnel: NewTunnel, server: SshServer) -> None:
        with network.serving(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
            assert "did not answer as an SSH server" in self.told(new_tunnel(host_of(server, port=port)))

    @pytest.mark.usefixtures("impatient")
    def test_many_who_wait_for_the_same_attempt_are_told_together(
        self, new_tunnel: NewTunnel, server: SshServer
    ) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
            made = new_tunnel(host_of(server, port=network.port_of(silent)))
            port = made.leading_to(1)
            begun = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                assert list(pool.map(answer_at, [port] * 20)) == [b""] * 20
            assert time.monotonic() - begun < 5
            made.report()

    def test_nothing_is_written_to_the_log(
        self, new_tunnel: NewTunnel, server: SshServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        level = logging.getLogger("paramiko").level
        logging.getLogger("paramiko").setLevel(logging.NOTSET)
        try:
            self.told(new_tunnel(host_of(server, host_key="")))
        finally:
            logging.getLogger("paramiko").setLevel(level)
        assert capfd.readouterr() == ("", "")


class TestAgain:
    """A connection that was lost, or not made at the first attempt, is made again."""

    def test_after_the_host_hung_up(self, tunnel: TestTunnel, server: SshServer, echo: int) -> None:
        port = tunnel.leading_to(echo)
        with connect(port) as before:
            assert echoes(before)
            server.hang_up()
            assert before.recv(1) == b""
        with connect(port) as after:
            assert echoes(after)
        assert (server.logins, tunnel.reports) == (2, [])

    def test_after_a_reboot(self, new_tunnel: NewTunnel, server: SshServer, cable: Cable, echo: int) -> None:
        made = new_tunnel(host_of(server, port=cable.port))
        port = made.leading_to(echo)
        for _ in range(3):
            with connect(port) as connection:
                assert echoes(connection)
                cable.reset()
        assert made.reports == []

    @pytest.mark.usefixtures("impatient")
    def test_after_the_host_fell_silent(
        self, new_tunnel: NewTunnel, server: SshServer, cable: Cable, echo: int
    ) -> None:
        made = new_tunnel(host_of(server, port=cable.port))
        port = made.leading_to(echo)
        with connect(port) as idle:
            assert echoes(idle)
            cable.cut()
            assert idle.recv(1) == b"", "silence was not noticed"
        assert answer_at(port) == b""
        assert "did not answer as an SSH server" in made.report()
        cable.mend()
        with connect(port) as connection:
            assert echoes(connection)

    @pytest.mark.usefixtures("impatient")
    def test_whoever_dials_into_silence_is_told_in_time(
        self, new_tunnel: NewTunnel, server: SshServer, cable: Cable, echo: int
    ) -> None:
        made = new_tunnel(host_of(server, port=cable.port))
        port = made.leading_to(echo)
        with connect(port) as connection:
            assert echoes(connection)
            cable.cut()
            begun = time.monotonic()
            assert answer_at(port) == b""
            assert time.monotonic() - begun < 5
        made.report()

    def test_while_sshd_has_too_many_who_log_in(
        self, new_tunnel: NewTunnel, server: SshServer, cable: Cable, echo: int
    ) -> None:
        cable.refuse(3)
        made = new_tunnel(host_of(server, port=cable.port))
        assert passes(made, echo)
        assert made.reports == []

    def test_a_connection_in_use_outlives_a_port_that_never_answers(
        self, tunnel: TestTunnel, server: SshServer, echo: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A firewall on the host may drop what goes to one of its ports; that is no reason to hang up on others."""
        with tunnel.dial(echo) as connection:
            assert echoes(connection)
            monkeypatch.setattr(ssh_connection, "OPEN_SECONDS", 0.5)
            server.forwarding_takes = 2.0
            assert answer_at(tunnel.leading_to(echo)) == b""
            assert "in time. See on that host whether a firewall drops connections to it." in tunnel.report()
            assert echoes(connection)
        assert server.logins == 1


class TestJumpHost:
    def test_both_hosts_are_logged_in_to(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer, echo: int
    ) -> None:
        made = new_tunnel(host_of(server, jump_host=host_of(bastion, "bastion")))
        assert passes(made, echo)
        assert bastion.forwarded == [("127.0.0.1", server.port)]
        assert server.forwarded == [("127.0.0.1", echo)]
        assert (bastion.logins, server.logins) == (1, 1)

    def test_many_share_the_way(self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer, echo: int) -> None:
        made = new_tunnel(host_of(server, jump_host=host_of(bastion, "bastion")))
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            assert all(pool.map(lambda _: passes(made, echo), range(20)))
        assert (bastion.logins, server.logins) == (1, 1)

    def test_another_host_key_of_the_jump_host_is_refused(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer
    ) -> None:
        jump_host = host_of(bastion, "bastion", host_key=server.pinned_key)
        made = new_tunnel(host_of(server, jump_host=jump_host))
        assert answer_at(made.leading_to(1)) == b""
        assert made.report().startswith(f"bastion (deploy@127.0.0.1:{bastion.port}) shows another host key")
        assert (bastion.logins, server.connections) == (0, 0)

    def test_another_host_key_behind_the_jump_host_is_refused(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer
    ) -> None:
        host = host_of(server, jump_host=host_of(bastion, "bastion"), host_key=bastion.pinned_key)
        made = new_tunnel(host)
        assert answer_at(made.leading_to(1)) == b""
        assert made.report().startswith(f"db (deploy@127.0.0.1:{server.port}) shows another host key")
        assert server.logins == 0

    @pytest.mark.usefixtures("impatient")
    def test_a_host_that_the_jump_host_cannot_reach(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer
    ) -> None:
        port = refusing_port()
        made = new_tunnel(host_of(server, port=port, jump_host=host_of(bastion, "bastion")))
        assert answer_at(made.leading_to(1)) == b""
        told = f"bastion (deploy@127.0.0.1:{bastion.port}) cannot connect to 127.0.0.1:{port}: Connect failed."
        assert made.report().startswith(told)

    def test_a_jump_host_that_forbids_forwarding(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer
    ) -> None:
        bastion.may_forward = False
        made = new_tunnel(host_of(server, jump_host=host_of(bastion, "bastion")))
        assert answer_at(made.leading_to(1)) == b""
        assert made.report().startswith(f"bastion (deploy@127.0.0.1:{bastion.port}) forbids connections through it")

    @pytest.mark.parametrize("lost", ["bastion", "server"])
    def test_the_way_is_laid_again_when_either_is_lost(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer, echo: int, lost: str
    ) -> None:
        made = new_tunnel(host_of(server, jump_host=host_of(bastion, "bastion")))
        port = made.leading_to(echo)
        with connect(port) as connection:
            assert echoes(connection)
            {"bastion": bastion, "server": server}[lost].hang_up()
            assert connection.recv(1) == b""
        with connect(port) as connection:
            assert echoes(connection)
        assert made.reports == []

    def test_a_jump_host_that_was_lost_first_is_no_error(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer, echo: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = new_tunnel(host_of(server, jump_host=host_of(bastion, "bastion")))
        close, closers = paramiko.Channel.close, []
        died: list[threading.ExceptHookArgs] = []

        def fail(channel: paramiko.Channel) -> None:
            if channel.get_transport().server_mode:
                return close(channel)
            closers.append(threading.current_thread())
            raise EOFError

        with made.dial(echo) as connection:
            assert echoes(connection)
            monkeypatch.setattr(paramiko.Channel, "close", fail)
            monkeypatch.setattr(threading, "excepthook", died.append)
            server.hang_up()
            assert connection.recv(1) == b""
        wait_until(lambda: bool(closers), "the way to the host to be closed")
        for closer in closers:
            closer.join(10)
        assert died == []

    @pytest.mark.usefixtures("impatient")
    def test_silence_behind_the_jump_host_is_noticed(
        self, new_tunnel: NewTunnel, server: SshServer, bastion: SshServer, cable: Cable, echo: int
    ) -> None:
        host = replace(host_of(server), port=cable.port, jump_host=host_of(bastion, "bastion"))
        with new_tunnel(host).dial(echo) as connection:
            assert echoes(connection)
            cable.cut()
            assert connection.recv(1) == b""
