"""The machines of a stack file."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from components.platforms import WindowsPrograms, default_directory
from components.settings.azure_machines import (
    VirtualMachine,
    check_computer_name,
    read_first_user,
    read_virtual_machine,
)
from components.settings.table import Table
from components.settings.windows_hosts import read_directory, read_programs

CHECKOUT = Path(__file__).resolve().parents[2]
PLATFORMS = ("local", "linux", "windows")
TUNNEL_PORTS = range(20000, 30000, 2)
"""Where the first tunnel port of a host is, unless the stack file says otherwise."""


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """A machine: this one (`local`), or a server with Linux or Windows reached by SSH (`linux`, `windows`)."""

    name: str
    platform: str
    address: str = "127.0.0.1"
    port: int = 22
    private_address: str = ""
    """By which the other hosts of the stack reach this one; empty for `address`."""
    user: str = "root"
    host_key: str = ""
    """The server's public SSH key, `ssh-ed25519 AAAA...`; a server that shows another one is refused."""
    jump_host: "HostSettings | None" = None
    """The Linux host through which alone this one can be reached by SSH; None if it is reached directly."""
    tunnel_port: int = 0
    """First of two TCP ports, on the machine that runs Pulumi, that lead to a server's database and Prefect API."""
    directory: str = ""
    """Where a local host keeps everything, see `platforms.local.default_directory`, or a Windows server."""
    windows: WindowsPrograms | None = None
    """What the owner of a Windows server has put there; None for any other host."""
    virtual_machine: VirtualMachine | None = None
    """What the stack makes in Azure to have this host; None for a host that is there already."""
    ports: tuple[tuple[str, int], ...] = ()
    """Every TCP port that the services of this host listen on, with the key that sets it."""

    @property
    def address_for_peers(self) -> str:
        """By which the other hosts of the stack reach this one."""
        return self.private_address or self.address

    @property
    def is_here(self) -> bool:
        """Whether it is the machine that runs Pulumi, which is reached without SSH."""
        return self.platform == "local"

    @property
    def is_used(self) -> bool:
        """Whether anything of Prefect runs here; a host that only others are reached through is left as it is."""
        return bool(self.ports)


def read_hosts(table: Table, stack: str, user_id: int) -> tuple[HostSettings, ...]:
    """Return the machines of a stack; two of them in one directory, or with one tunnel port, are a problem.

    `user_id` is that of the user who runs Pulumi, 0 for root.
    """
    entries = dict(table.tables())
    hosts = {
        name: _host(name, entry, default_directory(CHECKOUT, stack, name, user_id)) for name, entry in entries.items()
    }
    remote = {name: entry for name, entry in entries.items() if hosts[name].platform in {"linux", "windows"}}
    linux = [name for name in remote if hosts[name].platform == "linux"]
    jump_hosts, tunnel_ports = _jump_hosts(remote, linux), _tunnel_ports(remote, stack)
    for name, entry in remote.items():
        hosts[name] = replace(
            hosts[name], jump_host=hosts.get(jump_hosts.get(name, "")), tunnel_port=tunnel_ports[name]
        )
        entry.finish()
    _check_directories(table, hosts.values())
    return tuple(hosts.values())


def _check_directories(table: Table, hosts: Iterable[HostSettings]) -> None:
    users: dict[tuple[str, str], str] = {}
    for host in hosts:
        # where a machine in Azure will be is not known yet, but it is none of the others
        machine = host.name if host.virtual_machine else host.address
        user = users.setdefault((machine, host.directory.lower()), host.name)
        if host.directory and user != host.name:
            given = f"is {host.directory!r}, as on {user}"
            table.problems.add(
                f"{table.key}.{host.name}.directory",
                given,
                "a directory of its own",
                f"{host.directory}-{host.name}",
            )


def is_address(host: str) -> bool:
    """Tell whether `host` is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _jump_hosts(entries: Mapping[str, Table], linux: Sequence[str]) -> dict[str, str]:
    """Return the name of each host's jump host, one of those with `linux`, for those that have one."""
    given = {
        name: entry.optional_choice("jumpHost", [*(other for other in linux if other != name), name])
        for name, entry in entries.items()
    }
    found = {name: jump_host for name, jump_host in given.items() if jump_host}
    for name, jump_host in list(found.items()):
        problem = None
        if jump_host == name:
            problem = "this host itself"
        elif jump_host in found:
            problem = f"which is itself reached through {given[jump_host]}; there can be one jump, no more"
        if problem:
            entry = entries[name]
            allowed = "another Linux host of this stack, one that is reached directly"
            entry.problems.add_needless(f"{entry.key}.jumpHost", f"is {jump_host!r}, {problem}", allowed)
    return found


