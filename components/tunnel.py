"""Ports of this machine that lead through SSH to ports of a host: so Pulumi reaches what listens there on loopback.

They are open as soon as the program says so, but the host is left alone until somebody dials: a preview needs no host.
All runs in threads of the program's process, which stays until Pulumi's last step, deletions too, is done.
"""

import contextvars
import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import paramiko

from components.settings.hosts import HostSettings
from components.ssh_connection import SshConnection, SshError

LISTEN_SECONDS = 5.0
"""How long the Pulumi process before this one, a preview, may take to give its port back."""

_CHUNK_BYTES = 65536


class TunnelError(Exception):
    """A port of this machine cannot be listened on; the message says what, why and what to do."""


class Tunnel:
    """The way to one host: any number of ports over one SSH connection.

    Whoever dials while the host cannot be reached sees no more than that the connection is closed. The reason goes to
    `report`, each reason once, from another thread that has the context variables of the one which made the tunnel.
    """

    def __init__(self, host: HostSettings, report: Callable[[str], None]) -> None:
        self._host = host
        self._connection = SshConnection(host)
        self._report = report
        self._context = contextvars.copy_context()
        self._reported: set[str] = set()
        self._lock = threading.Lock()

    def unlock(self, private_key: str | None) -> None:
        """Say by which key, in PEM, to log in to host and jump host; None to ask the SSH agent alone.

        To be called once. Whoever dials earlier waits for it, up to 10 seconds.
        """
        self._connection.unlock(private_key)

    def listen(self, local_port: int, port: int, address: str = "127.0.0.1") -> None:
        """Let 127.0.0.1:`local_port` of this machine lead to `address`:`port` as seen from the host, from now on.

        Raises:
            TunnelError: the port is taken, or may not be listened on.
        """
        try:
            listener = _listener(local_port)
        except OSError as error:
            raise TunnelError(
                f"Port {local_port} of this machine, by which Pulumi is to reach {address}:{port} of {self._host.name},"
                f" cannot be listened on: {os.strerror(error.errno or 0)}."
                " If another Pulumi runs here for this stack, let it end. Else choose another port:"
                f" pulumi config set --path hosts.{self._host.name}.tunnelPort NUMBER"
            ) from error
        threading.Thread(target=self._accept, args=[listener, address, port], daemon=True).start()

    def _accept(self, listener: socket.socket, address: str, port: int) -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._serve, args=[client, address, port], daemon=True).start()

    def _serve(self, client: socket.socket, address: str, port: int) -> None:
        with client:
            try:
                channel = self._connection.open_channel(address, port)
            except SshError as error:
                self._tell(str(error))
                return
            _join(client, channel)

    def _tell(self, reason: str) -> None:
        with self._lock:
            is_new = reason not in self._reported
            self._reported.add(reason)
        if is_new:
            self._context.copy().run(self._report, reason)


def _listener(port: int) -> socket.socket:
    deadline = time.monotonic() + LISTEN_SECONDS
    while True:
        try:
            return socket.create_server(("127.0.0.1", port), backlog=128)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _join(client: socket.socket, channel: paramiko.Channel) -> None:
    """Carry bytes both ways until both sides have said all, or one is lost."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    upward = threading.Thread(target=_carry, args=[client, channel, channel], daemon=True)
    upward.start()
    _carry(channel, client, channel)
    channel.recv_exit_status()  # waits until the channel is closed: a connection has no status to receive
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    upward.join()


def _carry(
    source: socket.socket | paramiko.Channel, sink: socket.socket | paramiko.Channel, channel: paramiko.Channel
) -> None:
    """Carry bytes one way until the source has said all. If a side is lost, close the channel, which ends both ways."""
    try:
        while data := source.recv(_CHUNK_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except (OSError, EOFError):
        with suppress(OSError, EOFError):
            channel.close()
