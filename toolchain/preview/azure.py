"""What a stack makes in Azure, as a person would draw it: machines, the way in, and the services that hold data."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.azure.names import DATABASE_DOMAIN
from policies.resources import Resource
from toolchain.preview.nodes import HostNode, Role, ServiceNode, of_parts
from toolchain.preview.plan import Change, Operation, Plan

MACHINE = "azure-native:compute:VirtualMachine"
ADDRESS = "azure-native:network:PublicIPAddress"
SECURITY_GROUP = "azure-native:network:NetworkSecurityGroup"
DATABASE = "azure-native:dbforpostgresql:Server"
VAULT = "azure-native:keyvault:Vault"
ACCOUNT = "azure-native:storage:StorageAccount"
CONTAINER = "azure-native:storage:BlobContainer"
IMMUTABILITY = "azure-native:storage:BlobContainerImmutabilityPolicy"
ROLE = "azure-native:authorization:RoleAssignment"

STANDBY = {"ZoneRedundant": ("has a standby in another zone",), "SameZone": ("has a standby in the same zone",)}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine of the stack file, and all that makes it."""

    host: str
    operation: Operation
    facts: tuple[str, ...]
    openings: tuple[str, ...]
    """What its security group lets in."""


@dataclass(frozen=True, kw_only=True)
class InAzure:
    """Everything of a stack that is in Azure."""

    machines: Mapping[str, Machine] = field(default_factory=dict)
    """By host."""
    jump_host: str = ""
    hosts: tuple[HostNode, ...] = ()
    """The jump host, if nothing of Prefect runs there, and the services."""
    services: tuple[ServiceNode, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Of databases, each with its name among the hosts."""
    readers: frozenset[tuple[str, str]] = frozenset()
    """Machine and service: who may ask whom by its identity."""


def in_azure(plan: Plan, settings: Mapping[str, Any], carrying: Collection[str]) -> InAzure:
    """Read what is in Azure from a plan; `settings` are those of the section `azure`.

    Nothing is said of how hosts in `carrying` are reached: they stand in the picture anyway.
    """
    parts = _Parts(plan)
    machines = {machine.host: machine for machine in parts.machines()}
    jump_host = str(settings.get("jumpHost") or "")
    drawn = [*parts.databases(), *parts.vaults(), *parts.containers()]
    if jump_host in machines and jump_host not in carrying:
        drawn.append(_way_in(machines[jump_host], parts.private_address(jump_host)))
    return InAzure(
        machines=machines,
        jump_host=jump_host,
        hosts=tuple(host for host, _ in drawn),
        services=tuple(service for _, service in drawn),
        addresses={f"{host.name}.{DATABASE_DOMAIN}": host.name for host, one in drawn if one.role == "database"},
        readers=frozenset(parts.readers()),
    )


def _way_in(machine: Machine, address: str) -> tuple[HostNode, ServiceNode]:
    host = HostNode(
        name=machine.host,
        address=address,
        platform="linux",
        openings=machine.openings,
        facts=machine.facts,
        operation=machine.operation,
    )
    detail = "the way in, and no more"
    service = ServiceNode(
        name="sshd", host=machine.host, role="jump", detail=detail, port="22", operation=machine.operation
    )
    return host, service


class _Parts:
    """The changes of a plan in Azure, by what they are."""

    def __init__(self, plan: Plan) -> None:
        self._changes = [change for change in plan.changes if change.resource.type.startswith("azure-native:")]
        self._by_name = {change.resource.name: change for change in self._changes}

    def of(self, type_: str, parent: str | None = None) -> list[Change]:
        return [
            change
            for change in self._changes
            if change.resource.type == type_ and parent in (None, change.resource.parent)
        ]

    def beside(self, change: Change) -> Iterator[Change]:
        """Yield the other resources of the same component."""
        for other in self._changes:
            if other.resource.parent == change.resource.parent and other is not change:
                yield other

    def machines(self) -> Iterator[Machine]:
        for change in self.of(MACHINE):
            parent = change.resource.parent
            groups = self.of(SECURITY_GROUP, parent)
            yield Machine(
                host=host_of(change.resource),
                operation=of_parts(change.operation, *(other.operation for other in self.beside(change))),
                facts=("has a public address",) if self.of(ADDRESS, parent) else (),
                openings=tuple(opening for group in groups for opening in openings(group.resource)),
            )

    def private_address(self, host: str) -> str:
        (parent,) = (change.resource.parent for change in self.of(MACHINE) if host_of(change.resource) == host)
        interfaces = self.of("azure-native:network:NetworkInterface", parent)
        configurations = [one for change in interfaces for one in change.resource.inputs.get("ipConfigurations", ())]
        return next((str(one.get("privateIPAddress", "")) for one in configurations), "")

    def databases(self) -> Iterator[tuple[HostNode, ServiceNode]]:
        for change in self.of(DATABASE):
            inputs = change.resource.inputs
            backup, standby = inputs.get("backup", {}), inputs.get("highAvailability", {})
            keeps = f"keeps backups for {_whole(backup.get('backupRetentionDays'))} days"
            facts = (keeps, *STANDBY.get(str(standby.get("mode")), ()))
            detail = f"{inputs.get('version')}, {inputs.get('sku', {}).get('name')}"
            whole = of_parts(change.operation, *(other.operation for other in self.beside(change)))
            yield _service(
                str(inputs.get("serverName")),
                "Azure Database for PostgreSQL",
                facts,
                ("PostgreSQL", "database", detail, "5432"),
                whole,
            )

    def vaults(self) -> Iterator[tuple[HostNode, ServiceNode]]:
        for change in self.of(VAULT):
            inputs = change.resource.inputs
            days = _whole(inputs.get("properties", {}).get("softDeleteRetentionInDays"))
            yield _service(
                str(inputs.get("vaultName")),
                "Azure Key Vault",
                (f"keeps what is deleted for {days} days",),
                ("secrets", "vault", "for flows, by identity", "443"),
                change.operation,
            )

    def containers(self) -> Iterator[tuple[HostNode, ServiceNode]]:
        for change in self.of(CONTAINER):
            (account,) = self.of(ACCOUNT, change.resource.parent)
            kept = self.of(IMMUTABILITY, change.resource.parent)
            days = [_whole(one.resource.inputs.get("immutabilityPeriodSinceCreationInDays")) for one in kept]
            yield _service(
                str(account.resource.inputs.get("accountName")),
                "Azure Blob Storage",
                tuple(f"nothing can be deleted for {one} days" for one in days),
                (str(change.resource.inputs.get("containerName")), "storage", "copies of backups", "443"),
                of_parts(change.operation, account.operation, *(one.operation for one in kept)),
            )

    def readers(self) -> Iterator[tuple[str, str]]:
        """Yield the machine and the service of each role that is given to a machine's identity."""
        names = {VAULT: "vaultName", CONTAINER: "accountName", ACCOUNT: "accountName"}
        for change in self.of(ROLE):
            before = [self._by_name[name].resource for name in change.resource.depends_on if name in self._by_name]
            # a container's account is one of its own component
            before += [other.resource for other in self.beside(change) if other.resource.type == ACCOUNT]
            hosts = [host_of(one) for one in before if one.type == MACHINE]
            services = {str(one.inputs[names[one.type]]) for one in before if names.get(one.type) in one.inputs}
            yield from ((host, service) for host in hosts for service in services)


def _service(
    name: str, cloud: str, facts: tuple[str, ...], told: tuple[str, Role, str, str], operation: Operation
) -> tuple[HostNode, ServiceNode]:
    service, role, detail, port = told
    # what changes of it is marked once
    around: Operation = "same" if operation in ("update", "replace") else operation
    host = HostNode(name=name, platform=cloud, facts=facts, operation=around)
    return host, ServiceNode(name=service, host=name, role=role, detail=detail, port=port, operation=operation)


def host_of(machine: Resource) -> str:
    """Return the host's name in the stack file, which is the computer's."""
    return str(machine.inputs.get("osProfile", {}).get("computerName"))


def openings(group: Resource) -> Iterator[str]:
    """Yield what a security group lets in: `22/tcp from 203.0.113.0/24`."""
    for rule in group.inputs.get("securityRules", ()):
        if rule.get("access") == "Allow":
            among = rule.get("sourceAddressPrefixes") or ()
            sources = ", ".join(source.removesuffix("/32") for source in among) or "anywhere"
            yield f"{rule.get('destinationPortRange')}/{str(rule.get('protocol')).lower()} from {sources}"


def _whole(number: Any) -> str:
    """Return a number as people write it; a plan has 14.0 for 14."""
    return f"{number:g}" if isinstance(number, int | float) else str(number)
