"""What every platform offers: where things stand on a host, and which command brings a wish about.

Pure: desired state in, command lines and file contents out. No Pulumi, no I/O but reading scripts/.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from components.platforms import repairs

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

Area = Literal["configuration", "data", "runtime", "run", "socket", "log"]
"""Kinds of places on a host: settings, what must survive, installed software, what a reboot may take, PostgreSQL's
socket, logs."""


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Command lines that are run on a host with one text on standard input; none of them holds a secret.

    `create` also serves updates: it brings the host to the wished state from whatever state it is in.
    """

    create: str
    delete: str | None = None

    def repaired(self, times: int) -> "Commands":
        """Return the commands for a resource that was found to have drifted so often."""
        return replace(self, create=repairs.marked(self.create, times))


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """A `create` that was run on a host, as Pulumi remembers it."""

    name: str
    """Of the resource."""
    create: str
    stdin: str

    @property
    def repairs(self) -> int:
        """How often the resource was found to have drifted."""
        return repairs.count(self.create)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A command line that changes nothing on a host, and what it reads on standard input."""

    command: str
    stdin: str


@dataclass(frozen=True, kw_only=True)
class HostFile:
    """A text file on a host. `mode` is octal text such as "0600"; `owner` is who may read it by that mode."""

    path: str
    content: str
    mode: str = "0644"
    owner: Literal["root", "prefect", "postgres"] = "root"
    service: str = ""
    """The one service that reads it, where services have accounts of their own."""
    account: str = ""
    """The account that this service logs on as; empty for its own."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A long-running program, kept running by the platform's service supervisor and started at boot."""

    name: str
    """The unit's name: what it runs, such as `prefect-server`."""
    description: str
    command: tuple[str, ...]
    """Program with full path, and its arguments; no secrets."""
    user: Literal["prefect", "postgres"]
    account: str = ""
    r"""The account of the host or its domain that it logs on as, as `DOMAIN\NAME`; empty for one of its own."""
    working_directory: str
    """It may write there."""
    health_url: str
    """`http://...` must answer 200, `postgresql://HOST:PORT` accept connections; for an empty one it must stay up."""
    requires_url: str = ""
    """What it is healthy only with, in the form of `health_url`: while that is dead, a restart is no cure."""
    environment_files: tuple[str, ...] = ()
    """Files of NAME=value lines, later ones winning."""
    after: tuple[str, ...] = ()
    """Services on the same host that start before and stop after this one."""
    environment: str = ""
    """Python environment that it runs from, by the link `current(name)` that `command` should use; empty for none."""
    sandbox: Literal["strict", "flows"] = "strict"
    """`strict` for programs that we know: they may do what they need and nothing else. `flows` for programs that run
    the users' code: it may reach what the user of the service may, save for becoming another or changing the system."""
    writes: tuple[str, ...] = ()
    """Directories, besides the working directory, that a `strict` program writes into."""
    runtime_directory: str = ""
    """A directory in the area `run`, made anew for its user at each start, that it writes into."""
    groups: tuple[str, ...] = ()
    """System groups whose rights it has besides those of its user."""
    memory_max: str = ""
    """How much memory it and what it starts may use, such as `4G` or `75%`; empty for all there is."""
    stop_signal: Literal["TERM", "INT"] = "TERM"
    stop_file: str = ""
    """A file that tells it to stop by itself, where a signal would end what it has started; empty for a signal."""
    start_seconds: int = 120
    """How long it may take to become healthy."""
    settle_seconds: int = 0
    """How long it must then stay up, for a program that answers before it knows whether it can work."""
    stop_seconds: int = 60
    """How long it may take to stop before it is killed."""


