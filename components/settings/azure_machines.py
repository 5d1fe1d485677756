"""Hosts of a stack file that are virtual machines in Azure, made by the stack itself."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.settings.table import Problems, Table

if TYPE_CHECKING:
    from components.settings.hosts import HostSettings

DISK_TYPES = ("StandardSSD_LRS", "StandardSSD_ZRS", "Premium_LRS", "Premium_ZRS", "Standard_LRS")
"""https://learn.microsoft.com/en-us/azure/virtual-machines/disks-types; ZRS survives the loss of a zone."""
ZONES = ("1", "2", "3")
IMAGES = {
    "linux": "Debian:debian-12:12-gen2:latest",
    "windows": "MicrosoftWindowsServer:WindowsServer:2022-datacenter-azure-edition-core:latest",
}
"""What a machine starts with unless the stack file says otherwise, by platform."""
_RESERVED_FIRST = 4
"""How many of a subnet's first addresses are Azure's own, besides the last one."""


@dataclass(frozen=True, kw_only=True)
class VirtualMachine:
    """A machine in Azure, besides what is said of any host."""

    size: str
    """Such as Standard_D2s_v5: how much it can do, and most of what it costs."""
    image: str
    """PUBLISHER:OFFER:SKU:VERSION, looked at once, when the machine is made."""
    disk_gib: int
    """Of its one disk; default 64."""
    disk_type: str
    """One of `DISK_TYPES`, default StandardSSD_LRS."""
    zone: str
    """Availability zone; empty to leave it to Azure."""
    public_address: bool
    """Whether it can be reached from the internet, by what its firewall opens; the jump host always can, by SSH."""


def read_virtual_machine(table: Table, platform: str) -> VirtualMachine:
    """Return a machine from `hosts.NAME.azure`."""
    machine = VirtualMachine(
        size=table.text(
            "size",
            allowed="the size of a virtual machine, one of `az vm list-sizes --location REGION --query [].name`",
            example="Standard_B2s",
            pattern=r"(Standard|Basic)_[A-Za-z0-9_-]+",
        ),
        image=table.text(
            "image",
            IMAGES.get(platform, IMAGES["linux"]),
            allowed="an image of the Marketplace, PUBLISHER:OFFER:SKU:VERSION, as `az vm image list --all` shows it",
            example=IMAGES["linux"],
            pattern=r"[\w.-]+(:[\w.-]+){3}",
        ),
        disk_gib=table.integer("diskGib", 64, minimum=30, maximum=4095),
        disk_type=table.choice("diskType", DISK_TYPES, DISK_TYPES[0]),
        zone=table.optional_choice("zone", ZONES) or "",
        public_address=table.boolean("publicAddress", default=False),
    )
    table.finish()
    return machine


def check_addresses(problems: Problems, machines: Iterable["HostSettings"], subnets: Mapping[str, str]) -> None:
    """Note every machine whose address is not one of its own in its subnet; `subnets` has them by host."""
    users: dict[str, str] = {}
    for host in machines:
        key, subnet = f"hosts.{host.name}.privateAddress", ipaddress.IPv4Network(subnets[host.name])
        first, last = subnet[_RESERVED_FIRST], subnet[-2]
        free = next(str(address) for address in subnet.hosts() if address >= first and str(address) not in users)
        user = users.setdefault(host.private_address, host.name)
        if not _is_between(host.private_address, first, last):
            given = f"is {host.private_address!r}" if host.private_address else "is missing"
            problems.add(key, given, f"an address of {subnet}, from {first} to {last}", free)
        elif user != host.name:
            problems.add(key, f"is {host.private_address!r}, as that of {user}", "an address of its own", free)


def _is_between(text: str, first: ipaddress.IPv4Address, last: ipaddress.IPv4Address) -> bool:
    try:
        return first <= ipaddress.IPv4Address(text) <= last
    except ValueError:
        return False
