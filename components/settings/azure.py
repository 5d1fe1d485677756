"""Azure, where a stack makes its machines and managed services there. The keys that cost money have no default."""

import ipaddress
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from components.azure import authorities, host_keys
from components.azure.names import Names
from components.settings.azure_machines import VirtualMachine, check_addresses
from components.settings.azure_services import (
    BlobBackups,
    FlexibleServer,
    KeyVault,
    read_blob_backups,
    read_flexible_server,
    read_key_vault,
)
from components.settings.backups import BackupSettings
from components.settings.hosts import HostSettings
from components.settings.postgres import ExistingPostgres
from components.settings.secrets import OPTIONAL_SECRETS
from components.settings.table import Problems, Table

SEED_SECRET = "sshHostKeySeed"  # noqa: S105 - a key, not a secret
"""The configuration's key of what the SSH host keys of machines in Azure are derived from."""

ADMINISTRATOR = "prefectadmin"
"""The role of Azure's PostgreSQL server that makes roles and databases; its password is `databaseAdminPassword`."""

_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUID_EXAMPLE = "00000000-0000-0000-0000-000000000000"
_NAME = r"[a-z][a-z0-9-]{1,16}[a-z0-9]"


@dataclass(frozen=True, kw_only=True)
class AzureNetwork:
    """Networks in CIDR notation, such as 10.60.0.0/16."""

    address_space: str
    """All of it; default 10.60.0.0/16."""
    jump_subnet: str
    """Of the jump host; default 10.60.0.0/24."""
    host_subnet: str
    """Of every other host; default 10.60.1.0/24."""
    database_subnet: str
    """Given over to Azure's PostgreSQL server; default 10.60.2.0/24."""
    nat_gateway: bool
    """Whether hosts without a public address reach the internet, for packages; default true."""


@dataclass(frozen=True, kw_only=True)
class AzureSettings:
    """What a stack makes in Azure."""

    names: Names
    subscription_id: str
    tenant_id: str
    location: str
    """Such as germanywestcentral."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of everything that can have some: those of the stack file, and two of our own."""
    ssh_public_key: str
    """Who may log in to the machines: the other half of `sshPrivateKey`, or of a key that the SSH agent holds."""
    ssh_from: tuple[str, ...]
    """From where SSH is let in: to the jump host or, without one, to every host."""
    jump_host: str = ""
    """The one host with a public address for SSH, through which Pulumi reaches the others; empty for none."""
    network: AzureNetwork
    postgres: FlexibleServer | None = None
    key_vault: KeyVault | None = None
    backups: BlobBackups | None = None

    def subnet_of(self, host: str) -> str:
        """Return the network that a host's address is in."""
        return self.network.jump_subnet if host == self.jump_host else self.network.host_subnet

    def ssh_sources(self, host: HostSettings) -> tuple[str, ...]:
        """Return from where a host lets SSH in; narrower than its own firewall, which must not lock anybody out."""
        jump_host = host.jump_host
        return (jump_host.address_for_peers,) if jump_host else self.ssh_from


def read_azure(
    table: Table, hosts: tuple[HostSettings, ...], stack: str, seed: str
) -> tuple[AzureSettings | None, tuple[HostSettings, ...]]:
    """Return what a stack makes in Azure, and its hosts with what follows from that; None if it makes nothing there.

    `seed` is the secret `SEED_SECRET`, or what stands in its place.
    """
    machines = [host for host in hosts if host.virtual_machine]
    if table.is_empty:
        for host in machines:
            table.problems.add("azure.location", f"is missing; {host.name} is a machine in Azure", *_LOCATION_RULE)
            break
        return None, hosts
    azure = _azure(table, machines, stack)
    check_addresses(table.problems, machines, {host.name: azure.subnet_of(host.name) for host in machines})
    table.finish()
    return azure, _placed(hosts, azure, stack, seed if re.fullmatch(host_keys.SEED, seed) else "0" * 64)


def check_seed(problems: Problems, hosts: tuple[HostSettings, ...], values: Mapping[str, str]) -> None:
    """Note it if the seed of host keys is missing, or is there without being used."""
    used = any(host.virtual_machine for host in hosts)
    if used and not values.get(SEED_SECRET):
        rule = OPTIONAL_SECRETS[SEED_SECRET]
        problems.add_secret(SEED_SECRET, "is missing; machines in Azure need it", rule.allowed, rule.example)
    elif not used and SEED_SECRET in values:
        problems.add_needless(SEED_SECRET, "is set, but nobody uses it", "only beside hosts.NAME.azure")


