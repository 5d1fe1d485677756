"""The one doorway for configuration: a stack file in, frozen values out, or one error with every problem.

`parse_settings` is pure and knows nothing of Pulumi; `load_settings` feeds it the running stack's configuration.
The keys, their types and the defaults of a stack that sets nothing stand in Pulumi.yaml.
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from components.platforms import default_directory
from components.settings_table import Problems, SettingsError, Table

CHECKOUT = Path(__file__).resolve().parent.parent
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
PLATFORMS = ("local", "linux")
SECTIONS = ("hosts", "postgres", "server", "workPools", "workers")
SECRETS = ("databasePassword", "databaseAdminPassword", "authString", "encryptionKey")
OPTIONAL_SECRETS = ("sshPrivateKey",)
SECRET_BLOCK_PREFIX = "secretBlock-"  # noqa: S105 - a key's prefix, not a secret
SWITCHES = ("purgeOnDestroy",)

SERVER_CONNECTIONS = 15
"""Connections one server process may open: PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE 5 + _MAX_OVERFLOW 10."""

RESERVED_CONNECTIONS = 10
"""Connections kept for administration, backups and the provider that makes role and database."""


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """A machine: this one (`local`) or a Linux server reached by SSH (`linux`)."""

    name: str
    platform: str
    address: str = "127.0.0.1"
    port: int = 22
    user: str = "root"
    host_key: str = ""
    """The server's public SSH key, `ssh-ed25519 AAAA...`; a server that shows another one is refused."""
    directory: str = ""
    """Where a local host keeps everything; see `platforms.local.default_directory`."""
    ports: tuple[tuple[str, int], ...] = ()
    """Every TCP port that the services of this host listen on, with the key that sets it."""


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
    """PREFECT_LOGGING_LEVEL and PREFECT_SERVER_LOGGING_LEVEL, default INFO."""


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
    _check_keys(problems, values)
    _check_secrets(problems, values, secret_keys)
    tables = {name: Table(problems, name, _decoded(problems, name, values.get(name))) for name in SECTIONS}
    hosts = _hosts(tables["hosts"], stack, user_id)
    work_pools = _work_pools(tables["workPools"])
    workers = _workers(tables["workers"], hosts, work_pools)
    postgres = _postgres(tables["postgres"], hosts)
    server = _server(tables["server"], hosts)
    _check_connections(problems, postgres, server)
    _check_platforms(problems, hosts, {postgres.host, *server.hosts, *(worker.host for worker in workers)})
    purge = values.get("purgeOnDestroy", "false")
    if purge not in {"true", "false"}:
        problems.add("purgeOnDestroy", f"is {purge!r}", "true or false", "false")
    hosts_with_ports = tuple(_with_ports(problems, host, postgres, server, workers) for host in hosts)
    problems.raise_if_any()
    return Settings(
        stack=stack,
        hosts=hosts_with_ports,
        postgres=postgres,
        server=server,
        work_pools=work_pools,
        workers=workers,
        secret_blocks=tuple(sorted(_secret_blocks(values))),
        purge_on_destroy=purge == "true",
    )


def supported_versions() -> tuple[str, ...]:
    """Return the Prefect versions that a hash-locked runtime is carried for, newest first."""
    found = [path.stem.removeprefix("prefect-") for path in (CHECKOUT / "scripts/runtime").glob("prefect-*.txt")]
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True))


def _decoded(problems: Problems, key: str, text: str | None) -> Any:
    if text is None:
        problems.add(key, "is missing", "a table of settings", "'{}'")
        return None
    try:
        return json.loads(text)
    except ValueError:
        problems.add(key, f"is {text!r}", "a table of settings", "'{}'")
        return None


def _secret_blocks(values: Mapping[str, str]) -> list[str]:
    return [key.removeprefix(SECRET_BLOCK_PREFIX) for key in values if key.startswith(SECRET_BLOCK_PREFIX)]


def _check_keys(problems: Problems, values: Mapping[str, str]) -> None:
    known = {*SECTIONS, *SECRETS, *OPTIONAL_SECRETS, *SWITCHES, f"{SECRET_BLOCK_PREFIX}NAME"}
    for key in sorted(values):
        if key not in known and not key.startswith(SECRET_BLOCK_PREFIX):
            problems.add_unknown(key, "", known)
    for name in _secret_blocks(values):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            allowed = "a Prefect block name: lower-case letters and digits, single hyphens between them"
            problems.add(SECRET_BLOCK_PREFIX + name, "is no block name", allowed, secret=True)


