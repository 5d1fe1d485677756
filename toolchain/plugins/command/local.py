"""Runs a command on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import IO

from toolchain.plugins.command.environment import previous_output
from toolchain.plugins.command.output import Output, Stream
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import Call

_CHUNK = 65536
_WINDOWS = sys.platform == "win32"
_SHELL = ["cmd", "/C"] if _WINDOWS else ["/bin/sh", "-c"]


def run(call: Call, command: str, properties: Properties) -> dict[str, str]:
    """Run a command to its end and return its `stdout` and `stderr`.

    Args:
        call: ends the command, with everything it started, when interrupted.
        command: the last argument of the interpreter.
        properties: inputs of the resource; also the previous outputs, passed on in the environment.

    Raises:
        ProviderError: it did not start, did not exit with 0, or was interrupted.
    """
    output = Output(call.log, properties.get("logging"))
    if call.interruption.reason:
        raise output.failure(call.interruption.reason, command)
    try:
        process = _start(command, properties)
    except (OSError, ValueError) as error:
        raise output.failure(_start_failure(error, properties), command) from error
    with call.interruption.ending(lambda: _end(process)), process:
        threads = [
            threading.Thread(target=_read, args=(process.stdout, "stdout", output)),
            threading.Thread(target=_read, args=(process.stderr, "stderr", output)),
        ]
        for thread in threads:
            thread.start()
        _write(process, properties.get("stdin") or "")
        for thread in threads:
            thread.join()
        status = process.wait()
    output.close()
    if call.interruption.reason or status:
        raise output.failure(call.interruption.reason or _exit_failure(status), command)
    return output.properties()


def _start(command: str, properties: Properties) -> subprocess.Popen[bytes]:
    interpreter = properties.get("interpreter") or _SHELL
    program = interpreter[0] if os.sep in interpreter[0] else shutil.which(interpreter[0])
    if program is None:
        raise FileNotFoundError(0, f'exec: "{interpreter[0]}": executable file not found in $PATH')
    return subprocess.Popen(
        [*interpreter, command],
        executable=program,
        cwd=properties.get("dir"),
        env={**os.environ, **(properties.get("environment") or {}), **previous_output(properties)},
        stdin=subprocess.PIPE if properties.get("stdin") else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=not _WINDOWS,
    )


def _write(process: subprocess.Popen[bytes], text: str) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # a command need not read its input
            process.stdin.write(text.encode())
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _read(source: IO[bytes], stream: Stream, output: Output) -> None:
    while data := os.read(source.fileno(), _CHUNK):
        output.feed(stream, data)


def _end(process: subprocess.Popen[bytes]) -> None:
    if _WINDOWS:
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _start_failure(error: OSError | ValueError, properties: Properties) -> str:
    program = (properties.get("interpreter") or _SHELL)[0]
    if isinstance(error, ValueError):  # a NUL in an argument
        return f"fork/exec {program}: invalid argument"
    if not error.errno:
        return str(error.strerror)
    what = "chdir" if error.filename == properties.get("dir") else "fork/exec"
    return f"{what} {error.filename}: {os.strerror(error.errno).lower()}"


def _exit_failure(status: int) -> str:
    if status < 0:
        return f"signal: {signal.strsignal(-status) or -status}".lower()
    return f"exit status {status}"
