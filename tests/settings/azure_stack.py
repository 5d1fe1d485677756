"""A stack file that makes everything in Azure, for tests."""

import copy
from typing import Any

from tests.settings.stack_file import stack_file

SEED = "5e" * 32
AZURE: dict[str, Any] = {
    "name": "prefect-test",
    "subscriptionId": "11111111-1111-1111-1111-111111111111",
    "tenantId": "22222222-2222-2222-2222-222222222222",
    "location": "germanywestcentral",
    "sshPublicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
    "sshFrom": ["93.184.216.0/24"],
    "jumpHost": "jump",
    "postgres": {"size": "Standard_D2ds_v5"},
    "keyVault": {},
}
HOSTS: dict[str, Any] = {
    "jump": {"platform": "linux", "privateAddress": "10.60.0.4", "azure": {"size": "Standard_B1s"}},
    "server-1": {"platform": "linux", "privateAddress": "10.60.1.10", "azure": {"size": "Standard_D2s_v5"}},
    "worker-1": {"platform": "linux", "privateAddress": "10.60.1.21", "azure": {"size": "Standard_D4s_v5"}},
}
WINDOWS: dict[str, Any] = {
    "platform": "windows",
    "privateAddress": "10.60.1.31",
    "azure": {"size": "Standard_D2s_v5"},
    "python": {"executable": "C:/Program Files/Python312/python.exe"},
    "shawl": {"executable": "C:/offline/shawl.exe", "sha256": "ab" * 32},
}
"""A machine for a worker, the host `windows-1`."""
SERVICES: dict[str, Any] = {
    "server": {"hosts": ["server-1"]},
    "workers": {"default": {"host": "worker-1"}},
    "databaseAdminPassword": "Admin-91c4be07d6fa",
    "sshHostKeySeed": SEED,
}


def azure_stack(**overrides: Any) -> dict[str, str]:
    """Return a stack with a managed database and a vault; None removes a key."""
    return stack_file(**{"azure": AZURE, "hosts": HOSTS, **SERVICES, **overrides})


def with_changes(table: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """Return a table with other values at dotted paths; None removes what is there."""
    changed = copy.deepcopy(table)
    for path, value in changes:
        *tables, key = path.split(".")
        inner = changed
        for name in tables:
            inner = inner.setdefault(name, {})
        if value is None:
            inner.pop(key, None)
        else:
            inner[key] = value
    return changed


def with_azure(*changes: tuple[str, Any], **overrides: Any) -> dict[str, str]:
    """Return the stack with other values below `azure`."""
    return azure_stack(azure=with_changes(AZURE, *changes), **overrides)


def with_hosts(*changes: tuple[str, Any], **overrides: Any) -> dict[str, str]:
    """Return the stack with other values below `hosts`."""
    return azure_stack(hosts=with_changes(HOSTS, *changes), **overrides)


def with_database_on_a_host(**overrides: Any) -> dict[str, str]:
    """Return a stack whose database is on a machine, and copied to a container."""
    hosts = with_changes(
        HOSTS, ("server-1.azure.image", "Debian:debian-13:13-gen2:latest"), ("server-1.azure.zone", "1")
    )
    azure = with_changes(AZURE, ("postgres", None), ("backups", {"immutableDays": 14}))
    values = {
        "hosts": hosts,
        "azure": azure,
        "postgres": {"host": "server-1"},
        "backupCopyEnvironment": "RESTIC_PASSWORD=correct horse battery",
    }
    return azure_stack(**{**values, **overrides})


def with_windows(*changes: tuple[str, Any], **overrides: Any) -> dict[str, str]:
    """Return the stack with a worker on a Windows machine, and other values below `hosts`."""
    hosts = with_changes({**HOSTS, "windows-1": WINDOWS}, *changes)
    workers = {"default": {"host": "worker-1"}, "windows": {"host": "windows-1"}}
    return azure_stack(**{"hosts": hosts, "workers": workers, **overrides})
