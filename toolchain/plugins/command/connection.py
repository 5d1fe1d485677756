"""Opens SSH connections as the `connection` of a command tells: pinned key, credentials, proxy, retries."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import paramiko
from paramiko.pkey import PublicBlob

from toolchain.plugins.command.credentials import agent_keys, host_key, private_key
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import Call, ProviderError

Opened = TypeVar("Opened")
Link = socket.socket | paramiko.Channel

# Every error comes back as an exception; paramiko would write a second account of it to standard error.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

_FIRST_WAIT_SECONDS, _WAIT_GROWTH, _LONGEST_WAIT_SECONDS = 0.1, 1.5, 5.0
_REJECTIONS = {  # https://www.rfc-editor.org/rfc/rfc4254#section-5.1
    1: "administratively prohibited",
    2: "connect failed",
    3: "unknown channel type",
    4: "resource shortage",
}
_RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")


class _DialError(Exception):
    """One attempt to connect failed; the next may not."""


class Connections:
    """The connections of one command: to its host and, if there is one, to the proxy before it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._open: list[Any] = []

    def close(self) -> None:
        """Close all; may come from another thread, to end what is under way."""
        with self._lock:
            self._closed.set()
            still_open, self._open = self._open, []
        for connection in reversed(still_open):
            connection.close()

    def dial(self, connection: Properties) -> paramiko.Transport:
        """Connect to the host and log in.

        Args:
            connection: the checked `connection` of a command, its secrets revealed.

        Raises:
            ProviderError: a key cannot be read, or the dial error limit is reached.
        """
        log_in = self._login(connection)
        proxy = connection.get("proxy")
        if proxy is None:
            return self._retry("Dial", connection, lambda: log_in(self._connect(connection)))
        try:
            log_in_to_proxy = self._login(proxy)
            bridge = self._retry("Dial proxy", proxy, lambda: log_in_to_proxy(self._connect(proxy)))
            # The real plugin would try again over a connection that its first attempt had used up.
            return self._retry("Dial from proxy", connection, lambda: log_in(_through(bridge, connection)))
        except ProviderError as error:
            raise ProviderError(f"proxy: {error}") from error

    def _retry(self, what: str, connection: Properties, attempt: Callable[[], Opened]) -> Opened:
        limit = int(connection["dialErrorLimit"])
        wait = _FIRST_WAIT_SECONDS
        failed = 0
        while True:
            try:
                return attempt()
            except _DialError as error:
                self._raise_if_interrupted()
                if -1 < limit < failed + 1:
                    raise ProviderError(f"after {failed} failed attempts: {error}") from error
            failed += 1
            self._call.log(f"{what} {failed}/{'inf' if limit == -1 else limit} failed: retrying")
            self._closed.wait(wait)
            self._raise_if_interrupted()
            wait = min(wait * _WAIT_GROWTH, _LONGEST_WAIT_SECONDS)

    def _raise_if_interrupted(self) -> None:
        if self._call.interruption.reason:
            raise ProviderError(self._call.interruption.reason)

    def _connect(self, connection: Properties) -> socket.socket:
        address = (str(connection["host"]), int(connection["port"]))
        try:
            link = socket.create_connection(address, timeout=_seconds(connection))
            _keep_alive(link)
            return link
        except TimeoutError as error:
            raise _DialError(f"dial tcp {address[0]}:{address[1]}: i/o timeout") from error
        except socket.gaierror as error:
            raise _DialError(f"dial tcp: lookup {address[0]}: no such host") from error
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise _DialError(f"dial tcp {address[0]}:{address[1]}: connect: {reason}") from error

    def _login(self, connection: Properties) -> Callable[[Link], paramiko.Transport]:
        """Read the keys of a connection, and return how to log in over a link to its host."""
        pinned = host_key(connection["hostKey"]) if connection.get("hostKey") is not None else None
        keys = _keys(connection)
        return lambda link: self._log_in(connection, pinned, keys, link)

    def _log_in(
        self, connection: Properties, pinned: PublicBlob | None, keys: list[paramiko.PKey], link: Link
    ) -> paramiko.Transport:
        transport = paramiko.Transport(link)
        with self._lock:
            self._open.append(transport)
            if self._closed.is_set():
                transport.close()
        try:
            if pinned is not None:
                kind = str(pinned.key_type)
                transport.get_security_options().key_types = _RSA_ALGORITHMS if kind == "ssh-rsa" else (kind,)
            seconds = _seconds(connection)
            if seconds is not None:
                transport.banner_timeout = transport.auth_timeout = seconds
            transport.start_client(timeout=seconds)
            if pinned is not None and transport.get_remote_server_key().asbytes() != pinned.key_blob:
                raise _DialError("ssh: handshake failed: ssh: host key mismatch")
            _authenticate(transport, connection, keys)
        except (paramiko.SSHException, OSError, EOFError) as error:
            transport.close()
            raise _DialError(f"ssh: handshake failed: {_handshake_failure(error)}") from error
        except _DialError:
            transport.close()
            raise
        return transport


def _keep_alive(link: socket.socket) -> None:
    """Notice within 150 s that the host is gone, as Go's connections do: https://pkg.go.dev/net#KeepAliveConfig."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", 0x10)  # macOS calls it TCP_KEEPALIVE
    for option, value in ((idle, 15), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 9)):
        link.setsockopt(socket.IPPROTO_TCP, option, value)


def _through(bridge: paramiko.Transport, connection: Properties) -> paramiko.Channel:
    target = (str(connection["host"]), int(connection["port"]))
    try:
        return bridge.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=_seconds(connection))
    except paramiko.ChannelException as error:
        reason = _REJECTIONS.get(error.code, f"unknown reason {error.code}")
        raise _DialError(f"ssh: rejected: {reason} ({error.text})") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _DialError(f"ssh: {error or 'EOF'}") from error


def _authenticate(transport: paramiko.Transport, connection: Properties, keys: list[paramiko.PKey]) -> None:
    user, password = connection["user"], connection.get("password")
    attempted = ["none"]
    for key in keys:
        attempted.append("publickey")
        try:
            transport.auth_publickey(user, key)
        except paramiko.AuthenticationException:
            continue
        if transport.is_authenticated():
            return
    if password is not None:
        attempted.append("password")
        with contextlib.suppress(paramiko.AuthenticationException):
            transport.auth_password(user, password, fallback=True)
    if not transport.is_authenticated():
        methods = " ".join(dict.fromkeys(attempted))
        raise _DialError(
            "ssh: handshake failed: ssh: unable to authenticate,"
            f" attempted methods [{methods}], no supported methods remain"
        )


def _keys(connection: Properties) -> list[paramiko.PKey]:
    keys = []
    if connection.get("privateKey") is not None:
        keys.append(private_key(connection["privateKey"], connection.get("privateKeyPassword")))
    agent = connection.get("agentSocketPath") or os.environ.get("SSH_AUTH_SOCK")
    return keys + (agent_keys(agent) if agent else [])


def _seconds(connection: Properties) -> float | None:
    return float(connection["perDialTimeout"]) or None


def _handshake_failure(error: Exception) -> str:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer) and "host key" in str(error):
        return "ssh: no common algorithm for host key: the server has no host key of the pinned type"
    return str(error) or "EOF"
