"""The Prefect server of a stack file."""

from dataclasses import dataclass

from components.platforms import SCRIPTS
from components.settings.hosts import HostSettings
from components.settings.table import Table, only

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The Prefect server."""

    hosts: tuple[str, ...]
    version: str
    port: int
    """PREFECT_SERVER_API_PORT, default 4200."""
    log_level: str
    """PREFECT_LOGGING_LEVEL, default INFO; PREFECT_SERVER_LOGGING_LEVEL is the same, but not below INFO."""


def supported_versions() -> tuple[str, ...]:
    """Return the Prefect versions that a hash-locked runtime is carried for, newest first."""
    found = [path.stem.removeprefix("prefect-") for path in (SCRIPTS / "runtime").glob("prefect-*.txt")]
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
