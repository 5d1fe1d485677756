"""Everything of a stack in Azure: one resource group, one network, the machines, and the managed services."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native.provider import Provider
from pulumi_azure_native.resources import ResourceGroup

from components.azure.blob_backups import AzureBlobBackups, AzureBlobBackupsArgs
from components.azure.key_vault import AzureKeyVault, AzureKeyVaultArgs
from components.azure.machine import AzureMachine, AzureMachineArgs
from components.azure.network import AzureNetwork, AzureNetworkArgs
from components.azure.place import Place
from components.azure.postgres import AzurePostgres, AzurePostgresArgs
from components.azure.security_rules import SecurityRule, security_rules
from components.firewall_rules import Opening
from components.settings import AzureSettings, Secrets, Settings
from components.settings.azure import ADMINISTRATOR


@dataclass(frozen=True)
class Made:
    """What the rest of the stack waits for."""

    hosts: dict[str, Sequence[pulumi.Resource]] = field(default_factory=dict)
    """By host: the machine, the jump host's before it, and what its preflight looks for."""
    machines: dict[str, pulumi.Resource] = field(default_factory=dict)
    """By host."""
    database: Sequence[pulumi.Resource] = ()
    backups: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class AzureTopologyArgs:
    """A whole stack file: what hosts let in, and who reads which secret, follows from all of it."""

    settings: Settings
    azure: AzureSettings
    secrets: Secrets


class AzureTopology(pulumi.ComponentResource):
    """What the stack file wants in Azure. Its hosts are then as any others, and so is its database."""

    made: Made

    def __init__(self, name: str, args: AzureTopologyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        azure = args.azure
        # named, so that it is never the subscription that somebody happens to be logged in to
        provider = Provider(f"{name}-account", subscription_id=azure.subscription_id, tenant_id=azure.tenant_id)
        super().__init__(
            "prefect-selfhost:index:AzureTopology",
            name,
            None,
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(providers=[provider])),
        )
        self._name, self._args = name, args
        self._here = pulumi.ResourceOptions(parent=self)
        group = ResourceGroup(
            f"{name}-group",
            resource_group_name=azure.names.of("rg"),
            location=azure.location,
            tags=azure.tags,
            # with it, Azure removes all that is in it
            opts=pulumi.ResourceOptions(parent=self, protect=args.settings.protect),
        )
        self._place = Place(names=azure.names, location=azure.location, tags=azure.tags, resource_group=group.name)
        self._network = AzureNetwork(
            f"{name}-network",
            AzureNetworkArgs(
                place=self._place,
                settings=azure.network,
                database_rules=database_rules(args.settings, azure) if azure.postgres else None,
                service_endpoints=[
                    *(["Microsoft.KeyVault"] if azure.key_vault else []),
                    *(["Microsoft.Storage"] if azure.backups else []),
                ],
            ),
            self._here,
        )
        self._machines = self._make_machines()
        database = self._make_postgres()
        self._make_key_vault()
        backups = self._make_backups()
        self.made = Made(
            hosts=self._ready_hosts(database),
            machines={host: made.machine for host, made in self._machines.items()},
            database=database,
            backups=backups,
        )
        self.register_outputs({})

    def _make_machines(self) -> dict[str, AzureMachine]:
        settings, azure, secrets = self._args.settings, self._args.azure, self._args.secrets
        assert secrets.ssh_host_key_seed is not None, "the settings demand it"  # noqa: S101 - for the type checker
        identified = {*secret_readers(settings), *([settings.postgres.host] if azure.backups else [])}
        return {
            host.name: AzureMachine(
                f"{self._name}-{host.name}",
                AzureMachineArgs(
                    place=self._place,
                    host=host,
                    machine=host.virtual_machine,
                    subnet=self._network.jump_subnet if host.name == azure.jump_host else self._network.host_subnet,
                    rules=security_rules(settings.openings(host), azure.ssh_sources(host)),
                    ssh_public_key=azure.ssh_public_key,
                    host_key_seed=secrets.ssh_host_key_seed,
                    has_identity=host.name in identified,
                    holds_data=settings.protect and host.name == settings.postgres.host,
                ),
                self._here,
            )
            for host in settings.hosts
            if host.virtual_machine
        }

    def _make_postgres(self) -> Sequence[pulumi.Resource]:
        azure, subnet = self._args.azure, self._network.database_subnet
        if azure.postgres is None or subnet is None:
            return ()
        postgres = AzurePostgres(
            f"{self._name}-postgres",
            AzurePostgresArgs(
                place=self._place,
                settings=azure.postgres,
                network=self._network.network,
                subnet=subnet,
                administrator=ADMINISTRATOR,
                administrator_password=self._args.secrets.database_admin_password,
                protect=self._args.settings.protect,
            ),
            self._here,
        )
        return postgres.ready

    def _make_key_vault(self) -> None:
        azure, settings = self._args.azure, self._args.settings
        if azure.key_vault is None:
            return
        AzureKeyVault(
            f"{self._name}-key-vault",
            AzureKeyVaultArgs(
                place=self._place,
                settings=azure.key_vault,
                subscription_id=azure.subscription_id,
                tenant_id=azure.tenant_id,
                subnet=self._network.host_subnet,
                administrators_from=azure.ssh_from,
                readers={name: self._machines[name].principal_id for name in secret_readers(settings)},
                protect=settings.protect,
            ),
            self._here,
        )

    def _make_backups(self) -> Sequence[pulumi.Resource]:
        azure, settings = self._args.azure, self._args.settings
        if azure.backups is None:
            return ()
        backups = AzureBlobBackups(
            f"{self._name}-backups",
            AzureBlobBackupsArgs(
                place=self._place,
                settings=azure.backups,
                subscription_id=azure.subscription_id,
                subnet=self._network.host_subnet,
                host=settings.postgres.host,
                principal_id=self._machines[settings.postgres.host].principal_id,
                protect=settings.protect,
            ),
            self._here,
        )
        return [backups.ready]

    def _ready_hosts(self, database: Sequence[pulumi.Resource]) -> dict[str, Sequence[pulumi.Resource]]:
        jump = self._machines.get(self._args.azure.jump_host)
        way = jump.ready if jump else []
        return {
            name: [
                *machine.ready,
                *(way if machine is not jump else []),
                # a server's preflight asks for the database's name, which is there when the database is
                *(database if name in self._args.settings.server.hosts else []),
            ]
            for name, machine in self._machines.items()
        }


def secret_readers(settings: Settings) -> list[str]:
    """Return the machines whose flow runs read the vault's secrets: those of workers."""
    if settings.azure is None or settings.azure.key_vault is None:
        return []
    workers = {worker.host for worker in settings.workers}
    return [host.name for host in settings.hosts if host.virtual_machine and host.name in workers]


def database_rules(settings: Settings, azure: AzureSettings) -> list[SecurityRule]:
    """Return what may come to the database's subnet: Prefect servers, and the server's own standby."""
    servers = [host.address_for_peers for host in settings.hosts if host.name in settings.server.hosts]
    own = azure.network.database_subnet
    openings = [Opening(port=5432, sources=(*servers, own)), Opening(port=6432, sources=(own,))]
    return security_rules(openings, ssh_from=())
