"""A network of the stack's own in Azure, with a subnet each for the jump host, the other hosts and the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native.network import AddressSpaceArgs as AddressSpace
from pulumi_azure_native.network import (
    DelegationArgs,
    NatGateway,
    NatGatewaySkuArgs,
    NetworkSecurityGroup,
    NetworkSecurityGroupArgs,
    PublicIPAddress,
    PublicIPAddressSkuArgs,
    SecurityRuleArgs,
    ServiceEndpointPropertiesFormatArgs,
    Subnet,
    SubResourceArgs,
    VirtualNetwork,
)

from components.azure.place import Place
from components.azure.security_rules import ANYBODY, SecurityRule
from components.settings.azure import AzureNetwork as NetworkSettings

DATABASE_SERVICE = "Microsoft.DBforPostgreSQL/flexibleServers"


@dataclass(frozen=True, kw_only=True)
class AzureNetworkArgs:
    """The network of a stack."""

    place: Place
    settings: NetworkSettings
    database_rules: Sequence[SecurityRule] | None = None
    """What may come to the database's subnet; None if there is no such subnet."""
    service_endpoints: Sequence[str] = ()
    """Services of Azure that hosts reach without leaving its network, such as Microsoft.KeyVault."""


class AzureNetwork(pulumi.ComponentResource):
    """A network that a NAT gateway leads out of, and into which comes what hosts' security groups let in."""

    network: VirtualNetwork
    jump_subnet: Subnet
    host_subnet: Subnet
    database_subnet: Subnet | None

    def __init__(self, name: str, args: AzureNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:AzureNetwork", name, None, opts)
        self._name, self._place, settings = name, args.place, args.settings
        here = pulumi.ResourceOptions(parent=self)
        self.network = VirtualNetwork(
            f"{name}-network",
            virtual_network_name=args.place.names.of("vnet"),
            resource_group_name=args.place.resource_group,
            location=args.place.location,
            tags=args.place.tags,
            address_space=AddressSpace(address_prefixes=[settings.address_space]),
            # the subnets are resources of their own
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["subnets"]),
        )
        gateway = self._nat_gateway(here) if settings.nat_gateway else None
        endpoints = [ServiceEndpointPropertiesFormatArgs(service=service) for service in args.service_endpoints]
        self.jump_subnet = self._subnet("jump", settings.jump_subnet, gateway=gateway, after=[])
        # Azure changes one subnet of a network at a time
        self.host_subnet = self._subnet(
            "hosts", settings.host_subnet, gateway=gateway, endpoints=endpoints, after=[self.jump_subnet]
        )
        self.database_subnet = None
        if args.database_rules is not None:
            group = security_group(f"{name}-database-rules", "database", args.place, args.database_rules, here)
            self.database_subnet = self._subnet(
                "database",
                settings.database_subnet,
                group=group,
                delegation=DelegationArgs(name="postgresql", service_name=DATABASE_SERVICE),
                after=[self.host_subnet],
            )
        self.register_outputs({})

    def _nat_gateway(self, opts: pulumi.ResourceOptions) -> NatGateway:
        """Make the way out for hosts without a public address; nothing comes in by its own."""
        place = self._place
        address = PublicIPAddress(
            f"{self._name}-nat-address",
            public_ip_address_name=place.names.of("pip", "nat"),
            resource_group_name=place.resource_group,
            location=place.location,
            tags=place.tags,
            sku=PublicIPAddressSkuArgs(name="Standard"),
            public_ip_allocation_method="Static",
            opts=opts,
        )
        return NatGateway(
            f"{self._name}-nat-gateway",
            nat_gateway_name=place.names.of("ng"),
            resource_group_name=place.resource_group,
            location=place.location,
            tags=place.tags,
            sku=NatGatewaySkuArgs(name="Standard"),
            public_ip_addresses=[SubResourceArgs(id=address.id)],
            opts=opts,
        )

    def _subnet(
        self,
        which: str,
        address_prefix: str,
        *,
        after: Sequence[pulumi.Resource],
        gateway: NatGateway | None = None,
        group: NetworkSecurityGroup | None = None,
        endpoints: Sequence[ServiceEndpointPropertiesFormatArgs] = (),
        delegation: DelegationArgs | None = None,
    ) -> Subnet:
        return Subnet(
            f"{self._name}-{which}",
            subnet_name=self._place.names.of("snet", which),
            resource_group_name=self._place.resource_group,
            virtual_network_name=self.network.name,
            address_prefix=address_prefix,
            # no way out but the gateway: Azure's implicit one is being retired
            default_outbound_access=False,
            nat_gateway=SubResourceArgs(id=gateway.id) if gateway else None,
            network_security_group=NetworkSecurityGroupArgs(id=group.id) if group else None,
            service_endpoints=list(endpoints),
            delegations=[delegation] if delegation else [],
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )


def security_group(
    name: str, which: str, place: Place, rules: Sequence[SecurityRule], opts: pulumi.ResourceOptions
) -> NetworkSecurityGroup:
    """Make a network security group of these rules."""
    return NetworkSecurityGroup(
        name,
        network_security_group_name=place.names.of("nsg", which),
        resource_group_name=place.resource_group,
        location=place.location,
        tags=place.tags,
        security_rules=[_rule(rule) for rule in rules],
        opts=opts,
    )


def _rule(rule: SecurityRule) -> SecurityRuleArgs:
    anybody = rule.sources == ANYBODY
    return SecurityRuleArgs(
        name=rule.name,
        priority=rule.priority,
        direction="Inbound",
        access=rule.access,
        protocol=rule.protocol,
        source_port_range="*",
        source_address_prefix="*" if anybody else None,
        source_address_prefixes=None if anybody else list(rule.sources),
        destination_address_prefix="*",
        destination_port_range=rule.port,
    )
