"""The one doorway for configuration: a stack file in, frozen values out, or one error with every problem.

`parse_settings` is pure and knows nothing of Pulumi; `load_settings` feeds it the running stack's configuration.
The keys, their types and the defaults of a stack that sets nothing stand in Pulumi.yaml.
"""

import itertools
import json
import os
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from components.platforms import SCRIPTS
from components.prefect_api import work_pools
from components.settings_hosts import HostSettings, read_hosts
from components.settings_secrets import (
    OPTIONAL_SECRETS,
    REQUIRED_SECRETS,
    SECRET_BLOCK_PREFIX,
    check_secrets,
    secret_block_names,
)
from components.settings_table import Problems, SettingsError, Table

__all__ = [
    "HostSettings",
    "PostgresSettings",
    "Secrets",
    "ServerSettings",
    "Settings",
    "WorkPoolSettings",
    "WorkerSettings",
    "load_settings",
    "parse_settings",
]

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECTIONS = ("hosts", "postgres", "server", "workPools", "workers")
SWITCHES = ("purgeOnDestroy",)

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


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The Prefect server."""

    hosts: tuple[str, ...]
    version: str
    port: int
    """PREFECT_SERVER_API_PORT, default 4200."""
    log_level: str
    """PREFECT_LOGGING_LEVEL, default INFO; PREFECT_SERVER_LOGGING_LEVEL is the same, but not below INFO."""


@dataclass(frozen=True, kw_only=True)
class WorkPoolSettings:
    """A work pool of type `process`."""

    name: str
    concurrency_limit: int | None
    """How many of its flow runs may run at once; None for no limit."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """A worker that runs the flow runs of one work pool on one host."""

    name: str
    host: str
    work_pool: str
    health_port: int
    """PREFECT_WORKER_WEBSERVER_PORT; unique on its host, default 4210."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a stack file says, save the secret values."""

    stack: str
    hosts: tuple[HostSettings, ...]
    postgres: PostgresSettings
    server: ServerSettings
    work_pools: tuple[WorkPoolSettings, ...]
    workers: tuple[WorkerSettings, ...]
    secret_blocks: tuple[str, ...]
    """Names of the Prefect `secret` blocks, each with its value under the key `secretBlock-NAME`."""
    purge_on_destroy: bool
    """Whether `pulumi destroy` removes the data too; otherwise it is set aside."""

    @property
    def prefect_hosts(self) -> tuple[str, ...]:
        """Names of the hosts that run Prefect itself: servers and workers."""
        return tuple(sorted({*self.server.hosts, *(worker.host for worker in self.workers)}))


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secret values of a stack file, each an Output that Pulumi keeps encrypted."""

    database_password: pulumi.Output[str]
    database_admin_password: pulumi.Output[str]
    auth_string: pulumi.Output[str]
    encryption_key: pulumi.Output[str]
    ssh_private_key: pulumi.Output[str] | None
    """For hosts reached by SSH; None to ask the SSH agent."""
    secret_blocks: dict[str, pulumi.Output[str]]


def load_settings(config: pulumi.Config) -> tuple[Settings, Secrets]:
    """Read the running stack's configuration.

    Raises:
        pulumi.RunError: naming every key that is missing, unknown or wrong.
    """
    prefix = f"{config.name}:"
    values = {
        key.removeprefix(prefix): value
        for key, value in {**get_config_env(), **CONFIG.get()}.items()
        if key.startswith(prefix)
    }
    secret_keys = {key for key in values if pulumi.runtime.is_config_secret(prefix + key)}
    try:
        settings = parse_settings(values, secret_keys, pulumi.get_stack(), os.geteuid())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    secrets = Secrets(
        database_password=config.require_secret("databasePassword"),
        database_admin_password=config.require_secret("databaseAdminPassword"),
        auth_string=config.require_secret("authString"),
        encryption_key=config.require_secret("encryptionKey"),
        ssh_private_key=config.get_secret("sshPrivateKey"),
        secret_blocks={name: config.require_secret(SECRET_BLOCK_PREFIX + name) for name in settings.secret_blocks},
    )
    return settings, secrets


def parse_settings(values: Mapping[str, str], secret_keys: Set[str], stack: str, user_id: int) -> Settings:
    """Turn configuration as Pulumi gives it (JSON text for tables) into settings.

    `user_id` is that of the user who runs Pulumi, 0 for root.

    Raises:
        SettingsError: naming every key that is missing, unknown or wrong.
    """
    problems = Problems(stack)
    _check_keys(problems, values, secret_keys)
    check_secrets(problems, values, secret_keys)
    tables = {name: _section(problems, name, values.get(name), secret=name in secret_keys) for name in SECTIONS}
    hosts = read_hosts(tables["hosts"], stack, user_id)
    pools = _work_pools(tables["workPools"])
    workers = _workers(tables["workers"], hosts, pools)
    postgres = _postgres(tables["postgres"], hosts)
    server = _server(tables["server"], hosts)
    _check_connections(problems, postgres, server)
    hosts = _with_ports(problems, hosts, postgres, server, workers)
    purge = values.get("purgeOnDestroy", "false")
    if purge not in {"true", "false"} and "purgeOnDestroy" not in secret_keys:
        problems.add("purgeOnDestroy", f"is {purge!r}", "true or false", "false")
    problems.raise_if_any()
    return Settings(
        stack=stack,
        hosts=hosts,
        postgres=postgres,
        server=server,
        work_pools=pools,
        workers=workers,
        secret_blocks=secret_block_names(values.keys()),
        purge_on_destroy=purge == "true",
    )


def supported_versions() -> tuple[str, ...]:
    """Return the Prefect versions that a hash-locked runtime is carried for, newest first."""
    found = [path.stem.removeprefix("prefect-") for path in (SCRIPTS / "runtime").glob("prefect-*.txt")]
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True))


def _check_keys(problems: Problems, values: Mapping[str, str], secret_keys: Set[str]) -> None:
    known = {*SECTIONS, *SWITCHES, *REQUIRED_SECRETS, *OPTIONAL_SECRETS}
    for key in sorted(values):
        if key in secret_keys and key in {*SECTIONS, *SWITCHES}:
            secrets = ", ".join([*REQUIRED_SECRETS, *OPTIONAL_SECRETS, f"{SECRET_BLOCK_PREFIX}NAME"])
            problems.add_needless(key, "holds a secret", f"no secret; those stand under {secrets}")
        elif key not in known and not key.startswith(SECRET_BLOCK_PREFIX):
            problems.add_unknown(key, key, {*known, f"{SECRET_BLOCK_PREFIX}NAME"})


def _section(problems: Problems, key: str, text: str | None, *, secret: bool) -> Table:
    if secret:
        return Table(problems, key, None)
    if text is None:
        problems.add_needless(key, "is missing", "a table of settings")
        return Table(problems, key, None)
    try:
        return Table.read(problems, key, json.loads(text))
    except ValueError:
        return Table.read(problems, key, text)


def _only(names: list[str]) -> str | None:
    """Return what need not be said: the one thing there is to choose."""
    return names[0] if len(names) == 1 else None


def _postgres(table: Table, hosts: tuple[HostSettings, ...]) -> PostgresSettings:
    names = [host.name for host in hosts]
    host = table.choice("host", names, _only(names))
    local = any(candidate.name == host and candidate.platform == "local" for candidate in hosts)
    postgres = PostgresSettings(
        host=host,
        # this machine may well have a PostgreSQL of its own
        port=table.port("port", 54320 if local else 5432),
        max_connections=table.integer("maxConnections", 100, minimum=20, maximum=10000),
    )
    table.finish()
    return postgres


def _server(table: Table, hosts: tuple[HostSettings, ...]) -> ServerSettings:
    names = [host.name for host in hosts]
    versions = supported_versions()
    server = ServerSettings(
        hosts=table.choices("hosts", names, _only(names)),
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


def _work_pools(table: Table) -> tuple[WorkPoolSettings, ...]:
    pools = []
    for name, entry in table.tables(work_pools.name_problem):
        entry.choice("type", ["process"], "process")
        limit = entry.optional_integer("concurrencyLimit", minimum=0, maximum=100_000)
        entry.finish()
        pools.append(WorkPoolSettings(name=name, concurrency_limit=limit))
    return tuple(pools)


def _workers(
    table: Table, hosts: tuple[HostSettings, ...], pools: tuple[WorkPoolSettings, ...]
) -> tuple[WorkerSettings, ...]:
    host_names, pool_names = [host.name for host in hosts], [pool.name for pool in pools]
    workers = []
    for name, entry in table.tables():
        worker = WorkerSettings(
            name=name,
            host=entry.choice("host", host_names, _only(host_names)),
            work_pool=entry.choice("workPool", pool_names, _only(pool_names)),
            health_port=entry.port("healthPort", 4210),
        )
        entry.finish()
        workers.append(worker)
    return tuple(workers)


def _check_connections(problems: Problems, postgres: PostgresSettings, server: ServerSettings) -> None:
    needed = SERVER_CONNECTIONS * len(server.hosts) + RESERVED_CONNECTIONS
    if postgres.max_connections < needed:
        problems.add(
            "postgres.maxConnections",
            f"is {postgres.max_connections}, too few for {len(server.hosts)} server process",
            f"at least {needed}: {SERVER_CONNECTIONS} for each server process and {RESERVED_CONNECTIONS} in reserve",
            "100",
        )


def _with_ports(
    problems: Problems,
    hosts: tuple[HostSettings, ...],
    postgres: PostgresSettings,
    server: ServerSettings,
    workers: tuple[WorkerSettings, ...],
) -> tuple[HostSettings, ...]:
    """Return `hosts` with the ports their services listen on; two services on one port of an address are a problem."""
    listeners = [
        (postgres.host, "postgres.port", postgres.port),
        *((host, "server.port", server.port) for host in server.hosts),
        *((worker.host, f"workers.{worker.name}.healthPort", worker.health_port) for worker in workers),
    ]
    addresses = {host.name: host.address for host in hosts}
    listeners = [listener for listener in listeners if listener[0] in addresses]
    taken: dict[tuple[str, int], str] = {}
    for name, key, port in listeners:
        address = addresses[name]
        user = taken.setdefault((address, port), key)
        if user != key:
            free = _free_port(port, {busy for where, busy in taken if where == address})
            taken[address, free] = key
            problems.add(key, f"is {port}, the same as {user}", f"a port of its own at {address}", str(free))
    listeners.sort(key=lambda listener: listener[2])
    return tuple(
        replace(host, ports=tuple((key, port) for name, key, port in listeners if name == host.name)) for host in hosts
    )


def _free_port(after: int, taken: Set[int]) -> int:
    return next(port for port in itertools.chain(range(after + 1, 65536), range(1024, after)) if port not in taken)
