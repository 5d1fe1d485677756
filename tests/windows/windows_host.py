"""A host that answers as Windows would: a real SSH server, and a program in place of powershell.exe."""

import concurrent.futures
import contextlib
import json
import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.plugins.ssh_server import USER, SshServer, private_key_text, serving
from tests.waiting import wait_until
from tests.windows.powershell import PAUSE, PAUSED, step_name

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Step:
    """Something that was done on the host."""

    function: str
    script: str
    settings: dict[str, str]
    command: str

    @property
    def name(self) -> str:
        """The script, and of a file which one, of a service its name."""
        return step_name(self.script, self.settings)


@dataclass(frozen=True)
class WindowsHost:
    """The host and its record."""

    server: SshServer
    directory: Path

    @property
    def configuration(self) -> dict[str, str]:
        """What a stack must know to reach it, but for the key."""
        return {"port": str(self.server.port), "user": USER, "hostKey": self.server.pinned_key}

    @property
    def key(self) -> str:
        """The private key that it lets in."""
        return private_key_text(self.server.key)

    def steps(self) -> list[Step]:
        """Return what was done since this was asked last."""
        record = self.directory / "record"
        if not record.exists():
            return []
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        record.unlink()
        return [Step(function, script, settings, " ".join(options)) for function, script, settings, options in lines]

    def write(self, path: str, content: str) -> None:
        """Change a file as somebody on the host would."""
        state = self.directory / "state.json"
        known = json.loads(state.read_text())
        known[path]["content"] = content
        state.write_text(json.dumps(known))

    def losing_input(self) -> contextlib.AbstractContextManager[None]:
        """Lose the end of what is sent, as early releases of OpenSSH for Windows did."""
        return self._fault("loses-input")

    def in_constrained_language(self) -> contextlib.AbstractContextManager[None]:
        """Refuse scripts, as PowerShell does under App Control."""
        return self._fault("constrained")

    @contextlib.contextmanager
    def meanwhile(self, step: str, act: Callable[[], None]) -> Iterator[None]:
        """Do something when the host comes to `step`, which waits for it; it must come to it until the block ends."""
        (self.directory / PAUSE).write_text(step)
        with concurrent.futures.ThreadPoolExecutor() as threads:
            done = threads.submit(self._act, act)
            try:
                yield
            finally:
                (self.directory / PAUSE).unlink(missing_ok=True)
            done.result()

    def _act(self, act: Callable[[], None]) -> None:
        pause, paused = self.directory / PAUSE, self.directory / PAUSED
        wait_until(lambda: not pause.exists(), "the host to come to the step", within=300)
        assert paused.exists(), "the host did not come to the step"
        try:
            act()
        finally:
            paused.unlink()

    @contextlib.contextmanager
    def rebooting(self, after: str) -> Iterator[None]:
        """End every connection as soon as the step `after` was done, as a reboot does."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._reboot, args=[after, ended])
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _reboot(self, after: str, ended: threading.Event) -> None:
        record = self.directory / "record"
        while not ended.wait(0.02):
            if record.exists() and after in record.read_text():
                self.server.hang_up()
                return

    @contextlib.contextmanager
    def _fault(self, name: str) -> Iterator[None]:
        sign = self.directory / f"fault-{name}"
        sign.touch()
        try:
            yield
        finally:
            sign.unlink()


@contextlib.contextmanager
def windows_host() -> Iterator[WindowsHost]:
    """Serve one; until the end its powershell.exe is the first on the PATH."""
    with tempfile.TemporaryDirectory() as place, serving() as server:
        program = Path(place) / "bin" / "powershell.exe"
        program.parent.mkdir()
        words = [sys.executable, "-m", "tests.windows.powershell", place]
        program.write_text(f'#!/bin/sh\ncd {shlex.quote(str(CHECKOUT))} || exit\nexec {shlex.join(words)} "$@"\n')
        program.chmod(0o755)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{program.parent}{os.pathsep}{before}"
        try:
            yield WindowsHost(server, Path(place))
        finally:
            os.environ["PATH"] = before
