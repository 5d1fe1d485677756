"""An SSH connection to a host: made when first needed, shared by all who need it, made again after it was lost."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import paramiko

from components.settings.hosts import HostSettings
from components.ssh_keys import host_key, private_key

KEY_SECONDS = 10.0
"""How long the private key may take to arrive."""
CONNECT_SECONDS = 15.0
"""How long connecting may take: the jump host, the host, logging in to both, and attempts that failed."""
OPEN_SECONDS = 28.0
"""How long anybody waits for a channel, whatever happens."""
CLOSE_SECONDS = 5.0
"""How long the thread of a connection that was closed may take to end."""
KEEPALIVE_SECONDS, ANSWER_SECONDS = 3.0, 8.0
"""How often the host is asked whether it is there, and how long it may take to answer."""

_SERVER_HINT = "See that it is up and runs sshd, that address and port are right, and that no firewall is between."
_CHUNK_BYTES = 65536
_PROHIBITED = 1  # https://www.rfc-editor.org/rfc/rfc4254#section-5.1


class SshError(Exception):
    """There is no connection; the message says what happened, why, and what to do. It never holds a secret."""


class _UnreachableError(SshError):
    """This attempt to connect failed; the next may not, as after a reboot or when sshd had too many callers."""


@dataclass(frozen=True)
class Ended:
    """A command that came to its end."""

    exit_status: int
    stdout: str
    stderr: str


class SshConnection:
    """At most one connection to `host`, if need be through its jump host. May be shared between threads.

    Nothing is sent until `open_channel`. A connection that was lost is noticed within 11 seconds, and the next channel
    makes a new one. Those who wait for the same attempt to connect share its outcome.
    """

    def __init__(self, host: HostSettings) -> None:
        self._host = host
        self._private_key: Future[str | None] = Future()
        self._lock = threading.Lock()
        self._attempt: Future[paramiko.Transport] | None = None
        # every error comes back as an exception; paramiko would write its own account of it to standard error
        logging.getLogger("paramiko").addHandler(logging.NullHandler())

    def unlock(self, private_key: str | None) -> None:
        """Say by which key, in PEM, to log in; None to ask the SSH agent alone. Whoever waits for it goes on."""
        self._private_key.set_result(private_key)

    def open_channel(self, address: str, port: int) -> paramiko.Channel:
        """Connect to a TCP port as seen from the host.

        Raises:
            SshError: the host or that port cannot be reached within 28 seconds.
        """
        deadline = time.monotonic() + OPEN_SECONDS
        channel = None
        while channel is None:
            channel = self._channel(self._transport(deadline), address, port, deadline)
        return channel

    def execute(self, command: str, stdin: str, seconds: float) -> Ended:
        """Run a command line on the host, and return when it has ended.

        Raises:
            SshError: the host cannot be reached, or the command did not end, within that many seconds.
        """
        deadline = time.monotonic() + seconds
        transport = self._transport(deadline)
        try:
            with transport.open_session(timeout=_left(deadline)) as channel:
                return _execute(channel, command, stdin, deadline)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if transport.is_active():
                message = f"A command on {_who(self._host)} did not end within {seconds:.0f} s. See what keeps it busy."
            else:
                message = f"The connection to {_who(self._host)} was lost. {_SERVER_HINT}"
            raise SshError(message) from error

    def close(self) -> None:
        """End the connection, if there is one."""
        with self._lock:
            attempt = self._attempt
        if attempt is not None and attempt.done() and attempt.exception() is None:
            attempt.result().close()

    def _channel(
        self, transport: paramiko.Transport, address: str, port: int, deadline: float
    ) -> paramiko.Channel | None:
        """Return None if the connection was lost meanwhile, so that another may be tried."""
        try:
            return _open(transport, address, port, deadline)
        except paramiko.ChannelException as error:
            raise _refusal(self._host, address, port, error) from error
        except (OSError, EOFError):
            # nothing could be sent, though the thread that reads may not know yet that the connection is lost
            transport.close()
            return None
        except paramiko.SSHException as error:
            if transport.is_active():
                raise SshError(
                    f"{_who(self._host)} did not connect to {address}:{port} in time."
                    " See on that host whether a firewall drops connections to it."
                ) from error
            return None

    def _transport(self, deadline: float) -> paramiko.Transport:
        with self._lock:
            if self._attempt is None or _is_over(self._attempt):
                self._attempt = Future()
                threading.Thread(target=self._keep, args=[self._attempt], daemon=True).start()
            attempt = self._attempt
        try:
            return attempt.result(_left(deadline))
        except FutureTimeoutError:
            raise SshError(f"{_who(self._host)} did not answer in time. {_SERVER_HINT}") from None

    def _keep(self, attempt: "Future[paramiko.Transport]") -> None:
        """Connect, tell all who wait for the attempt, and look after the connection until it is lost."""
        with ExitStack() as connections:
            try:
                transport = self._connect(connections)
            except Exception as error:  # whatever it is, those who wait must be told
                attempt.set_exception(error)
                return
            attempt.set_result(transport)
            _watch(transport)

    def _connect(self, connections: ExitStack) -> paramiko.Transport:
        """Log in; try again while that could help and there is time."""
        key = self._key()
        deadline = time.monotonic() + CONNECT_SECONDS
        wait = 0.1
        while True:
            try:
                with ExitStack() as attempt:
                    transport = _log_in(self._host, key, deadline, attempt)
                    connections.push(attempt.pop_all())
                    return transport
            except _UnreachableError:
                if time.monotonic() + wait > deadline:
                    raise
            time.sleep(wait)
            wait *= 2

    def _key(self) -> paramiko.PKey | None:
        try:
            text = self._private_key.result(KEY_SECONDS)
            return None if text is None else private_key(text)
        except FutureTimeoutError:
            reason = f"its value was still unknown after {KEY_SECONDS:.0f} s"
        except ValueError as error:
            reason = str(error)
        raise SshError(
            f"The private key in sshPrivateKey cannot be used for {_who(self._host)}: {reason}."
            " Set an ed25519, ECDSA or RSA key without a passphrase: pulumi config set --secret sshPrivateKey <FILE."
            " Or have the SSH agent asked: pulumi config rm sshPrivateKey; ssh-add FILE"
        )


def _log_in(
    host: HostSettings, key: paramiko.PKey | None, deadline: float, connections: ExitStack
) -> paramiko.Transport:
    """Connect to `host`, through its jump host if it has one; what was opened is left to `connections` to close."""
    link: socket.socket | paramiko.Channel
    if host.jump_host is None:
        link = _dial(host, deadline)
    else:
        bridge = _log_in(host.jump_host, key, deadline, connections)
        link = cast("paramiko.Channel", _Link(_through(bridge, host.jump_host, host, deadline)))
    connections.callback(link.close)
    client = paramiko.SSHClient()
    connections.callback(_close, client)
    pinned = _pinned(host)
    client.get_host_keys().add(_known_as(host), pinned.get_name(), pinned)
    with _explaining(host):
        client.connect(
            host.address,
            host.port,
            host.user,
            pkey=key,
            look_for_keys=False,
            sock=link,
            timeout=_left(deadline),
            banner_timeout=_left(deadline),
            auth_timeout=_left(deadline),
        )
        transport = client.get_transport()
    assert transport is not None  # noqa: S101 - the client is connected
    return transport


class _Link:
    """A channel through a jump host, as the socket of the connection behind it.

    It can be closed when the jump host is lost, too, and cannot be told: the thread of the connection would die of it.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> object:
        return getattr(self._channel, name)

    def close(self) -> None:
        with suppress(paramiko.SSHException, OSError, EOFError):
            self._channel.close()


