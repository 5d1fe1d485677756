"""Runs a command on another host over SSH."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from toolchain.plugins.command.connection import Connections
from toolchain.plugins.command.environment import previous_output
from toolchain.plugins.command.output import Output, Stream
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import Call, ProviderError

_CHUNK = 32768


def run(call: Call, command: str, properties: Properties) -> dict[str, str]:
    """Run a command on its host to the end and return its `stdout` and `stderr`.

    Args:
        call: closes the connection when interrupted, on which sshd hangs up the command.
        command: goes to the login shell of the remote user.
        properties: inputs of the resource; also the previous outputs, passed on in the environment.

    Raises:
        ProviderError: no connection, an environment variable refused, not exited with 0, or interrupted.
    """
    connections = Connections(call)
    with call.interruption.ending(connections.close), contextlib.closing(connections):
        transport = connections.dial(properties["connection"])
        output = Output(call.log, properties.get("logging"))
        try:
            status = _run(transport.open_session(), command, properties, output)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise output.failure(call.interruption.reason or str(error) or "EOF", command) from error
    if call.interruption.reason or status:
        raise output.failure(call.interruption.reason or _exit_failure(status), command)
    return output.properties()


def _run(channel: paramiko.Channel, command: str, properties: Properties, output: Output) -> int:
    for name, value in (properties.get("environment") or {}).items():
        _require_environment(channel, name, value)
    for name, value in previous_output(properties).items():
        channel.set_environment_variable(name, value)  # without an answer: most servers refuse it
    channel.exec_command(command)
    readers: list[tuple[Callable[[int], bytes], Stream]] = [
        (channel.recv, "stdout"),
        (channel.recv_stderr, "stderr"),
    ]
    threads = [threading.Thread(target=_read, args=(receive, stream, output)) for receive, stream in readers]
    for thread in threads:
        thread.start()
    _write(channel, properties.get("stdin") or "")
    for thread in threads:
        thread.join()
    output.close()
    return channel.recv_exit_status()


def _read(receive: Callable[[int], bytes], stream: Stream, output: Output) -> None:
    while data := receive(_CHUNK):
        output.feed(stream, data)


def _write(channel: paramiko.Channel, text: str) -> None:
    with contextlib.suppress(OSError):  # a command need not read its input
        channel.sendall(text.encode())
    with contextlib.suppress(OSError, EOFError):
        channel.shutdown_write()


def _require_environment(channel: Any, name: str, value: str) -> None:
    """Set a variable and wait for the server's consent, which paramiko's own method does not ask for."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("env")
    message.add_boolean(True)
    message.add_string(name)
    message.add_string(value)
    channel._event_pending()
    channel.transport._send_user_message(message)
    try:
        channel._wait_for_event()
    except paramiko.SSHException as error:
        raise ProviderError(f'could not set environment variable "{name}": ssh: setenv failed') from error


def _exit_failure(status: int) -> str:
    if status < 0:
        return "wait: remote command exited without exit status or exit signal"
    return f"Process exited with status {status}"
