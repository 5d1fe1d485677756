"""A vault, out of which flow runs take their secrets instead of having them in code or in Prefect's database."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native.keyvault import (
    IPRuleArgs,
    NetworkRuleSetArgs,
    SkuArgs,
    SkuName,
    Vault,
    VaultPropertiesArgs,
    VirtualNetworkRuleArgs,
)
from pulumi_azure_native.network import Subnet

from components.azure.place import Place
from components.azure.roles import assign
from components.settings.azure_services import KeyVault


@dataclass(frozen=True, kw_only=True)
class AzureKeyVaultArgs:
    """A vault for the hosts of a subnet."""

    place: Place
    settings: KeyVault
    subscription_id: str
    tenant_id: str
    subnet: Subnet
    administrators_from: Sequence[str]
    """From where people put secrets in; private networks among them reach it by their own way into Azure."""
    readers: Mapping[str, pulumi.Input[str]]
    """Hosts that may read every secret, by name, with their principal id."""
    protect: bool = False
    """Whether Pulumi refuses to remove it: nobody else may have what is in it."""


class AzureKeyVault(pulumi.ComponentResource):
    """A vault that opens by identity alone, to the hosts that need it, from their network."""

    vault: Vault

    def __init__(self, name: str, args: AzureKeyVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:AzureKeyVault", name, None, opts)
        place = args.place
        self.vault = Vault(
            f"{name}-vault",
            vault_name=place.names.of("kv"),
            resource_group_name=place.resource_group,
            location=place.location,
            tags=place.tags,
            properties=VaultPropertiesArgs(
                sku=SkuArgs(family="A", name=SkuName.STANDARD),
                tenant_id=args.tenant_id,
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=args.settings.soft_delete_days,
                enable_purge_protection=True,
                network_acls=NetworkRuleSetArgs(
                    default_action="Deny",
                    bypass="None",
                    virtual_network_rules=[VirtualNetworkRuleArgs(id=args.subnet.id)],
                    ip_rules=[IPRuleArgs(value=source) for source in args.administrators_from if _is_public(source)],
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        for host, principal_id in args.readers.items():
            assign(
                f"{name}-{host}",
                "Key Vault Secrets User",
                subscription_id=args.subscription_id,
                scope=self.vault.id,
                principal_id=principal_id,
                unique=f"{place.names.name}/{host}",
                parent=self,
            )
        self.register_outputs({})


def _is_public(network: str) -> bool:
    """Tell whether a vault takes a network: it knows no private ones and no IPv6."""
    found = ipaddress.ip_network(network)
    return found.version == 4 and not found.is_private