def _close(client: paramiko.SSHClient) -> None:
    """Close a connection and wait for its thread, which takes its leave over the link that is closed next."""
    transport = client.get_transport()
    client.close()
    if transport is not None and transport.is_alive():
        transport.join(CLOSE_SECONDS)


def _dial(host: HostSettings, deadline: float) -> socket.socket:
    try:
        link = socket.create_connection((host.address, host.port), timeout=_left(deadline))
    except OSError as error:
        raise _UnreachableError(f"{_who(host)} cannot be reached: {_reason(error)}. {_SERVER_HINT}") from error
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _through(
    bridge: paramiko.Transport, jump_host: HostSettings, host: HostSettings, deadline: float
) -> paramiko.Channel:
    try:
        return _open(bridge, host.address, host.port, deadline)
    except paramiko.ChannelException as error:
        raise _refusal(jump_host, host.address, host.port, error) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _UnreachableError(
            f"{_who(host)} cannot be reached through {jump_host.name}: {_reason(error)}. {_SERVER_HINT}"
        ) from error


def _open(transport: paramiko.Transport, address: str, port: int, deadline: float) -> paramiko.Channel:
    return transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=_left(deadline))


def _execute(channel: paramiko.Channel, command: str, stdin: str, deadline: float) -> Ended:
    channel.settimeout(_left(deadline))
    channel.exec_command(command)
    channel.sendall(stdin.encode())
    channel.shutdown_write()
    stdout, stderr = (_read(receive, channel, deadline) for receive in (channel.recv, channel.recv_stderr))
    if not channel.status_event.wait(_left(deadline)):
        raise TimeoutError
    if not channel.get_transport().is_active():
        raise EOFError
    return Ended(channel.recv_exit_status(), stdout, stderr)


