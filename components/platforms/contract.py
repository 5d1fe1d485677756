"""What every platform offers: where things stand on a host, and which command brings a wish about.

Pure: desired state in, command lines and file contents out. No Pulumi, no I/O but reading scripts/.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

Area = Literal["configuration", "data", "runtime", "run", "log"]
"""Kinds of places on a host: settings, what must survive, installed software, sockets, logs."""


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Command lines that are run on a host with one text on standard input; none of them holds a secret.

    `create` also serves updates: it brings the host to the wished state from whatever state it is in.
    """

    create: str
    delete: str | None = None


@dataclass(frozen=True, kw_only=True)
class HostFile:
    """A text file on a host. `mode` is octal text such as "0600"; `owner` is who may read it by that mode."""

    path: str
    content: str
    mode: str = "0644"
    owner: Literal["root", "prefect", "postgres"] = "root"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A long-running program, kept running by the platform's service supervisor and started at boot."""

    name: str
    """The unit's name: what it runs, such as `prefect-server`."""
    description: str
    command: tuple[str, ...]
    """Program with full path, and its arguments; no secrets."""
    user: Literal["prefect", "postgres"]
    working_directory: str
    """It may write there."""
    health_url: str
    """`http://...` must answer 200, `postgresql://HOST:PORT` accept connections; for an empty one it must stay up."""
    environment_files: tuple[str, ...] = ()
    """Files of NAME=value lines, later ones winning."""
    after: tuple[str, ...] = ()
    """Services on the same host that start before and stop after this one."""
    sandbox: Literal["strict", "flows"] = "strict"
    """`strict` for programs that we know: they may do what they need and nothing else. `flows` for programs that run
    the users' code: it may reach what the user of the service may, save for becoming another or changing the system."""
    writes: tuple[str, ...] = ()
    """Directories, besides the working directory, that a `strict` program writes into."""
    runtime_directory: str = ""
    """A directory in the area `run`, made anew for its user at each start, that it writes into."""
    stop_signal: Literal["TERM", "INT"] = "TERM"
    start_seconds: int = 120
    """How long it may take to become healthy."""
    settle_seconds: int = 0
    """How long it must then stay up, for a program that answers before it knows whether it can work."""
    stop_seconds: int = 60
    """How long it may take to stop before it is killed."""


class Platform(Protocol):
    """The vocabulary of one kind of host."""

    name: str

    def path(self, area: Area, *parts: str) -> str:
        """Return the full path of something of kind `area`."""
        ...

    def python(self, environment: str) -> str:
        """Return the full path of the Python of `environment`, a Python environment of the area `runtime`."""
        ...

    def file(self, file: HostFile) -> Commands:
        """Return the commands that write `file`, its content on stdin, and remove it."""
        ...

    def script(self, name: str) -> Commands:
        """Return the commands that run a script's `create` and `delete`, its payload on stdin."""
        ...

    def payload(self, name: str, settings: Mapping[str, str]) -> str:
        """Return what a script reads on stdin: its settings and its text.

        Raises:
            ValueError: a setting's name is not lower-case or its value has more than one line.
        """
        ...

    def service_definition(self, service: Service) -> HostFile:
        """Return the file that tells the service supervisor of `service`."""
        ...

    def environment_file(self, variables: Mapping[str, str]) -> str:
        """Return the content of an environment file.

        Raises:
            ValueError: a value cannot be written so that it arrives unchanged.
        """
        ...

    def host_files(self) -> Mapping[str, HostFile]:
        """Return, by what they are for, the files that a host of this platform needs before its first service."""
        ...


def fingerprint(*texts: str) -> str:
    """Return a short hash that changes when any of `texts` does."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:16]


def lock_fingerprint(lock: str) -> str:
    """Return a short hash of scripts/runtime/`lock`.txt: what is installed from it changes when it does."""
    return fingerprint((SCRIPTS / "runtime" / f"{lock}.txt").read_text())[:8]
