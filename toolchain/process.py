"""Runs installers and compilers: output to a log, progress to the terminal."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LINE_EVERY = 15.0
"""Seconds between two lines of progress where there is no terminal to keep one up to date on."""
UPDATE_EVERY = 0.2
"""Seconds between two updates of the line on a terminal."""


def say(text: str) -> None:
    """Tell the user one line; standard output is kept for `make env`."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Progress:
    """One line that is kept up to date on a terminal, or a new line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._interval = UPDATE_EVERY if self._terminal else LINE_EVERY
        self._last = time.monotonic()

    def show(self, text: str) -> None:
        """Show this text, unless the last one is too recent."""
        if time.monotonic() - self._last < self._interval:
            return
        self._last = time.monotonic()
        if self._terminal:
            sys.stderr.write(f"\r\033[K  {text}")
            sys.stderr.flush()
        else:
            say(f"  {text}")

    def close(self) -> None:
        """Remove the line from the terminal."""
        if self._terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


class ProgramError(Exception):
    """A program ended with an error; the text is its output."""


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    on_line: Callable[[str], None] = lambda _: None,
    timeout: float | None = None,
) -> str:
    """Run a program to its end, its output in `log`; returns the output.

    `on_line` sees each line as it comes. The program is ended after `timeout` seconds, and with this one.

    Raises ProgramError if it ends with an error, OSError if it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            close_fds=False,  # passes the lock on; Python opens all else as not inheritable
        ) as process,
    ):
        limit = threading.Timer(timeout or threading.TIMEOUT_MAX, process.kill)
        limit.daemon = True
        limit.start()
        try:
            for line in process.stdout or ():
                file.write(line)
                lines.append(line)
                on_line(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        finally:
            limit.cancel()
    output = "".join(lines)
    if process.returncode != 0:
        raise ProgramError(output)
    return output