def _check_secrets(problems: Problems, values: Mapping[str, str], secret_keys: Set[str]) -> None:
    rules = {
        "databasePassword": _password,
        "databaseAdminPassword": _password,
        "authString": _auth_string,
        "encryptionKey": _fernet_key,
        **{key: _anything for key in OPTIONAL_SECRETS if key in values},
        **{SECRET_BLOCK_PREFIX + name: _anything for name in _secret_blocks(values)},
    }
    for key, (allowed, example, is_good) in ((key, rule()) for key, rule in rules.items()):
        if key not in values:
            problems.add(key, "is missing", allowed, example, secret=True)
        elif key not in secret_keys:
            problems.add(key, "stands in the stack file in clear text", "a secret", example, secret=True)
        elif not is_good(values[key]):
            problems.add(key, "is a secret of the wrong form", allowed, example, secret=True)


Rule = tuple[str, str, Any]


def _password() -> Rule:
    return (
        "at least 12 printable ASCII characters, no blanks and none of ' \" \\ $",
        '"$(openssl rand -hex 20)"',
        lambda value: re.fullmatch(r"[!#%-&(-\[\]-~]{12,}", value),
    )


def _auth_string() -> Rule:
    return (
        "user:password, the password of at least 12 printable ASCII characters, no blanks and none of ' \" \\ $",
        '"admin:$(openssl rand -hex 20)"',
        lambda value: re.fullmatch(r"[A-Za-z0-9._@-]+:[!#%-&(-\[\]-~]{12,}", value),
    )


def _fernet_key() -> Rule:
    return (
        "a Fernet key: 32 random bytes in URL-safe base64",
        "\"$(openssl rand -base64 32 | tr '+/' '-_')\"",
        _is_fernet_key,
    )


def _anything() -> Rule:
    return ("any text that is not empty", "VALUE", bool)


def _is_fernet_key(value: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(value)) == 32
    except binascii.Error:
        return False


def _hosts(table: Table, stack: str, user_id: int) -> tuple[HostSettings, ...]:
    return tuple(
        _host(name, entry, default_directory(CHECKOUT, stack, name, user_id)) for name, entry in table.tables()
    )


def _host(name: str, table: Table, default_directory: str) -> HostSettings:
    platform = table.choice("platform", PLATFORMS)
    if platform == "linux":
        host = HostSettings(
            name=name,
            platform=platform,
            address=table.text("address", allowed="a host name or an IP address", example="203.0.113.10"),
            port=table.integer("port", 22, minimum=1, maximum=65535),
            user=table.text("user", "root", allowed="a user with sudo", example="ops", pattern=r"[a-z_][a-z0-9_-]*"),
            host_key=table.text(
                "hostKey",
                allowed="the server's public SSH key, as `ssh-keyscan -t ed25519 ADDRESS` shows it",
                example="'ssh-ed25519 AAAA...'",
                pattern=r"(ssh-|ecdsa-)\S+ [A-Za-z0-9+/=]+",
            ),
        )
    else:
        directory = table.text(
            "directory",
            default_directory,
            allowed="an absolute path",
            example="/srv/prefect",
            pattern=r"/\S*[^\s/]",
        )
        host = HostSettings(name=name, platform=platform, directory=directory)
    table.finish()
    return host


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
        table.problems.add(
            "server.hosts",
            "names more than one host",
            "one host: several API servers need Redis",
            f"'[\"{hosts[0]}\"]'",
        )
    table.finish()
    return server


def _work_pools(table: Table) -> tuple[WorkPoolSettings, ...]:
    pools = []
    for name, entry in table.tables():
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


def _check_platforms(problems: Problems, hosts: tuple[HostSettings, ...], used: Set[str]) -> None:
    for host in hosts:
        if host.platform != "local" and host.name in used:
            problems.add(
                f"hosts.{host.name}.platform",
                f"is {host.platform!r}, on which PostgreSQL, server and workers cannot be installed yet",
                "local",
                "local",
            )


def _with_ports(
    problems: Problems,
    host: HostSettings,
    postgres: PostgresSettings,
    server: ServerSettings,
    workers: tuple[WorkerSettings, ...],
) -> HostSettings:
    """Return `host` with the ports its services listen on; two services on one port are a problem."""
    users = {"postgres.port": postgres.port} if postgres.host == host.name else {}
    if host.name in server.hosts:
        users["server.port"] = server.port
    users |= {f"workers.{worker.name}.healthPort": worker.health_port for worker in workers if worker.host == host.name}
    taken: dict[int, str] = {}
    for key, port in users.items():
        if port in taken:
            problems.add(
                key,
                f"is {port}, the same as {taken[port]}",
                f"a port of its own on {host.name}",
                str(port + 1),
            )
        taken.setdefault(port, key)
    return HostSettings(**{**host.__dict__, "ports": tuple((key, port) for port, key in sorted(taken.items()))})
