"""Azure Database for PostgreSQL: a server that only the stack's network reaches, by TLS alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native.dbforpostgresql import (
    AuthConfigArgs,
    BackupArgs,
    Configuration,
    HighAvailabilityArgs,
    NetworkArgs,
    Server,
    SkuArgs,
    StorageArgs,
)
from pulumi_azure_native.network import Subnet, VirtualNetwork
from pulumi_azure_native.privatedns import PrivateZone, SubResourceArgs, VirtualNetworkLink

from components.azure.place import Place
from components.settings.azure_services import FlexibleServer

CONFIGURATION = {
    # Prefect's migration makes this extension; Azure lets in those that are listed here
    "azure.extensions": "PG_TRGM",
    "require_secure_transport": "on",
}
"""Parameters of the server, https://learn.microsoft.com/en-us/azure/postgresql/server-parameters/concepts-server-parameters"""


@dataclass(frozen=True, kw_only=True)
class AzurePostgresArgs:
    """A server in a subnet that is given over to it."""

    place: Place
    settings: FlexibleServer
    network: VirtualNetwork
    subnet: Subnet
    administrator: str
    administrator_password: pulumi.Input[str]
    protect: bool = False
    """Whether Pulumi refuses to remove it: with the server, Azure removes its backups too."""


class AzurePostgres(pulumi.ComponentResource):
    """A flexible server, which the stack uses as any that is there already."""

    server: Server

    ready: Sequence[pulumi.Resource]
    """All that there must be for somebody to log in and make what Prefect needs."""

    def __init__(self, name: str, args: AzurePostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:AzurePostgres", name, None, opts)
        place, here = args.place, pulumi.ResourceOptions(parent=self)
        zone = PrivateZone(
            f"{name}-zone",
            private_zone_name=place.names.database_zone,
            resource_group_name=place.resource_group,
            location="Global",
            tags=place.tags,
            opts=here,
        )
        link = VirtualNetworkLink(
            f"{name}-zone-link",
            virtual_network_link_name=place.names.of("vnet"),
            resource_group_name=place.resource_group,
            private_zone_name=zone.name,
            location="Global",
            tags=place.tags,
            registration_enabled=False,
            virtual_network=SubResourceArgs(id=args.network.id),
            opts=here,
        )
        self.server = _server(f"{name}-server", args, zone, pulumi.ResourceOptions.merge(here, _options(args, link)))
        self.ready = self._configured(name, place)
        self.register_outputs({})

    def _configured(self, name: str, place: Place) -> list[pulumi.Resource]:
        """Set the server's parameters, one after the other, since it refuses two at a time."""
        done: list[pulumi.Resource] = [self.server]
        for parameter, value in CONFIGURATION.items():
            configuration = Configuration(
                f"{name}-{parameter.replace('.', '-').replace('_', '-')}",
                configuration_name=parameter,
                resource_group_name=place.resource_group,
                server_name=self.server.name,
                source="user-override",
                value=value,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[done[-1]], deleted_with=self.server),
            )
            done.append(configuration)
        return done


def _options(args: AzurePostgresArgs, link: VirtualNetworkLink) -> pulumi.ResourceOptions:
    # it is not found, and not made, before the network knows its zone
    return pulumi.ResourceOptions(depends_on=[link], protect=args.protect)


def _server(name: str, args: AzurePostgresArgs, zone: PrivateZone, opts: pulumi.ResourceOptions) -> Server:
    place, settings = args.place, args.settings
    return Server(
        name,
        server_name=place.names.of("psql"),
        resource_group_name=place.resource_group,
        location=place.location,
        tags=place.tags,
        version=settings.version,
        sku=SkuArgs(name=settings.size, tier=settings.tier),
        storage=StorageArgs(storage_size_gb=settings.storage_gib),
        administrator_login=args.administrator,
        administrator_login_password=args.administrator_password,
        auth_config=AuthConfigArgs(password_auth="Enabled", active_directory_auth="Disabled"),  # noqa: S106 - a switch
        network=NetworkArgs(
            delegated_subnet_resource_id=args.subnet.id,
            private_dns_zone_arm_resource_id=zone.id,
            public_network_access="Disabled",
        ),
        backup=BackupArgs(
            backup_retention_days=settings.backup_retention_days,
            geo_redundant_backup="Enabled" if settings.geo_redundant_backup else "Disabled",
        ),
        high_availability=HighAvailabilityArgs(mode=settings.high_availability),
        opts=opts,
    )
