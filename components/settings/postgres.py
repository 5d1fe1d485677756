"""The PostgreSQL cluster of a stack file."""

from dataclasses import dataclass

from components.settings.hosts import HostSettings
from components.settings.server import ServerSettings
from components.settings.table import Problems, Table, only

SERVER_CONNECTIONS = 15
"""Connections one server process may open: PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE 5 + _MAX_OVERFLOW 10."""

RESERVED_CONNECTIONS = 10
"""Connections kept for administration, backups and the provider that makes role and database."""


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """The PostgreSQL cluster that holds the Prefect database."""

    host: str
    port: int
    max_connections: int
    """https://www.postgresql.org/docs/current/runtime-config-connection.html, default 100."""


def read_postgres(table: Table, hosts: tuple[HostSettings, ...]) -> PostgresSettings:
    """Return the cluster, on one of `hosts`."""
    names = [host.name for host in hosts]
    host = table.choice("host", names, only(names))
    local = any(candidate.name == host and candidate.platform == "local" for candidate in hosts)
    postgres = PostgresSettings(
        host=host,
        # this machine may well have a PostgreSQL of its own
        port=table.port("port", 54320 if local else 5432),
        max_connections=table.integer("maxConnections", 100, minimum=20, maximum=10000),
    )
    table.finish()
    return postgres


def check_connections(problems: Problems, postgres: PostgresSettings, server: ServerSettings) -> None:
    """Note a cluster that allows fewer connections than its servers may open."""
    needed = SERVER_CONNECTIONS * len(server.hosts) + RESERVED_CONNECTIONS
    if postgres.max_connections < needed:
        problems.add(
            "postgres.maxConnections",
            f"is {postgres.max_connections}, too few for {len(server.hosts)} server process",
            f"at least {needed}: {SERVER_CONNECTIONS} for each server process and {RESERVED_CONNECTIONS} in reserve",
            "100",
        )