@dataclass(frozen=True, kw_only=True)
class ScheduledTask:
    """A program that the scheduler of the platform runs at set times and that ends; a missed run is made up for."""

    name: str
    description: str
    command: tuple[str, ...]
    """Program with full path, and its arguments; no secrets."""
    user: Literal["root", "prefect", "postgres"]
    """`root` without its powers over the files and processes of others."""
    schedule: str
    """A calendar event such as `*-*-* 02:30:00` or `Sun 04:00`, as in systemd.time(7)."""
    random_delay_seconds: int = 0
    """It starts up to so much later, so that many hosts do not start at once."""
    time_limit_seconds: int
    """How long it may take before it is ended and counts as failed."""
    writes: tuple[str, ...] = ()
    """Directories that it writes into, wherever they are mounted from."""
    after: tuple[str, ...] = ()
    """Services on the same host that start before it when the host boots."""
    on_failure: tuple[str, ...] = ()
    """Program with full path, and its arguments, that root runs when it failed; its name is added as the last one."""


class Platform(Protocol):
    """The vocabulary of one kind of host."""

    name: str
    preflight: tuple[str, ...]
    """Scripts that look at a host before anything is changed."""

    def path(self, area: Area, *parts: str) -> str:
        """Return the full path of something of kind `area`; empty for a socket where PostgreSQL has none."""
        ...

    def python(self, environment: str) -> str:
        """Return the full path of the Python of `environment`, a Python environment of the area `runtime`."""
        ...

    def current(self, service: str) -> str:
        """Return the full path of the Python that `service` runs on, whichever its environment is at the time."""
        ...

    def postgresql(self, program: str) -> str:
        """Return the full path of a program of PostgreSQL, such as `psql`, whichever its version is."""
        ...

    def caddy(self) -> str:
        """Return the full path of Caddy; empty where it is no program of this platform, or nobody has given it."""
        ...

    def home(self, service: str) -> str:
        """Return PREFECT_HOME of `service`: one for all where they share an account."""
        ...

    def system_user(self, user: Literal["prefect", "postgres"]) -> str:
        """Return the system user by whom the services of `user` run here; empty if each has an account of its own."""
        ...

    def file(self, file: HostFile) -> Commands:
        """Return the commands that write `file`, its payload on stdin, and remove it."""
        ...

    def file_payload(self, file: HostFile, content: str) -> str:
        """Return what writing `file` with this `content` reads on stdin."""
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

    def drift(self, runs: Sequence[LastRun]) -> Question:
        """Return how to ask a host what is no longer as `runs` left it.

        What the host answers: scripts/posix/list_drift.py.
        """
        ...

    def service_definition(self, service: Service) -> HostFile:
        """Return the file that tells the service supervisor of `service`."""
        ...

    def stop_file(self, service: str) -> str:
        """Return the file that tells `service` to stop by itself; empty where a signal does."""
        ...

    def has_program(self, name: str) -> bool:
        """Return whether this platform has the program `name`, or does what it does otherwise."""
        ...

    def program(self, name: str) -> HostFile:
        """Return the program scripts/PLATFORM/programs/`name` as it stands on a host, for tasks and people to run."""
        ...

    def task_definitions(self, task: ScheduledTask) -> Mapping[str, HostFile]:
        """Return, by what they are for, the files that tell the scheduler of `task`."""
        ...

    def firewall_file(self, rules: str) -> HostFile | None:
        """Return the file with `rules` as nft(8) reads them; None where the firewall is told of each port by itself."""
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


def lock_fingerprint(*locks: str) -> str:
    """Return a short hash of each scripts/runtime/LOCK.txt: what is installed from them changes when it does."""
    return fingerprint(*((SCRIPTS / "runtime" / f"{lock}.txt").read_text() for lock in locks))[:8]


def prefect_locks(version: str, *, docker: bool) -> tuple[str, ...]:
    """Return the locks, below scripts/runtime, of a Prefect version, the last one including those before it.

    `docker` adds what a worker needs to start containers.
    """
    return (f"prefect-{version}", f"prefect-docker-{version}") if docker else (f"prefect-{version}",)


def requirements_file(platform: Platform, lock: str) -> HostFile:
    """Return scripts/runtime/`lock`.txt as it stands on a host, for pip to read."""
    text = (SCRIPTS / "runtime" / f"{lock}.txt").read_text()
    return HostFile(path=platform.path("runtime", "requirements", f"{lock}.txt"), content=text)
