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
    # the first Windows Server that comes with OpenSSH
    "windows": "MicrosoftWindowsServer:WindowsServer:2025-datacenter-azure-edition-core:latest",
}
"""What a machine starts with unless the stack file says otherwise, by platform."""
DISK_GIB = {"linux": 64, "windows": 128}
"""How large its disk is unless the stack file says otherwise, by platform."""
_LEAST_GIB = {"linux": 30, "windows": 127}
"""What the images of a platform need; those of Windows that are called smalldisk need no more than Linux."""
_COMPUTER_NAME = 15
"""How long the name of a Windows computer can be, in characters."""
_USER = {"linux": 32, "windows": 20}
"""How long the name of a user can be, by platform."""
_REFUSED_USERS = (
    *("a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet", "backup", "console", "david"),
    *("guest", "john", "owner", "root", "server", "sql", "support", "support_388945a0", "sys", "test", "test1"),
    *("test2", "test3", "user", "user1", "user2", "user3", "user4", "user5"),
)
"""Names that Azure refuses, https://learn.microsoft.com/en-us/rest/api/compute/virtual-machines/create-or-update#osprofile"""
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
    """Of its one disk; default 64, on Windows 128."""
    disk_type: str
    """One of `DISK_TYPES`, default StandardSSD_LRS."""
    zone: str
    """Availability zone; empty to leave it to Azure."""
    public_address: bool
    """Whether it can be reached from the internet, by what its firewall opens; the jump host always can, by SSH."""


def read_virtual_machine(table: Table, platform: str) -> VirtualMachine:
    """Return a machine from `hosts.NAME.azure`."""
    image = table.text(
        "image",
        IMAGES[platform],
        allowed="an image of the Marketplace, PUBLISHER:OFFER:SKU:VERSION, as `az vm image list --all` shows it",
        example=IMAGES[platform],
        pattern=r"[\w.-]+(:[\w.-]+){3}",
    )
    least = _LEAST_GIB["linux" if "smalldisk" in image else platform]
    machine = VirtualMachine(
        size=table.text(
            "size",
            allowed="the size of a virtual machine, one of `az vm list-sizes --location REGION --query [].name`",
            example="Standard_B2s",
            pattern=r"(Standard|Basic)_[A-Za-z0-9_-]+",
        ),
        image=image,
        disk_gib=table.integer("diskGib", DISK_GIB[platform], minimum=least, maximum=4095),
        disk_type=table.choice("diskType", DISK_TYPES, DISK_TYPES[0]),
        zone=table.optional_choice("zone", ZONES) or "",
        public_address=table.boolean("publicAddress", default=False),
    )
    table.finish()
    return machine


def read_first_user(table: Table, platform: str) -> str:
    """Return whom a new machine lets in by SSH, from `hosts.NAME.user`."""
    longest = _USER[platform]
    return table.text(
        "user",
        "ops",
        allowed=f"a user to be made, {'an administrator' if platform == 'windows' else 'with sudo'}: at most {longest} "
        "lower-case letters, digits, _ and -, but none of the names that Azure refuses, such as root and admin",
        example="ops",
        pattern=rf"(?!({'|'.join(_REFUSED_USERS)})$)[a-z_][a-z0-9_-]{{0,{longest - 1}}}",
    )


def check_computer_name(table: Table, name: str) -> None:
    """Note what a Windows machine in Azure cannot be called."""
    if len(name) > _COMPUTER_NAME:
        allowed = f"at most {_COMPUTER_NAME} characters, as it is the name of a Windows computer"
        table.problems.add_needless(table.key, "is too long a name for a Windows machine in Azure", allowed)


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
