"""Who may connect to PostgreSQL: pg_hba.conf and pg_ident.conf, whole, as text.

https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: the first line that fits decides, and where none fits
nobody gets in. Passwords are proven by SCRAM alone; over the socket the kernel says which system user asks.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

OWNER = "prefect"
"""The role that owns the database of the same name."""
ADMINISTRATOR = "postgres"
BACKUP = "prefect_backup"
MONITORING = "prefect_monitoring"

LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Access:
    """A role may log in to a database, `all` for any, with its password, from an address or a network."""

    role: str
    database: str
    address: str
    """IPv4 or IPv6, an address or in CIDR form."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A system user may become a role, over the socket, in a database, `all` for any."""

    system_user: str
    role: str
    database: str


def identities(system_user: str) -> tuple[Identity, ...]:
    """Return what the system user who runs PostgreSQL may do: administer, back up and look, as three roles."""
    return (
        Identity(system_user=system_user, role=ADMINISTRATOR, database="all"),
        Identity(system_user=system_user, role=BACKUP, database=OWNER),
        Identity(system_user=system_user, role=MONITORING, database="all"),
    )


def cluster_access(server_addresses: Iterable[str], monitoring_networks: Iterable[str]) -> tuple[Access, ...]:
    """Return who may log in: administrator and owner on the host itself, the owner from each server's host.

    The administrator comes through Pulumi's SSH tunnel. Workers do not talk to the database.
    """
    owners = dict.fromkeys([*LOOPBACK, *server_addresses])
    return (
        *(Access(role=ADMINISTRATOR, database="all", address=address) for address in LOOPBACK),
        *(Access(role=OWNER, database=OWNER, address=address) for address in owners),
        *(Access(role=MONITORING, database="all", address=network) for network in monitoring_networks),
    )


def is_elsewhere(address: str) -> bool:
    """Return whether an address or a network is not the host's own loopback.

    Raises:
        ValueError: it is neither.
    """
    return not ipaddress.ip_network(address).is_loopback


def pg_hba_conf(who: Iterable[Identity], accesses: Iterable[Access]) -> str:
    """Return pg_hba.conf. Whoever does not come from the host itself must speak TLS.

    Raises:
        ValueError: an address is a host name or not the address of a network, or a name needs quotes.
    """
    rows = [
        ("# type", "database", "user", "address", "method"),
        *(("local", identity.database, identity.role, "", f"peer map={identity.role}") for identity in who),
        *(_row(access) for access in accesses),
    ]
    return "".join(
        f"{kind:<8}{database:<10}{role:<20}{address:<20}{how}\n" for kind, database, role, address, how in rows
    )


def pg_ident_conf(who: Iterable[Identity]) -> str:
    """Return pg_ident.conf, https://www.postgresql.org/docs/current/auth-username-maps.html: each role has its map."""
    lines = [
        f"{'# map':<20}{'system-user':<20}role",
        *(f"{one.role:<20}{one.system_user:<20}{one.role}" for one in who),
    ]
    return "".join(f"{line}\n" for line in lines)


def _row(access: Access) -> tuple[str, str, str, str, str]:
    kind = "hostssl" if is_elsewhere(access.address) else "host"
    network = str(ipaddress.ip_network(access.address))
    return kind, _plain(access.database), _plain(access.role), network, "scram-sha-256"


def _plain(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        raise ValueError(f"{name!r} would need quotes in pg_hba.conf")
    return name