def check_way_to_database(
    problems: Problems, azure: AzureSettings | None, servers: tuple[str, ...], hosts: tuple[HostSettings, ...]
) -> None:
    """Note a database in Azure's network for a Prefect server that is not in it."""
    outside = [host.name for host in hosts if host.name in servers and host.virtual_machine is None]
    if azure and azure.postgres and outside:
        given = f"is set, but the Prefect server is on {outside[0]}, which is not in Azure"
        problems.add_needless(
            "azure.postgres", given, "only for a server on a machine in Azure: nobody else reaches it"
        )


def check_admin_password(
    problems: Problems, azure: AzureSettings | None, values: Mapping[str, str], secret_keys: Set[str]
) -> None:
    """Note an administrator's password that Azure would refuse halfway through."""
    key = "databaseAdminPassword"
    password = values.get(key, "")
    kinds = [re.search(kind, password) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]")]
    if azure and azure.postgres and key in secret_keys and len(password) >= 12 and sum(map(bool, kinds)) < 3:
        allowed = "three of: lower-case letters, upper-case letters, digits, other characters; that is Azure's rule"
        example = "openssl rand -base64 30 | tr '+/' '-_'"
        problems.add_secret(key, "is a secret that Azure refuses for its administrator", allowed, example)


def managed_postgres(azure: AzureSettings | None, servers: tuple[str, ...]) -> ExistingPostgres | None:
    """Return the PostgreSQL server in Azure as one that is there; Pulumi reaches it through a Prefect server."""
    if azure is None or azure.postgres is None:
        return None
    return ExistingPostgres(
        address=azure.names.database_address,
        admin_user=ADMINISTRATOR,
        ca_certificate=authorities.certificates(),
        reached_through=servers[0] if servers else "",
    )


def with_blob_copies(
    problems: Problems, azure: AzureSettings | None, backups: BackupSettings | None, database: HostSettings | None
) -> BackupSettings | None:
    """Return the backups of a database on a host with where Azure keeps copies of them."""
    if azure is None or azure.backups is None:
        return backups
    if backups is None or database is None:
        given = "is set, but no host of this stack makes backups"
        problems.add_needless("azure.backups", given, "only for a database on a host; azure.postgres has its own")
        return backups
    if backups.copy_to:
        given = f"is {backups.copy_to!r} beside azure.backups"
        problems.add_needless("backups.copyTo", given, "nothing: it follows from azure.backups")
    if database.virtual_machine is None:
        allowed = "a database on a machine in Azure: its own identity is what opens the container"
        problems.add_needless("azure.backups", f"is set, but the database is on {database.name}", allowed)
    elif database.platform == "windows":
        given = f"is set, but the database is on {database.name}, which is a Windows machine"
        problems.add_needless("azure.backups", given, "a database on a Linux machine; on Windows, backups.copyTo")
        return backups
    elif re.search("debian-12|22_04", database.virtual_machine.image):
        key = f"hosts.{database.name}.azure.image"
        allowed = "a system whose restic is 0.16 or newer, as azure.backups needs, such as Debian 13 or Ubuntu 24.04"
        problems.add(key, f"is {database.virtual_machine.image!r}", allowed, "Debian:debian-13:13-gen2:latest")
    return replace(backups, copy_to=azure.backups.repository)


_LOCATION_RULE = ("the name of a region, one of `az account list-locations --query [].name`", "germanywestcentral")
_SSH_FROM_RULE = "an address or a network (CIDR) from which SSH comes, not everybody's"


def _azure(table: Table, machines: list[HostSettings], stack: str) -> AzureSettings:
    location, example = _LOCATION_RULE
    network = _network(table)
    settings = AzureSettings(
        names=Names(
            table.text(
                "name",
                f"prefect-{stack}"[:18].rstrip("-"),
                allowed="3 to 18 lower-case letters, digits and hyphens that nobody else in Azure has",
                example="prefect-acme",
                pattern=_NAME,
            )
        ),
        subscription_id=_guid(table, "subscriptionId", "the id of a subscription, as `az account list` shows it"),
        tenant_id=_guid(table, "tenantId", "the id of the subscription's tenant, as `az account list` shows it"),
        location=table.text("location", allowed=location, example=example, pattern="[a-z][a-z0-9]+"),
        tags={**_tags(table), "project": "prefect-selfhost", "stack": stack},
        ssh_public_key=table.text(
            "sshPublicKey",
            allowed="the public half of the key that Pulumi logs in with, as in ~/.ssh/id_ed25519.pub",
            example="ssh-ed25519 AAAA",
            pattern=r"(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]+( .*)?",
        ),
        ssh_from=_ssh_from(table),
        jump_host=table.optional_choice("jumpHost", [host.name for host in machines]) or "",
        network=network,
        postgres=read_flexible_server(table.table("postgres")),
        key_vault=read_key_vault(table.table("keyVault")),
        backups=read_blob_backups(table.table("backups")),
    )
    if settings.jump_host and any(host.name == settings.jump_host and host.platform != "linux" for host in machines):
        table.problems.add("azure.jumpHost", f"is {settings.jump_host!r}, a Windows machine", "a Linux one", "jump")
    return settings


