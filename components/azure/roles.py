"""What machines may do with services of Azure, by the identity that Azure gives them, without any password."""

import uuid
from typing import Literal

import pulumi
from pulumi_azure_native.authorization import RoleAssignment

Role = Literal["Key Vault Secrets User", "Storage Blob Data Contributor"]
ROLES: dict[Role, str] = {
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
"""https://learn.microsoft.com/en-us/azure/role-based-access-control/built-in-roles"""
_NAMESPACE = uuid.UUID("6f1f2f0e-3c52-4b0a-9a6e-6a1f6f5d4c3b")


def assign(
    name: str,
    role: Role,
    *,
    subscription_id: str,
    scope: pulumi.Input[str],
    principal_id: pulumi.Input[str],
    unique: str,
    parent: pulumi.Resource,
) -> RoleAssignment:
    """Give a machine a role in a `scope`; `unique` tells this assignment from every other, for good."""
    return RoleAssignment(
        name,
        role_assignment_name=str(uuid.uuid5(_NAMESPACE, f"{unique} {role}")),
        scope=scope,
        role_definition_id=f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}",
        principal_id=principal_id,
        principal_type="ServicePrincipal",
        # Azure takes no second assignment of one name
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),
    )