def _tunnel_ports(entries: Mapping[str, Table], stack: str) -> dict[str, int]:
    """Return the first tunnel port of each host: the one set, else the first free one from where stack and name say."""
    found: dict[str, int] = {}
    for name, entry in entries.items():
        port = entry.optional_integer("tunnelPort", minimum=1024, maximum=65534)
        if port is None:
            continue
        user = next((other for other, taken in found.items() if abs(taken - port) < 2), None)
        if user:
            free = _free_tunnel_port(f"{stack}/{name}", found.values())
            given = f"is {port}; {port} and {port + 1} are not free, as {user} has {found[user]} and {found[user] + 1}"
            entry.problems.add(f"{entry.key}.tunnelPort", given, "the first of two ports of its own", str(free))
        else:
            found[name] = port
    for name in entries:
        if name not in found:
            found[name] = _free_tunnel_port(f"{stack}/{name}", found.values())
    return found


def _free_tunnel_port(owner: str, taken: Collection[int]) -> int:
    start = int.from_bytes(hashlib.sha256(owner.encode()).digest()[:8], "big")
    candidates = (TUNNEL_PORTS[(start + step) % len(TUNNEL_PORTS)] for step in range(len(TUNNEL_PORTS)))
    return next(port for port in candidates if all(abs(port - other) > 1 for other in taken))


def _host(name: str, table: Table, default_directory: str) -> HostSettings:
    platform = table.choice("platform", PLATFORMS)
    if not platform:
        return HostSettings(name=name, platform=platform)
    if platform in {"linux", "windows"}:
        machine = table.table("azure")
        host = _server(name, platform, table) if machine is None else _machine_in_azure(name, platform, table, machine)
    else:
        host = HostSettings(
            name=name,
            platform=platform,
            directory=table.text(
                "directory",
                default_directory,
                allowed="an absolute path of letters, digits and . _ @ + ~ -",
                example="/srv/prefect",
                pattern=r"(/[\w.@+~-]+)+",
            ),
        )
        table.finish()
    return host


def _server(name: str, platform: str, table: Table) -> HostSettings:
    windows = platform == "windows"
    return HostSettings(
        name=name,
        platform=platform,
        directory=read_directory(table) if windows else "",
        windows=read_programs(table) if windows else None,
        address=table.text(
            "address",
            allowed="a host name or an IP address",
            example="203.0.113.10",
            pattern=r"[A-Za-z0-9][A-Za-z0-9.:-]*",
        ),
        private_address=table.text(
            "privateAddress",
            "",
            allowed="the IP address by which the other hosts of the stack reach this one, left out if it is `address`",
            example="10.0.0.10",
            pattern=r"|[0-9a-fA-F.:]+",
        ),
        port=table.integer("port", 22, minimum=1, maximum=65535),
        user=_administrator(table) if windows else _user(table),
        host_key=table.text(
            "hostKey",
            allowed="the server's public SSH key, as `ssh-keyscan -t ed25519 ADDRESS` shows it after the address",
            example="ssh-ed25519 AAAA",
            pattern=r"(ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+",
        ),
    )


def _machine_in_azure(name: str, platform: str, table: Table, machine: Table) -> HostSettings:
    """Return a host whose address, host key and jump host follow from `azure`; see `components.settings.azure`."""
    for key in ("address", "hostKey", "jumpHost", "port"):
        table.refuse(key, "only without hosts.NAME.azure, from which it follows")
    windows = platform == "windows"
    if windows:
        check_computer_name(table, name)
    return HostSettings(
        name=name,
        platform=platform,
        directory=read_directory(table, in_azure=True) if windows else "",
        windows=read_programs(table) if windows else None,
        private_address=table.text(
            "privateAddress",
            "",
            allowed="the IP address of the machine in its subnet",
            example="10.60.1.10",
            pattern=r"\S*",  # what else is wrong with it, its subnet tells
        ),
        user=read_first_user(table, platform),
        virtual_machine=read_virtual_machine(machine, platform),
    )


def _user(table: Table) -> str:
    return table.text("user", "root", allowed="a user with sudo", example="ops", pattern=r"[a-z_][a-z0-9_-]*")


def _administrator(table: Table) -> str:
    rule = r"a user of the group Administrators, of a domain as DOMAIN\user or user@domain"
    pattern = r"[\w.-]+([@\\][\w.-]+)?"
    return table.text("user", "Administrator", allowed=rule, example="Administrator", pattern=pattern)
