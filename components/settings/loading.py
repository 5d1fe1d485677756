"""The one doorway for configuration: a stack file in, frozen values out, or one error with every problem.

`parse_settings` knows nothing of Pulumi, and reads no file but those of flows that a stack file names; `load_settings`
feeds it the running stack's configuration.
The keys, their types and the defaults of a stack that sets nothing stand in Pulumi.yaml.
"""

import json
import os
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace

import pulumi
from pulumi.runtime.config import CONFIG, get_config, get_config_env

from components.firewall_rules import Opening
from components.postgresql.tuning import memory_share
from components.settings.automations import with_zombie_automation
from components.settings.azure import (
    SEED_SECRET,
    AzureSettings,
    check_admin_password,
    check_seed,
    check_way_to_database,
    managed_postgres,
    read_azure,
    with_blob_copies,
)
from components.settings.backups import COPY_SECRET, BackupSettings, check_copy_secret, read_backups
from components.settings.deployments import DeploymentSettings, read_deployments, refuse_twice
from components.settings.firewall import FirewallSettings, read_firewall
from components.settings.hosts import HostSettings, is_address, read_hosts
from components.settings.https import check_certificate_secrets
from components.settings.ports import with_ports
from components.settings.postgres import (
    MONITORING_SECRET,
    PostgresSettings,
    check_clients,
    check_connections,
    check_monitoring_secret,
    read_postgres,
)
from components.settings.prefect_files import read_prefect_files
from components.settings.prefect_objects import SECRET_FIELD_PREFIX, PrefectObjects, read_prefect_objects
from components.settings.proxy import ProxySettings, read_proxy
from components.settings.secret_sources import SECTION as SECRET_SOURCES
from components.settings.secret_sources import read_outside
from components.settings.secrets import (
    OPTIONAL_SECRETS,
    REQUIRED_SECRETS,
    SECRET_BLOCK_PREFIX,
    check_secrets,
    secret_block_names,
)
from components.settings.server import ServerSettings, read_server
from components.settings.table import Problem, Problems, SettingsError, Table
from components.settings.windows_uses import check_uses
from components.settings.worker_accounts import PASSWORD_PREFIX, account_passwords, check_account_passwords
from components.settings.workers import WorkerSettings, WorkPoolSettings, accounts_of, read_work_pools, read_workers