def _guid(table: Table, name: str, allowed: str) -> str:
    return table.text(name, allowed=allowed, example=_GUID_EXAMPLE, pattern=_GUID)


def _tags(table: Table) -> dict[str, str]:
    tags = table.table("tags")
    return {name: str(value) for name, value in tags.scalars()} if tags else {}


def _ssh_from(table: Table) -> tuple[str, ...]:
    sources = table.texts("sshFrom", allowed=_SSH_FROM_RULE, example="203.0.113.0/24", is_good=_is_some_network)
    if not sources and not table.has("sshFrom"):
        table.problems.add_of_wrong_type(
            "azure.sshFrom", "is missing", f"a list, each element {_SSH_FROM_RULE}", "203.0.113.0/24", element="[0]"
        )
    return sources


def _is_some_network(text: str) -> bool:
    try:
        return ipaddress.ip_network(text).prefixlen > 0
    except ValueError:
        return False


def _network(table: Table) -> AzureNetwork:
    entries = table.table("network") or Table(table.problems, "azure.network", {})
    found = AzureNetwork(
        address_space=_subnet(entries, "addressSpace", "10.60.0.0/16", widest=8),
        jump_subnet=_subnet(entries, "jumpSubnet", "10.60.0.0/24"),
        host_subnet=_subnet(entries, "hostSubnet", "10.60.1.0/24"),
        database_subnet=_subnet(entries, "databaseSubnet", "10.60.2.0/24"),
        nat_gateway=entries.boolean("natGateway", default=True),
    )
    entries.finish()
    _check_subnets(entries, found)
    return found


def _subnet(table: Table, name: str, default: str, widest: int = 9) -> str:
    allowed = f"a private IPv4 network from /{widest} to /28, such as {default}"
    text = table.text(name, default, allowed=allowed, example=default, pattern=r"[0-9.]+/[0-9]+")
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        network = None
    if network is None or not network.is_private or not widest <= network.prefixlen <= 28:
        if re.fullmatch(r"[0-9.]+/[0-9]+", text):
            table.problems.add(table.path(name), f"is {text!r}", allowed, default)
        return default
    return text


def _check_subnets(table: Table, network: AzureNetwork) -> None:
    space = ipaddress.IPv4Network(network.address_space)
    before: list[tuple[str, ipaddress.IPv4Network]] = []
    subnets = {
        "jumpSubnet": network.jump_subnet,
        "hostSubnet": network.host_subnet,
        "databaseSubnet": network.database_subnet,
    }
    for name, text in subnets.items():
        subnet = ipaddress.IPv4Network(text)
        other = next((key for key, earlier in before if earlier.overlaps(subnet)), None)
        if not subnet.subnet_of(space):
            allowed = f"a network inside azure.network.addressSpace, {network.address_space}"
            table.problems.add(table.path(name), f"is {text!r}", allowed, str(next(space.subnets(new_prefix=28))))
        elif other:
            allowed = f"a network that shares no address with {other}"
            table.problems.add(table.path(name), f"is {text!r}", allowed, "10.60.9.0/24")
        before.append((name, subnet))


def _placed(hosts: tuple[HostSettings, ...], azure: AzureSettings, stack: str, seed: str) -> tuple[HostSettings, ...]:
    """Return the hosts with the addresses, keys and jump host that machines in Azure will have."""

    def placed(host: HostSettings, machine: VirtualMachine, jump_host: HostSettings | None) -> HostSettings:
        reached_from_outside = host.name == azure.jump_host
        public_name = azure.names.public_name(host.name, azure.location)
        return replace(
            host,
            address=public_name if reached_from_outside else host.private_address,
            host_key=host_keys.public_key(seed, stack, host.name),
            jump_host=jump_host,
            virtual_machine=replace(machine, public_address=machine.public_address or reached_from_outside),
        )

    of_jump = {
        host.name: placed(host, host.virtual_machine, None)
        for host in hosts
        if host.virtual_machine and host.name == azure.jump_host
    }
    return tuple(
        of_jump.get(host.name) or placed(host, host.virtual_machine, of_jump.get(azure.jump_host))
        if host.virtual_machine
        else host
        for host in hosts
    )
