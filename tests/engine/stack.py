"""The stack `dev` of a clone, driven as its owner would: by `make` and by the Pulumi CLI."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.engine.commands import PROJECT, CommandError, Result, StackCommands
from toolchain.layout import Layout

NAME = "dev"


@dataclass(frozen=True)
class Ports:
    """What the services of a stack listen on."""

    postgres: int
    server: int
    worker: int
    second_worker: int


@dataclass(kw_only=True)
class Stack(StackCommands):
    """One stack `dev` in one clone.

    Attributes:
        ports: told to the stack file.
        directory: the host directory of its one host; None for the default.
    """

    ports: Ports
    directory: Path | None = None

    @property
    def host(self) -> Path:
        """The directory that holds everything of the stack's one host."""
        return self.directory or self.layout.local / "hosts" / NAME / "this-machine"

    def supervisorctl(self, *arguments: str) -> str:
        """Ask the supervisor of the host."""
        program = self.host / "runtime" / "supervisor" / "bin" / "supervisorctl"
        command = [str(program), "-c", str(self.host / "configuration" / "supervisord.conf"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()

    def services(self) -> dict[str, int]:
        """Return the process id of each running service."""
        lines = [line.split() for line in self.supervisorctl("status").splitlines()]
        return {
            name: int(rest[rest.index("pid") + 1].rstrip(",")) for name, state, *rest in lines if state == "RUNNING"
        }

    def supervisor(self) -> int:
        """Return the process id of the supervisor."""
        return int(self.supervisorctl("pid"))

    def processes(self) -> dict[int, str]:
        """Return the command line of every process that has to do with this stack."""
        return {pid: line for pid, _, line in all_processes() if str(self.host) in line}

    def tear_down(self) -> None:
        """Destroy what there is of the stack; if that fails, end its processes all the same."""
        if not self.directory or not self.host.exists():
            return
        self.pulumi("cancel", "--yes", expect=None)
        destroyed = self.pulumi("destroy", "--yes", expect=None)
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if destroyed.status != 0 or left:
            raise CommandError(f"{destroyed.output}\nprocesses left: {left}")

    def start_services(self) -> Result:
        """Run the first thing that `make up` does for the services."""
        return self.run(["python", "-m", "toolchain.services", "start", NAME], self.shell_environment())

    @property
    def api_url(self) -> str:
        """Base of the API."""
        return f"http://127.0.0.1:{self.ports.server}/api"


def descendants(ancestor: int) -> dict[int, str]:
    """Return the command line of each process that a process has started, and those have started."""
    found: dict[int, str] = {}
    processes = list(all_processes())
    families = [ancestor]
    for family in families:
        children = {pid: command for pid, parent, command in processes if parent == family}
        found |= children
        families.extend(children)
    return found


def kill(up: "subprocess.Popen[bytes]") -> None:
    """Kill make, Pulumi and its plugins, but not what the plugins have started on the machine."""
    for pid, command in [(up.pid, "make"), *descendants(up.pid).items()]:
        if pid == up.pid or "pulumi" in command:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def write_stack_file(layout: Layout, ports: Ports, directory: Path | None) -> None:
    """Write the clone's stack file `dev`: its ports, and the directory of its host if not the default."""
    host = {"platform": "local"} | ({"directory": str(directory)} if directory else {})
    config = {
        "hosts": {"this-machine": host},
        "postgres": {"port": ports.postgres},
        "server": {"port": ports.server},
        "workers": {"default": {"healthPort": ports.worker}},
    }
    text = yaml.safe_dump({"config": {f"{PROJECT}:{key}": value for key, value in config.items()}})
    (layout.root / f"Pulumi.{NAME}.yaml").write_text(text)


def all_processes() -> Iterator[tuple[int, int, str]]:
    """Yield process id, parent's process id and command line of every process."""
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, parent, command = line.split(None, 2)
        if int(pid) != os.getpid():
            yield int(pid), int(parent), command
