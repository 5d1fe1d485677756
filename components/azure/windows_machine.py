"""How a Windows machine in Azure is born: with an administrator, and with OpenSSH that has one SSH host key."""

import base64

import pulumi
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pulumi_azure_native.compute import (
    OSProfileArgs,
    RunCommandInputParameterArgs,
    VirtualMachine,
    VirtualMachineRunCommandByVirtualMachine,
    VirtualMachineRunCommandScriptSourceArgs,
    WindowsConfigurationArgs,
)

from components.azure import host_keys
from components.azure.place import Place
from components.platforms import SCRIPTS
from components.settings.hosts import HostSettings

COMPUTER_NAME_LIMIT = 15
"""By NetBIOS, https://learn.microsoft.com/en-us/troubleshoot/windows-server/active-directory/naming-conventions-for-computer-domain-site-ou"""
TIMEOUT_SECONDS = 1800
"""Windows fetches OpenSSH from its update service, which can take a quarter of an hour."""


def administrator_password(seed: str, stack: str, host: str) -> str:
    """Return a password that Azure demands and nobody is to use: people and Pulumi come by a key."""
    purpose = f"windows administrator of {stack}/{host}".encode()
    derived = HKDF(algorithm=hashes.SHA256(), length=24, salt=None, info=purpose).derive(bytes.fromhex(seed))
    return f"{base64.urlsafe_b64encode(derived).decode()}Aa1!"


def windows_profile(host: HostSettings, seed: pulumi.Output[str]) -> OSProfileArgs:
    """Return how a Windows machine is born: one administrator."""
    stack = pulumi.get_stack()
    return OSProfileArgs(
        computer_name=host.name[:COMPUTER_NAME_LIMIT].rstrip("-"),
        admin_username=host.user,
        admin_password=seed.apply(lambda known: administrator_password(known, stack, host.name)),
        windows_configuration=WindowsConfigurationArgs(provision_vm_agent=True, enable_automatic_updates=True),
    )


def install_openssh(
    name: str,
    *,
    place: Place,
    host: HostSettings,
    machine: VirtualMachine,
    ssh_public_key: str,
    seed: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Have Azure's agent on the machine install OpenSSH; before that nothing answers there."""
    stack = pulumi.get_stack()
    key = seed.apply(lambda known: base64.b64encode(host_keys.private_key(known, stack, host.name).encode()).decode())
    return VirtualMachineRunCommandByVirtualMachine(
        name,
        run_command_name="install-openssh",
        vm_name=machine.name,
        resource_group_name=place.resource_group,
        location=place.location,
        tags=place.tags,
        source=VirtualMachineRunCommandScriptSourceArgs(
            script=(SCRIPTS / "azure" / "install-openssh.ps1").read_text(encoding="ascii")
        ),
        parameters=[RunCommandInputParameterArgs(name="AuthorizedKey", value=ssh_public_key)],
        protected_parameters=[RunCommandInputParameterArgs(name="HostKey", value=key)],
        timeout_in_seconds=TIMEOUT_SECONDS,
        treat_failure_as_deployment_failure=True,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(deleted_with=machine)),
    )