_LIMITS = ("concurrencyLimits", "tagConcurrencyLimits")
_OBJECTS = ("variables", *_LIMITS, "blocks", "automations", "deployments", "prefectFiles")
SECTIONS = (
    "hosts",
    "azure",
    "postgres",
    "server",
    "nginx",
    "caddy",
    "firewall",
    "backups",
    "workPools",
    "workers",
    SECRET_SOURCES,
    *_OBJECTS,
)
SWITCHES = ("drift", "protect", "purgeOnDestroy")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a stack file says, save the secret values."""

    stack: str
    hosts: tuple[HostSettings, ...]
    azure: AzureSettings | None
    """What the stack makes in Azure; None for nothing."""
    postgres: PostgresSettings
    server: ServerSettings
    proxy: ProxySettings | None
    """What shows the server by HTTPS; None where it is for its own host alone."""
    firewall: FirewallSettings
    backups: BackupSettings | None
    """None for none, as on this machine."""
    work_pools: tuple[WorkPoolSettings, ...]
    workers: tuple[WorkerSettings, ...]
    secret_blocks: tuple[str, ...]
    """Names of the Prefect `secret` blocks, each with its value under the key `secretBlock-NAME`."""
    objects: PrefectObjects
    """Variables, concurrency limits, blocks of other types, automations."""
    deployments: tuple[DeploymentSettings, ...]
    """Those of the stack file, then those of the files prefect.yaml that it names."""
    drift: bool
    """Whether a preview looks for what somebody else changed on the hosts."""
    protect: bool
    """Whether Pulumi refuses to remove what holds data."""
    purge_on_destroy: bool
    """Whether `pulumi destroy` removes the data too; otherwise it is set aside."""

    @property
    def prefect_hosts(self) -> tuple[str, ...]:
        """Names of the hosts that run Prefect itself: servers and workers."""
        return tuple(sorted({*self.server.hosts, *(worker.host for worker in self.workers)}))

    @property
    def docker_hosts(self) -> tuple[str, ...]:
        """Names of the hosts whose workers start containers."""
        pools = {pool.name for pool in self.work_pools if pool.runs_containers}
        return tuple(sorted({worker.host for worker in self.workers if worker.work_pool in pools}))

    @property
    def firewalled_hosts(self) -> tuple[HostSettings, ...]:
        """The hosts whose firewall is ours."""
        servers = [host for host in self.hosts if host.is_used and not host.is_here]
        return tuple(servers) if self.firewall.enabled else ()

    @property
    def database_clients(self) -> tuple[str, ...]:
        """Addresses of the hosts that reach the database over the network: servers elsewhere."""
        elsewhere = {name for name in self.server.hosts if self.postgres.host not in {"", name}}
        return tuple(host.address_for_peers for host in self.hosts if host.name in elsewhere)

    @property
    def database_memory_share(self) -> float:
        """Which part of its host's memory is for PostgreSQL."""
        return memory_share(
            beside_server=self.postgres.host in self.server.hosts,
            beside_workers=any(worker.host == self.postgres.host for worker in self.workers),
        )

    def purpose(self, host: HostSettings) -> dict[str, str]:
        """Return what a host is for, as its preflight asks: roles, names it must find, packages it must get."""
        is_server = host.name in self.server.hosts
        is_worker = any(worker.host == host.name for worker in self.workers)
        has_database = host.name == self.postgres.host
        has_docker = host.name in self.docker_hosts
        roles = {"postgres": has_database, "server": is_server, "worker": is_worker, "docker": has_docker}
        existing = self.postgres.existing
        peers = {other.name: other.address_for_peers for other in self.hosts}
        database = existing.address if existing else peers[self.postgres.host]
        partners = {
            *([database] if is_server and not has_database else []),
            *([self.proxy.host] if self.proxy and is_worker and not is_server else []),
        }
        return {
            "roles": " ".join(role for role, has in roles.items() if has),
            "names": " ".join(sorted(partner for partner in partners if not is_address(partner))),
            "packages": " ".join(self.server.packages(docker=has_docker)) if is_server or is_worker else "",
            "wheel_directory": self.wheel_directory(host),
            "postgresql_version": self.postgres.version if has_database else "",
            "postgresql_source": "given" if has_database and self.postgres.apt_source else "",
        }

    def openings(self, host: HostSettings) -> tuple[Opening, ...]:
        """Return what may reach a host besides SSH: for its own firewall, and for whatever is before it."""
        return (
            *(Opening(port=port) for port in self.public_ports(host)),
            *(Opening(port=port, sources=sources) for port, sources in self.private_ports(host).items()),
            *self.firewall.allow,
        )

    def wheel_directory(self, host: HostSettings) -> str:
        """Return where a host has the wheels of the locked runtime; nothing if it asks a package index."""
        return host.windows.wheel_directory if host.windows else self.server.wheel_directory

    def public_ports(self, host: HostSettings) -> tuple[int, ...]:
        """Return the TCP ports of a host that are for everybody."""
        if self.proxy is None or host.name not in self.server.hosts:
            return ()
        return tuple(port for _, port in self.proxy.ports)

    def private_ports(self, host: HostSettings) -> dict[int, tuple[str, ...]]:
        """Return the TCP ports of a host that are for some, with their addresses or networks."""
        if host.name != self.postgres.host:
            return {}
        return {self.postgres.port: (*self.database_clients, *self.postgres.monitoring_from)}


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secret values of a stack file, each an Output that Pulumi keeps encrypted."""

    database_password: pulumi.Output[str]
    database_admin_password: pulumi.Output[str]
    auth_string: pulumi.Output[str]
    encryption_key: pulumi.Output[str]
    ssh_host_key_seed: pulumi.Output[str] | None
    """From which the host keys of machines in Azure are derived."""
    ssh_private_key: pulumi.Output[str] | None
    """For hosts reached by SSH; None to ask the SSH agent."""
    tls_certificate: pulumi.Output[str] | None
    tls_private_key: pulumi.Output[str] | None
    """In PEM, where the proxy shows a certificate that the stack carries."""
    backup_copy_environment: pulumi.Output[str] | None
    """Credentials of the repository that backups are copied to, NAME=value lines."""
    backup_alert_webhook: pulumi.Output[str] | None
    database_monitoring_password: pulumi.Output[str] | None
    """Of the role prefect_monitoring, where it may log in by the network."""
    worker_account_passwords: dict[str, pulumi.Output[str]]
    """Of the accounts that workers log on as, by worker."""
    secret_blocks: dict[str, pulumi.Output[str]]
    secret_fields: dict[str, pulumi.Output[str]]
    """Of blocks of other types, by the NAME of their key `secretField-NAME`."""


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
    outside = Problems(pulumi.get_stack())
    found = {} if SECRET_SOURCES in secret_keys else read_outside(outside, values)
    try:
        settings = parse_settings(
            {**values, **found}, secret_keys | found.keys(), outside.stack, os.geteuid(), outside.found
        )
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None

    def secret(key: str) -> pulumi.Output[str]:
        return pulumi.Output.secret(found[key]) if key in found else config.require_secret(key)

    secrets = Secrets(
        database_password=config.require_secret("databasePassword"),
        database_admin_password=config.require_secret("databaseAdminPassword"),
        auth_string=config.require_secret("authString"),
        encryption_key=config.require_secret("encryptionKey"),
        ssh_host_key_seed=config.get_secret(SEED_SECRET),
        ssh_private_key=config.get_secret("sshPrivateKey"),
        tls_certificate=config.get_secret("tlsCertificate"),
        tls_private_key=config.get_secret("tlsPrivateKey"),
        backup_copy_environment=_copy_environment(config, settings),
        backup_alert_webhook=config.get_secret("backupAlertWebhook"),
        database_monitoring_password=config.get_secret(MONITORING_SECRET),
        worker_account_passwords=account_passwords(accounts_of(settings.workers), config.require_secret),
        secret_blocks={name: secret(SECRET_BLOCK_PREFIX + name) for name in settings.secret_blocks},
        secret_fields={name: secret(SECRET_FIELD_PREFIX + name) for name in settings.objects.secret_fields},
    )
    return settings, secrets


def _copy_environment(config: pulumi.Config, settings: Settings) -> pulumi.Output[str] | None:
    """Return the credentials of the repository of copies, with where it is if that is in Azure."""
    given = config.get_secret(COPY_SECRET)
    if given is None or settings.azure is None or settings.azure.backups is None:
        return given
    account = f"AZURE_ACCOUNT_NAME={settings.azure.names.storage_account}\n"
    return given.apply(lambda known: f"{known.rstrip()}\n{account}")


def ssh_private_key(config: pulumi.Config) -> str | None:
    """Return the key for hosts reached by SSH, for those who cannot wait for an Output; None to ask the SSH agent."""
    key: str | None = get_config(config.full_key("sshPrivateKey"))
    return key


def parse_settings(
    values: Mapping[str, str], secret_keys: Set[str], stack: str, user_id: int, found: Iterable[Problem] = ()
) -> Settings:
    """Turn configuration as Pulumi gives it (JSON text for tables) into settings.

    `user_id` is that of the user who runs Pulumi, 0 for root; `found` are problems that are known already.

    Raises:
        SettingsError: naming every key that is missing, unknown or wrong.
    """
    problems = Problems(stack, [*found])
    _check_keys(problems, values, secret_keys)
    check_secrets(problems, values, secret_keys)
    tables = {name: _section(problems, name, values.get(name), secret=name in secret_keys) for name in SECTIONS}
    hosts = read_hosts(tables["hosts"], stack, user_id)
    azure, hosts = read_azure(tables["azure"], hosts, stack, values.get(SEED_SECRET, ""))
    pools = read_work_pools(tables["workPools"])
    workers = read_workers(tables["workers"], hosts, pools)
    server = read_server(tables["server"], hosts)
    postgres = read_postgres(tables["postgres"], hosts, managed_postgres(azure, server.hosts))
    servers = tuple(host for host in hosts if host.name in server.hosts)
    proxy = read_proxy(tables["nginx"], tables["caddy"], servers)
    database_host = _named(hosts, postgres.host)
    backups = with_blob_copies(problems, azure, read_backups(tables["backups"], database_host), database_host)
    firewall = read_firewall(tables["firewall"])
    objects = read_prefect_objects(problems, tables, values.keys(), secret_keys)
    on_windows = {host.name for host in hosts if host.windows}
    if any(worker.host in on_windows for worker in workers):
        objects = replace(objects, automations=with_zombie_automation(objects.automations))
    blocks = [block.key for block in objects.blocks]
    deployments = refuse_twice(
        problems,
        [
            *read_deployments(tables["deployments"], pools, blocks),
            *read_prefect_files(tables["prefectFiles"], pools, blocks),
        ],
    )
    check_certificate_secrets(problems, proxy, values, secret_keys)
    check_copy_secret(problems, backups, values)
    check_account_passwords(problems, accounts_of(workers), values, secret_keys)
    check_seed(problems, hosts, values)
    check_admin_password(problems, azure, values, secret_keys)
    check_way_to_database(problems, azure, server.hosts, hosts)
    check_connections(problems, postgres, server)
    check_clients(problems, postgres, server, hosts)
    check_monitoring_secret(problems, postgres, values)
    check_uses(problems, hosts, postgres=postgres, server=server, workers=workers, backups=backups, proxy=proxy)
    hosts = with_ports(problems, hosts, postgres=postgres, server=server, workers=workers, proxy=proxy)
    on_this_machine = all(host.is_here for host in hosts)
    defaults = {"drift": False, "protect": not on_this_machine, "purgeOnDestroy": False}
    switches = {
        key: default if key in secret_keys else _switch(problems, key, values.get(key), default)
        for key, default in defaults.items()
    }
    problems.raise_if_any()
    return Settings(
        stack=stack,
        hosts=hosts,
        azure=azure,
        postgres=postgres,
        server=server,
        proxy=proxy,
        firewall=firewall,
        backups=backups,
        work_pools=pools,
        workers=workers,
        secret_blocks=secret_block_names(values.keys()),
        objects=objects,
        deployments=deployments,
        drift=switches["drift"],
        protect=switches["protect"],
        purge_on_destroy=switches["purgeOnDestroy"],
    )


def _switch(problems: Problems, key: str, text: str | None, default: bool) -> bool:
    if text not in {None, "true", "false"}:
        problems.add(key, f"is {text!r}", "true or false", str(default).lower())
    return default if text is None else text == "true"


def _named(hosts: tuple[HostSettings, ...], name: str) -> HostSettings | None:
    return next((host for host in hosts if host.name == name), None)


def _check_keys(problems: Problems, values: Mapping[str, str], secret_keys: Set[str]) -> None:
    known = {*SECTIONS, *SWITCHES, *REQUIRED_SECRETS, *OPTIONAL_SECRETS}
    prefixes = (SECRET_BLOCK_PREFIX, SECRET_FIELD_PREFIX, PASSWORD_PREFIX)
    named = [f"{prefix}NAME" for prefix in prefixes]
    for key in sorted(values):
        if key in secret_keys and key in {*SECTIONS, *SWITCHES}:
            secrets = ", ".join([*REQUIRED_SECRETS, *OPTIONAL_SECRETS, *named])
            problems.add_needless(key, "holds a secret", f"no secret; those stand under {secrets}")
        elif key not in known and not key.startswith(prefixes):
            problems.add_unknown(key, key, {*known, *named})


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
