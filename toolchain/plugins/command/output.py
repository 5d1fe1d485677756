"""Collects what a running command prints, and words its failure like the real plugin."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from toolchain.plugins.provider import ProviderError
from toolchain.plugins.quoting import quoted

Stream = Literal["stdout", "stderr"]


class Output:
    """The two streams of one command, each alone and both as they came. Safe to feed from two threads."""

    def __init__(self, log: Callable[[str], None], logging: str | None) -> None:
        """Take what to log: stdout, stderr, stdoutAndStderr (also None) or none."""
        self._log = log
        self._logged = {"stdout": ["stdout"], "stderr": ["stderr"]}.get(logging or "", [])
        if logging in {None, "stdoutAndStderr"}:
            self._logged = ["stdout", "stderr"]
        self._lock = threading.Lock()
        self._streams: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._both = bytearray()
        self._line = b""

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take what the command just printed."""
        with self._lock:
            self._streams[stream] += data
            self._both += data
            if stream in self._logged:
                *lines, self._line = (self._line + data).split(b"\n")
                for line in lines:
                    self._log(_text(line))

    def close(self) -> None:
        """Log what is left of a last line without an end."""
        if self._line:
            self._log(_text(self._line))

    def properties(self) -> dict[str, str]:
        """`stdout` and `stderr`, each without its last line feed."""
        return {name: _text(data).removesuffix("\n") for name, data in self._streams.items()}

    def failure(self, reason: str, command: str) -> ProviderError:
        """Word the error of a command that failed. It tells the command and its output, never its standard input."""
        return ProviderError(f"{reason}: running {quoted(command)}:\n{_text(self._both)}")


def _text(data: bytes | bytearray) -> str:
    return data.decode(errors="replace")
