"""A container for copies of the database's backups, in which what was written stays for a while, come what may."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native.network import Subnet
from pulumi_azure_native.storage import (
    BlobContainer,
    BlobContainerImmutabilityPolicy,
    BlobServiceProperties,
    DateAfterCreationArgs,
    DefaultAction,
    DeleteRetentionPolicyArgs,
    ImmutableStorageWithVersioningArgs,
    ManagementPolicy,
    ManagementPolicyActionArgs,
    ManagementPolicyDefinitionArgs,
    ManagementPolicyFilterArgs,
    ManagementPolicyRuleArgs,
    ManagementPolicySchemaArgs,
    ManagementPolicyVersionArgs,
    NetworkRuleSetArgs,
    PublicAccess,
    SkuArgs,
    StorageAccount,
    VirtualNetworkRuleArgs,
)

from components.azure.place import Place
from components.azure.roles import assign
from components.settings.azure_services import BlobBackups


@dataclass(frozen=True, kw_only=True)
class AzureBlobBackupsArgs:
    """A container that one host writes to."""

    place: Place
    settings: BlobBackups
    subscription_id: str
    subnet: Subnet
    """The network from which alone it is reached."""
    host: str
    principal_id: pulumi.Input[str]
    """The identity of `host`, which makes the backups."""
    protect: bool = False
    """Whether Pulumi refuses to remove it: copies are for the day on which all else is lost."""


class AzureBlobBackups(pulumi.ComponentResource):
    """A storage account with one container, whose versions nobody can delete or overwrite for some days.

    The immutability is of versions, not of the container: restic overwrites nothing, but deletes its locks and old
    snapshots, and what it, or who took over its host, deletes stays there as an earlier version.
    https://learn.microsoft.com/en-us/azure/storage/blobs/immutable-version-level-worm-policies
    """

    ready: pulumi.Resource
    """The host may write to the container, and nothing that it writes is lost."""

    def __init__(self, name: str, args: AzureBlobBackupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:AzureBlobBackups", name, None, opts)
        self._name, self._group, self._days = name, args.place.resource_group, args.settings.immutable_days
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        account = StorageAccount(
            f"{name}-account",
            account_name=args.place.names.storage_account,
            resource_group_name=self._group,
            location=args.place.location,
            tags=args.place.tags,
            kind="StorageV2",
            sku=SkuArgs(name=args.settings.redundancy),
            minimum_tls_version="TLS1_2",
            enable_https_traffic_only=True,
            allow_blob_public_access=False,
            # identities only: a key would open everything to whoever has it
            allow_shared_key_access=False,
            network_rule_set=NetworkRuleSetArgs(
                default_action=DefaultAction.DENY,
                bypass="None",
                virtual_network_rules=[VirtualNetworkRuleArgs(virtual_network_resource_id=args.subnet.id)],
            ),
            opts=kept,
        )
        versions = BlobServiceProperties(
            f"{name}-versions",
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=self._group,
            is_versioning_enabled=True,
            container_delete_retention_policy=DeleteRetentionPolicyArgs(enabled=True, days=min(self._days, 365)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        container = BlobContainer(
            f"{name}-container",
            container_name=args.settings.container,
            account_name=account.name,
            resource_group_name=self._group,
            public_access=PublicAccess.NONE,
            immutable_storage_with_versioning=ImmutableStorageWithVersioningArgs(enabled=True),
            # versions must be kept before the container can make them immutable
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[versions])),
        )
        immutability = BlobContainerImmutabilityPolicy(
            f"{name}-immutability",
            immutability_policy_name="default",
            account_name=account.name,
            container_name=container.name,
            resource_group_name=self._group,
            immutability_period_since_creation_in_days=self._days,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._expiry(account, immutability)
        self.ready = assign(
            f"{name}-{args.host}",
            "Storage Blob Data Contributor",
            subscription_id=args.subscription_id,
            scope=container.id,
            principal_id=args.principal_id,
            unique=f"{args.place.names.name}/{args.host}",
            parent=self,
        )
        self.register_outputs({})

    def _expiry(self, account: StorageAccount, immutability: BlobContainerImmutabilityPolicy) -> None:
        """Let earlier versions go when they may: nobody would pay for them for ever."""
        aged = DateAfterCreationArgs(days_after_creation_greater_than=self._days + 1)
        ManagementPolicy(
            f"{self._name}-expiry",
            management_policy_name="default",
            account_name=account.name,
            resource_group_name=self._group,
            policy=ManagementPolicySchemaArgs(
                rules=[
                    ManagementPolicyRuleArgs(
                        name="earlier-versions",
                        type="Lifecycle",
                        enabled=True,
                        definition=ManagementPolicyDefinitionArgs(
                            actions=ManagementPolicyActionArgs(version=ManagementPolicyVersionArgs(delete=aged)),
                            filters=ManagementPolicyFilterArgs(blob_types=["blockBlob"]),
                        ),
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[immutability]),
        )
