"""Connects to the PostgreSQL server, and words its errors like the real plugin."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import Interruption, ProviderError

Rows = list[tuple[Any, ...]]
_LONGEST_CANCEL_SECONDS = 5.0


@dataclass
class Server:
    """Where the server is and who we are to it."""

    host: str
    port: int
    username: str
    password: str
    database: str
    sslmode: str
    sslrootcert: str
    connect_timeout: int
    max_connections: int
    superuser: bool
    database_username: str
    _slots: threading.Semaphore = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # An operation holds two connections at most: to the database of the configuration and to one other.
        slots = max(1, self.max_connections // 2) if self.max_connections > 0 else 1_000
        self._slots = threading.Semaphore(slots)

    @contextlib.contextmanager
    def connections(self, interruption: Interruption) -> Iterator[Connections]:
        """Provide the connections of one operation; they end with the block."""
        with self._slots, Connections(self) as connections, interruption.ending(connections.cancel):
            yield connections


class Connections:
    """Connects to databases of the server, each when it is first needed. Every statement is its own transaction."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._open: dict[str, psycopg.Connection] = {}

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open.values():
            connection.close()

    def cancel(self) -> None:
        """Cancel what the server is doing for us; may come from another thread."""
        for connection in list(self._open.values()):
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=_LONGEST_CANCEL_SECONDS)

    def to(self, database: str | None = None) -> Session:
        """Return a session in a database, in the one of the configuration if none is named.

        Raises:
            ProviderError: no connection.
        """
        name = database or self.server.database
        if name not in self._open:
            self._open[name] = self._connect(name)
        return Session(self._open[name])

    def _connect(self, database: str) -> psycopg.Connection:
        server = self.server
        try:
            return psycopg.connect(
                host=server.host,
                port=server.port,
                user=server.username,
                password=server.password,
                dbname=database,
                sslmode=server.sslmode
                or "require",  # what lib/pq does without one; libpq would fall back to plain text
                sslrootcert=server.sslrootcert or None,
                connect_timeout=server.connect_timeout,
                fallback_application_name="pulumi-resource-postgresql",
                autocommit=True,
            )
        except psycopg.Error as error:
            reason = _connection_failure(str(error), f"{server.host}:{server.port}")
            raise ProviderError(
                f"error connecting to PostgreSQL server {server.host} (scheme: postgres): {reason}"
            ) from error


class Session:
    """Runs statements. Names go in as identifiers, values as parameters; nothing is pasted into SQL."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def transaction(self) -> contextlib.AbstractContextManager[psycopg.Transaction]:
        """All statements of the block take effect, or none."""
        return self._connection.transaction()

    def run(self, statement: str, /, **parts: str | sql.Composable) -> None:
        """Run a statement that PostgreSQL takes no parameters for: text becomes an identifier."""
        names = {name: sql.Identifier(part) if isinstance(part, str) else part for name, part in parts.items()}
        self._connection.execute(sql.SQL(statement).format(**names))

    def rows(self, query: str, *values: Any) -> Rows:
        """Return the rows of a query; its values stand as %s."""
        return self._connection.execute(query.encode(), values).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        """Return the first column of the first row, or None."""
        rows = self.rows(query, *values)
        return rows[0][0] if rows else None

    @property
    def version(self) -> int:
        """The server's version, such as 160004."""
        return self._connection.info.server_version


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Say what failed before the server's own words."""
    try:
        yield
    except psycopg.Error as error:
        raise ProviderError(f"{what}: {server_words(error)}") from error


def server_words(error: psycopg.Error) -> str:
    """Tell the server's message and code; never the statement, which may hold a password."""
    if error.diag.message_primary is None:
        return f"pq: {error}"
    return f"pq: {error.diag.message_primary} ({error.sqlstate})"


def server_from(config: Properties) -> Server:
    """Read a complete configuration, as `configuration.complete` makes it."""
    return Server(
        host=config["host"],
        port=config["port"],
        username=config["username"],
        password=config["password"],
        database=config["database"],
        sslmode=config["sslmode"],
        sslrootcert=config["sslrootcert"],
        connect_timeout=config["connectTimeout"],
        max_connections=config["maxConnections"],
        superuser=config["superuser"],
        database_username=config["databaseUsername"] or config["username"],
    )


def _connection_failure(text: str, address: str) -> str:
    """Libpq tells the address before and advice after the reason."""
    _, _, told = text.rpartition("failed: ")
    reason = told.split("\n")[0].strip()
    if reason.startswith("FATAL:"):
        return f"pq: {reason.removeprefix('FATAL:').strip()}"
    if "does not support SSL" in reason:
        return "pq: SSL is not enabled on the server"
    if reason == "Connection refused":
        return f"dial tcp {address}: connect: connection refused"
    if "timeout" in reason:
        return f"dial tcp {address}: i/o timeout"
    return reason