def _read(receive: Callable[[int], bytes], channel: paramiko.Channel, deadline: float) -> str:
    """Read one stream to its end; the other may fill up to the 2 MB of its window meanwhile."""
    chunks = []
    while chunk := receive(_CHUNK_BYTES):
        chunks.append(chunk)
        channel.settimeout(_left(deadline))
    return b"".join(chunks).decode(errors="replace")


@contextmanager
def _explaining(host: HostSettings) -> Iterator[None]:
    """Turn what goes wrong while logging in to `host` into an error that says what to do."""
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise SshError(
            f"{_who(host)} shows another host key than the one pinned, and nothing was sent to it: it was set up anew,"
            f" or another machine poses as it. If you know that it was set up anew: {_how_to_pin(host)}"
        ) from error
    except paramiko.AuthenticationException as error:
        raise SshError(
            f"{_who(host)} refused the log-in: {_reason(error)}. Add the public half of sshPrivateKey, or of a key in"
            f" the SSH agent, to the authorized_keys of {host.user} there."
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        if "No authentication methods" in str(error):
            raise SshError(
                f"There is no key to log in to {_who(host)} with."
                " Set one: pulumi config set --secret sshPrivateKey <FILE. Or add one to the SSH agent: ssh-add FILE"
            ) from error
        raise _UnreachableError(
            f"{_who(host)} did not answer as an SSH server: {_reason(error)}. {_SERVER_HINT}"
        ) from error


def _pinned(host: HostSettings) -> paramiko.PKey:
    try:
        return host_key(host.host_key)
    except ValueError as error:
        raise SshError(
            f"What is pinned for {_who(host)} cannot be compared with what it shows: {error}. {_how_to_pin(host)}"
        ) from error


def _how_to_pin(host: HostSettings) -> str:
    return (
        "Pin the key that stands in ssh_host_ed25519_key.pub, beside the configuration of its sshd:"
        f" pulumi config set --path hosts.{host.name}.hostKey 'ssh-ed25519 AAAA...'"
    )


def _refusal(host: HostSettings, address: str, port: int, error: paramiko.ChannelException) -> SshError:
    if error.code == _PROHIBITED:
        return SshError(
            f"{_who(host)} forbids connections through it to {address}:{port}."
            " Allow them in the sshd_config of that host: AllowTcpForwarding yes"
        )
    return _UnreachableError(
        f"{_who(host)} cannot connect to {address}:{port}: {_reason(error)}."
        " See on that host whether anything listens there and no firewall is between."
    )


def _known_as(host: HostSettings) -> str:
    """Return the host's name in a known_hosts file, https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT."""
    return host.address if host.port == paramiko.config.SSH_PORT else f"[{host.address}]:{host.port}"


def _who(host: HostSettings) -> str:
    return f"{host.name} ({host.user}@{host.address}:{host.port})"


def _reason(error: Exception) -> str:
    if isinstance(error, paramiko.ChannelException):
        return error.text
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).rstrip(".") or "the connection was closed"


def _is_over(attempt: "Future[paramiko.Transport]") -> bool:
    return attempt.done() and (attempt.exception() is not None or not attempt.result().is_active())


def _left(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())


def _watch(transport: paramiko.Transport) -> None:
    """Return when the connection is lost; close it when the host falls silent, for which TCP may need 15 minutes."""
    with suppress(paramiko.SSHException, OSError, EOFError):
        while transport.is_active():
            silence = threading.Timer(ANSWER_SECONDS, transport.close)
            silence.daemon = True
            silence.start()
            transport.global_request("keepalive@openssh.com", wait=True)
            silence.cancel()
            transport.join(KEEPALIVE_SECONDS)
