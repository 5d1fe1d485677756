"""A host as a virtual machine in Azure: its address, what may reach it, and the machine."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native.compute import (
    DiskCreateOptionTypes,
    HardwareProfileArgs,
    ImageReferenceArgs,
    LinuxConfigurationArgs,
    ManagedDiskParametersArgs,
    NetworkInterfaceReferenceArgs,
    NetworkProfileArgs,
    OSDiskArgs,
    OSProfileArgs,
    ResourceIdentityType,
    SshConfigurationArgs,
    SshPublicKeyArgs,
    StorageProfileArgs,
    VirtualMachine,
    VirtualMachineIdentityArgs,
)
from pulumi_azure_native.network import (
    NetworkInterface,
    NetworkInterfaceIPConfigurationArgs,
    NetworkSecurityGroupArgs,
    PublicIPAddress,
    PublicIPAddressArgs,
    PublicIPAddressDnsSettingsArgs,
    PublicIPAddressSkuArgs,
    Subnet,
    SubnetArgs,
)

from components.azure import cloud_init, host_keys
from components.azure.network import security_group
from components.azure.place import Place
from components.azure.security_rules import SecurityRule
from components.azure.windows_machine import install_openssh, windows_profile
from components.settings.azure_machines import VirtualMachine as MachineSettings
from components.settings.hosts import HostSettings

AT_FIRST_BOOT = {
    "linux": ["osProfile.customData", "osProfile.linuxConfiguration.ssh"],
    "windows": ["osProfile.adminPassword"],
}
"""What matters at the first boot alone, as does the image; Azure refuses to change it of a machine that is there."""


@dataclass(frozen=True, kw_only=True)
class AzureMachineArgs:
    """A host of the stack file, whose `virtual_machine` says what to make."""

    place: Place
    host: HostSettings
    machine: MachineSettings
    subnet: Subnet
    rules: Sequence[SecurityRule]
    """What may reach it."""
    ssh_public_key: str
    """Who may log in."""
    host_key_seed: pulumi.Input[str]
    has_identity: bool = False
    """Whether it proves to services of Azure who it is."""
    holds_data: bool = False
    """Whether Pulumi refuses to remove it: the database is on its disk."""


class AzureMachine(pulumi.ComponentResource):
    """A machine with a static private address, whose SSH host key is known before it is made."""

    machine: VirtualMachine

    principal_id: pulumi.Output[str]
    """By which roles are assigned to it, if it has an identity."""

    ready: Sequence[pulumi.Resource]
    """All that there must be for the host to be reached."""

    def __init__(self, name: str, args: AzureMachineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:AzureMachine", name, None, opts)
        self._name = name
        here = pulumi.ResourceOptions(parent=self)
        group = security_group(f"{name}-rules", args.host.name, args.place, args.rules, here)
        address = self._public_address(args, here) if args.machine.public_address else None
        interface = NetworkInterface(
            f"{name}-interface",
            network_interface_name=args.place.names.of("nic", args.host.name),
            resource_group_name=args.place.resource_group,
            location=args.place.location,
            tags=args.place.tags,
            network_security_group=NetworkSecurityGroupArgs(id=group.id),
            ip_configurations=[
                NetworkInterfaceIPConfigurationArgs(
                    name="primary",
                    subnet=SubnetArgs(id=args.subnet.id),
                    private_ip_allocation_method="Static",
                    private_ip_address=args.host.private_address,
                    public_ip_address=PublicIPAddressArgs(id=address.id) if address else None,
                )
            ],
            opts=here,
        )
        self.machine = self._virtual_machine(args, interface)
        self.principal_id = self.machine.identity.apply(lambda known: known.principal_id if known else "")
        self.ready = [self.machine, *self._reachable(args, here)]
        self.register_outputs({})

    def _reachable(self, args: AzureMachineArgs, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Make what a machine lacks for SSH after its birth: nothing on Linux, where cloud-init did it."""
        if args.host.platform != "windows":
            return []
        seed = pulumi.Output.secret(args.host_key_seed)
        openssh = install_openssh(
            f"{self._name}-openssh",
            place=args.place,
            host=args.host,
            machine=self.machine,
            ssh_public_key=args.ssh_public_key,
            seed=seed,
            opts=opts,
        )
        return [openssh]

    def _public_address(self, args: AzureMachineArgs, opts: pulumi.ResourceOptions) -> PublicIPAddress:
        """Make an address whose name is known before it is: so the host's settings are plain values."""
        return PublicIPAddress(
            f"{self._name}-address",
            public_ip_address_name=args.place.names.of("pip", args.host.name),
            resource_group_name=args.place.resource_group,
            location=args.place.location,
            tags=args.place.tags,
            sku=PublicIPAddressSkuArgs(name="Standard"),
            public_ip_allocation_method="Static",
            dns_settings=PublicIPAddressDnsSettingsArgs(
                domain_name_label=args.place.names.domain_label(args.host.name)
            ),
            opts=opts,
        )

    def _virtual_machine(self, args: AzureMachineArgs, interface: NetworkInterface) -> VirtualMachine:
        names, host, machine = args.place.names, args.host, args.machine
        publisher, offer, sku, version = machine.image.split(":")
        seed = pulumi.Output.secret(args.host_key_seed)
        profile = windows_profile(host, seed) if host.platform == "windows" else linux_profile(args)
        return VirtualMachine(
            f"{self._name}-machine",
            vm_name=names.of("vm", host.name),
            resource_group_name=args.place.resource_group,
            location=args.place.location,
            tags=args.place.tags,
            zones=[machine.zone] if machine.zone else None,
            hardware_profile=HardwareProfileArgs(vm_size=machine.size),
            storage_profile=StorageProfileArgs(
                image_reference=ImageReferenceArgs(publisher=publisher, offer=offer, sku=sku, version=version),
                os_disk=OSDiskArgs(
                    name=names.of("osdisk", host.name),
                    create_option=DiskCreateOptionTypes.FROM_IMAGE,
                    # what is on a disk outlives its machine only where that is the database
                    delete_option="Detach" if args.holds_data else "Delete",
                    disk_size_gb=machine.disk_gib,
                    managed_disk=ManagedDiskParametersArgs(storage_account_type=machine.disk_type),
                ),
            ),
            os_profile=profile,
            network_profile=NetworkProfileArgs(
                network_interfaces=[NetworkInterfaceReferenceArgs(id=interface.id, primary=True)]
            ),
            identity=VirtualMachineIdentityArgs(type=ResourceIdentityType.SYSTEM_ASSIGNED)
            if args.has_identity
            else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.holds_data,
                # two machines cannot have one address
                delete_before_replace=True,
                ignore_changes=[*AT_FIRST_BOOT[host.platform], "storageProfile.imageReference"],
            ),
        )


def linux_profile(args: AzureMachineArgs) -> OSProfileArgs:
    """Return how a Linux machine is born: one user, who comes by a key, and one SSH host key."""
    host, stack = args.host, pulumi.get_stack()

    def custom_data(seed: str) -> str:
        private, public = (make(seed, stack, host.name) for make in (host_keys.private_key, host_keys.public_key))
        return base64.b64encode(cloud_init.user_data(private, public).encode()).decode()

    return OSProfileArgs(
        computer_name=host.name,
        admin_username=host.user,
        custom_data=pulumi.Output.secret(args.host_key_seed).apply(custom_data),
        linux_configuration=LinuxConfigurationArgs(
            disable_password_authentication=True,
            ssh=SshConfigurationArgs(
                public_keys=[
                    SshPublicKeyArgs(path=f"/home/{host.user}/.ssh/authorized_keys", key_data=args.ssh_public_key)
                ]
            ),
        ),
    )
