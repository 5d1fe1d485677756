"""The Prefect server of a stack file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from components import prefect_settings
from components.platforms import SCRIPTS, prefect_locks
from components.settings.hosts import HostSettings
from components.settings.table import Table, only

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class _PartOfPool(NamedTuple):
    default: int
    least: int
    """What is below it stands for no limit: https://docs.sqlalchemy.org/en/20/core/pooling.html."""


_POOL = {
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": _PartOfPool(default=5, least=1),
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": _PartOfPool(default=10, least=0),
}
"""The connections to the database that a server process keeps, and those that it may open besides."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The Prefect server."""

    hosts: tuple[str, ...]
    version: str
    port: int
    """PREFECT_SERVER_API_PORT, default 4200."""
    log_level: str
    """PREFECT_LOGGING_LEVEL, default INFO; PREFECT_SERVER_LOGGING_LEVEL is the same, but not below INFO."""
    wheel_directory: str = ""
    """Directory on each host that runs Prefect, with all wheels of the locked runtime; empty for a package index."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Prefect's own settings, by environment variable, over the ones that this project chooses."""

    def packages(self, *, docker: bool) -> tuple[str, ...]:
        """Return what a host must be able to get, `NAME==VERSION`: Prefect; from a wheel directory all that it needs.

        `docker` tells whether it has workers that start containers.
        """
        if not self.wheel_directory:
            return (f"prefect=={self.version}",)
        locks = prefect_locks(self.version, docker=docker)
        text = "".join((SCRIPTS / "runtime" / f"{lock}.txt").read_text() for lock in locks)
        return tuple(re.sub(r"\[.*\]", "", found) for found in re.findall(r"^(\S+==\S+) \\$", text, re.MULTILINE))

    @property
    def connections(self) -> int:
        """How many connections to the database one server process may open."""
        return sum(int(self.settings.get(name, part.default)) for name, part in _POOL.items())


def supported_versions() -> tuple[str, ...]:
    """Return the Prefect versions that a hash-locked runtime is carried for, newest first."""
    found = [path.stem.removeprefix("prefect-") for path in (SCRIPTS / "runtime").glob("prefect-[0-9]*.txt")]
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True))


def read_server(table: Table, hosts: tuple[HostSettings, ...]) -> ServerSettings:
    """Return the server, on one of `hosts`."""
    names = [host.name for host in hosts]
    versions = supported_versions()
    server = ServerSettings(
        hosts=table.choices("hosts", names, only(names)),
        version=table.choice("version", versions, versions[0]),
        port=table.port("port", 4200),
        log_level=table.choice("logLevel", LOG_LEVELS, "INFO"),
        wheel_directory=table.text(
            "wheelDirectory",
            "",
            allowed="the full path of a directory of wheels that is there on every host that runs Prefect",
            example="/srv/wheels",
            pattern=r"|(/[\w.@+~-]+)+",
        ),
        settings=_settings(table.table("settings")),
    )
    if len(server.hosts) > 1:
        table.problems.add_of_wrong_type(
            "server.hosts",
            "names more than one host",
            "one host: several API servers need Redis",
            server.hosts[0],
            element="[0]",
        )
    table.finish()
    return server


def _settings(table: Table | None) -> dict[str, str]:
    """Return Prefect's settings. Unknown and badly formed ones are problems; Prefect ignores the former."""
    found: dict[str, str] = {}
    if table is None:
        return found
    for name, value in table.scalars():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if allowed := prefect_settings.name_problem(name):
            table.problems.add_needless(table.path(name), "cannot be set", allowed)
        elif problem := prefect_settings.value_problem(name, text):
            table.problems.add(table.path(name), f"is {value!r}", *problem)
        elif name in _POOL and int(text) < _POOL[name].least:
            pool = _POOL[name]
            allowed = f"a whole number from {pool.least} on: without a limit, connections could run out"
            table.problems.add(table.path(name), f"is {value!r}", allowed, str(pool.default))
        else:
            found[name] = text
    return found
