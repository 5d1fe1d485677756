"""A real SSH server on loopback: runs commands in a shell of this machine, forwards connections, keeps a tally."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import paramiko
from paramiko import common

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # clients that go away are what is tested here

USER = "deploy"


class SshServer:
    """Accepts one user with a password or a key; the variables that begin with LC_ are let in."""

    def __init__(self, key: paramiko.PKey, password: str, host_key: paramiko.PKey | None = None) -> None:
        self.host_key = host_key or paramiko.ECDSAKey.generate()
        self.key = key
        self.password = password
        self.may_forward = True
        self.forwarding_takes = 0.0
        self.connections = 0
        self.logins = 0
        self.forwarded: list[tuple[str, int]] = []
        self.running: dict[int, str] = {}
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def pinned_key(self) -> str:
        """The host key as a user would pin it."""
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"

    @property
    def endpoint(self) -> dict[str, Any]:
        """What a command needs to come here, but for the key or password."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "hostKey": self.pinned_key,
            "dialErrorLimit": 0,
            "perDialTimeout": 5,
        }

    @property
    def connection(self) -> dict[str, Any]:
        """What a command needs to come here with the key."""
        return {**self.endpoint, "privateKey": private_key_text(self.key)}

    def close(self) -> None:
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection there is."""
        for transport in self._transports:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            transport = paramiko.Transport(client)
            transport.add_server_key(self.host_key)
            self._transports.append(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=_Session(self, transport))


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer, transport: paramiko.Transport) -> None:
        self._server = server
        self._transport = transport
        self._environment: dict[str, str] = {}
        self._accepting = threading.Lock()
        self._accepted: dict[int, paramiko.Channel] = {}

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        return self._answer(username == USER and password == self._server.password)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._answer(username == USER and key == self._server.key)

    def _answer(self, right: bool) -> int:
        self._server.logins += right
        return common.AUTH_SUCCESSFUL if right else common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return common.OPEN_SUCCEEDED if kind == "session" else common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_env_request(self, channel: paramiko.Channel, name: bytes, value: bytes) -> bool:  # noqa: ARG002
        allowed = name.startswith((b"LC_", b"PULUMI_"))
        if allowed:
            self._environment[name.decode()] = value.decode()
        return allowed

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=[channel, command.decode()], daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(
        self,
        chanid: int,
        origin: tuple[str, int],  # noqa: ARG002
        destination: tuple[str, int],
    ) -> int:
        if not self._server.may_forward:
            return common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self._server.forwarded.append(destination)
        time.sleep(self._server.forwarding_takes)
        try:
            link = socket.create_connection(destination)
        except OSError:
            return common.OPEN_FAILED_CONNECT_FAILED
        threading.Thread(target=self._forward, args=[chanid, link], daemon=True).start()
        return common.OPEN_SUCCEEDED

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            env={"PATH": os.environ["PATH"], **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._server.running[process.pid] = command
        pumps = [
            threading.Thread(target=_pump, args=[process.stdout, channel.sendall]),
            threading.Thread(target=_pump, args=[process.stderr, channel.sendall_stderr]),
        ]
        for pump in pumps:
            pump.start()
        threading.Thread(target=_feed, args=[channel, process], daemon=True).start()
        for pump in pumps:
            pump.join()
        status = process.wait()
        del self._server.running[process.pid]
        _wait_for_end_of_input(channel)
        with contextlib.suppress(OSError, EOFError):
            channel.send_exit_status(status if status >= 0 else 128 - status)
            channel.close()

    def _forward(self, chanid: int, link: socket.socket) -> None:
        with self._accepting:
            while chanid not in self._accepted:
                channel = self._transport.accept(5)
                if channel is None:  # the client has gone again
                    link.close()
                    return
                self._accepted[channel.get_id()] = channel
            channel = self._accepted.pop(chanid)
        upward = threading.Thread(target=_copy, args=[channel, link], daemon=True)
        upward.start()
        _copy(link, channel)
        upward.join()
        link.close()
        with contextlib.suppress(OSError, EOFError):  # the client has gone
            channel.close()


def _wait_for_end_of_input(channel: paramiko.Channel) -> None:
    """Paramiko answers a request after its handler: a quick command would close the channel before it was granted."""
    deadline = time.monotonic() + 5
    while not (channel.eof_received or channel.closed) and time.monotonic() < deadline:
        time.sleep(0.01)


def _pump(source: Any, send: Any) -> None:
    with contextlib.suppress(OSError, EOFError):  # the client has gone
        while data := os.read(source.fileno(), 32768):
            send(data)
    source.close()


def _feed(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    with contextlib.suppress(OSError):
        while data := channel.recv(32768):
            process.stdin.write(data)
    with contextlib.suppress(OSError):
        process.stdin.close()
    while not channel.closed and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    if process.poll() is None:  # the client hung up: end its command, as sshd's SIGHUP would
        os.killpg(process.pid, signal.SIGHUP)


def _copy(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(32768):
            target.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        target.shutdown(socket.SHUT_WR)


def private_key_text(key: paramiko.PKey, passphrase: str | None = None) -> str:
    text = io.StringIO()
    key.write_private_key(text, passphrase)
    return text.getvalue()


@contextlib.contextmanager
def serving(host_key: paramiko.PKey | None = None, key: paramiko.PKey | None = None) -> Iterator[SshServer]:
    """Serve with the password `pa'ss "wörd`, and fresh ECDSA keys where none are given."""
    server = SshServer(key or paramiko.ECDSAKey.generate(), "pa'ss \"wörd", host_key)
    try:
        yield server
    finally:
        server.close()
