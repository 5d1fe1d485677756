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

TIMEOUT_SECONDS = 1800
"""A Windows Server before 2025 fetches OpenSSH from its update service, which can take a quarter of an hour."""


def administrator_password(seed: str, stack: str, host: str) -> str:
    """Return a password that Azure demands and nobody is to use: people and Pulumi come by a key."""
    purpose = f"windows administrator of {stack}/{host}".encode()
    derived = HKDF(algorithm=hashes.SHA256(), length=24, salt=None, info=purpose).derive(bytes.fromhex(seed))
    return f"{base64.urlsafe_b64encode(derived).decode()}Aa1!"


def windows_profile(host: HostSettings, seed: pulumi.Output[str]) -> OSProfileArgs:
    """Return how a Windows machine is born: one administrator."""
    stack = pulumi.get_stack()
    return OSProfileArgs(
        computer_name=host.name,
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
    """Have Azure's agent on the machine give OpenSSH its key and start it; before that nothing answers there."""
    stack = pulumi.get_stack()
    host_key = seed.apply(lambda known: _encoded(host_keys.private_key(known, stack, host.name)))
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
        parameters=[RunCommandInputParameterArgs(name="AuthorizedKey", value=_encoded(ssh_public_key))],
        protected_parameters=[RunCommandInputParameterArgs(name="HostKey", value=host_key)],
        timeout_in_seconds=TIMEOUT_SECONDS,
        treat_failure_as_deployment_failure=True,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(deleted_with=machine, replace_with=[machine])),
    )


def _encoded(text: str) -> str:
    """Return text without blanks and line ends, at which a parameter of a script might be cut."""
    return base64.b64encode(text.encode()).decode()
