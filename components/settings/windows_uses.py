"""What Windows servers are used for: what they lack for that, and what cannot be there."""

from collections.abc import Collection, Sequence

from components.platforms import WindowsPrograms
from components.settings.backups import BackupSettings
from components.settings.caddy import CADDY_EXAMPLE
from components.settings.hosts import HostSettings
from components.settings.https import HttpsSettings
from components.settings.postgres import PostgresSettings
from components.settings.server import ServerSettings
from components.settings.table import Problems
from components.settings.windows_hosts import (
    POSTGRESQL_DIRECTORY_EXAMPLE,
    POSTGRESQL_EXAMPLE,
    PYTHON_EXAMPLE,
    RESTIC_EXAMPLE,
)
from components.settings.workers import WorkerSettings


def check_uses(
    problems: Problems,
    hosts: Collection[HostSettings],
    *,
    postgres: PostgresSettings,
    server: ServerSettings,
    workers: Sequence[WorkerSettings],
    backups: BackupSettings | None,
    proxy: HttpsSettings | None,
) -> None:
    """Note what a Windows server lacks for what runs on it, and what cannot be there."""
    windows = {host.name: host.windows for host in hosts if host.windows}
    directories = {host.name: host.directory for host in hosts}
    for name, programs in windows.items():
        _check_database(problems, name, programs, postgres)
        _check_installation(problems, name, programs.postgresql_directory, directories[name])
        _check_restic(problems, name, programs, copies=name == postgres.host and bool(backups and backups.copy_to))
        python_users = [*(["server"] if name in server.hosts else [])]
        python_users += [f"workers.{worker.name}" for worker in workers if worker.host == name]
        _check_python(problems, name, programs, python_users)
        if programs.caddy and name not in server.hosts:
            problems.add_needless(f"hosts.{name}.caddy", "is set, but nobody uses it", "only on a host of server.hosts")
    if proxy is None:
        _check_workers(problems, windows, server, workers)


def _check_database(problems: Problems, name: str, programs: WindowsPrograms, postgres: PostgresSettings) -> None:
    key = f"hosts.{name}.postgresql"
    told = {problem.key for problem in problems.found}
    is_there = programs.postgresql or programs.postgresql_directory or f"{key}.directory" in told
    if name == postgres.host and not is_there:
        rule = "the full path of the zip of PostgreSQL's binaries, beside its sha256; or postgresql.directory"
        problems.add(f"{key}.archive", "is missing, and postgres.host is this host", rule, POSTGRESQL_EXAMPLE)
    elif name != postgres.host and is_there:
        problems.add_needless(key, "is set, but nobody uses it", "only on postgres.host")


def _check_installation(problems: Problems, name: str, installed: str, directory: str) -> None:
    """Note an installation that would be removed together with what is ours."""
    if f"{installed}/".lower().startswith(f"{directory}/".lower()):
        given = f"is {installed!r}, below the directory of this host"
        rule = "the full path of an installation elsewhere, as that directory goes with the stack"
        problems.add(f"hosts.{name}.postgresql.directory", given, rule, POSTGRESQL_DIRECTORY_EXAMPLE)


def _check_restic(problems: Problems, name: str, programs: WindowsPrograms, *, copies: bool) -> None:
    key = f"hosts.{name}.restic"
    if copies and programs.restic is None:
        rule = "the full path of restic.exe, beside its sha256"
        problems.add(f"{key}.executable", "is missing, and backups.copyTo is set", rule, RESTIC_EXAMPLE)
    elif programs.restic is not None and not copies:
        problems.add_needless(key, "is set, but nobody uses it", "only on postgres.host, beside backups.copyTo")


def _check_python(problems: Problems, name: str, programs: WindowsPrograms, users: Sequence[str]) -> None:
    key = f"hosts.{name}.python.executable"
    is_there = programs.python or programs.python_archive or key in {problem.key for problem in problems.found}
    if users and not is_there:
        rule = "the full path of an installed python.exe; or python.archive and python.sha256"
        problems.add(key, f"is missing, and {users[0]} is on this host", rule, PYTHON_EXAMPLE)


def _check_workers(
    problems: Problems, windows: Collection[str], server: ServerSettings, workers: Sequence[WorkerSettings]
) -> None:
    """Note workers on other hosts than a Windows server's, where nothing shows it by HTTPS."""
    for host in {*server.hosts} & {*windows}:
        elsewhere = [f"workers.{worker.name}" for worker in workers if worker.host != host]
        if elsewhere:
            given = f"is missing, and {', '.join(elsewhere)} would come over the network"
            allowed = f"the full path of caddy.exe, for HTTPS, beside its sha256; or workers on {host} alone"
            problems.add(f"hosts.{host}.caddy.executable", given, allowed, CADDY_EXAMPLE)
