"""The machines of a stack file."""

from dataclasses import dataclass
from pathlib import Path

from components.platforms import default_directory
from components.settings.table import Table

CHECKOUT = Path(__file__).resolve().parents[2]
PLATFORMS = ("local", "linux")


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """A machine: this one (`local`) or a Linux server reached by SSH (`linux`)."""

    name: str
    platform: str
    address: str = "127.0.0.1"
    port: int = 22
    user: str = "root"
    host_key: str = ""
    """The server's public SSH key, `ssh-ed25519 AAAA...`; a server that shows another one is refused."""
    directory: str = ""
    """Where a local host keeps everything; see `platforms.local.default_directory`."""
    ports: tuple[tuple[str, int], ...] = ()
    """Every TCP port that the services of this host listen on, with the key that sets it."""


def read_hosts(table: Table, stack: str, user_id: int) -> tuple[HostSettings, ...]:
    """Return the machines of a stack; two of them in one directory are a problem.

    `user_id` is that of the user who runs Pulumi, 0 for root.
    """
    hosts = [_host(name, entry, default_directory(CHECKOUT, stack, name, user_id)) for name, entry in table.tables()]
    users: dict[str, str] = {}
    for host in hosts:
        user = users.setdefault(host.directory, host.name)
        if host.directory and user != host.name:
            given = f"is {host.directory!r}, as on {user}"
            table.problems.add(
                f"{table.key}.{host.name}.directory",
                given,
                "a directory of its own",
                f"{host.directory}-{host.name}",
            )
    return tuple(hosts)


def _host(name: str, table: Table, default_directory: str) -> HostSettings:
    platform = table.choice("platform", PLATFORMS)
    if not platform:
        return HostSettings(name=name, platform=platform)
    if platform == "linux":
        host = _linux_host(name, table)
        table.problems.add(
            f"{table.key}.platform",
            "is 'linux', on which PostgreSQL, server and workers cannot be installed yet",
            "local",
            "local",
        )
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


def _linux_host(name: str, table: Table) -> HostSettings:
    return HostSettings(
        name=name,
        platform="linux",
        address=table.text(
            "address",
            allowed="a host name or an IP address",
            example="203.0.113.10",
            pattern=r"[A-Za-z0-9][A-Za-z0-9.:-]*",
        ),
        port=table.integer("port", 22, minimum=1, maximum=65535),
        user=table.text("user", "root", allowed="a user with sudo", example="ops", pattern=r"[a-z_][a-z0-9_-]*"),
        host_key=table.text(
            "hostKey",
            allowed="the server's public SSH key, as `ssh-keyscan -t ed25519 ADDRESS` shows it after the address",
            example="ssh-ed25519 AAAA",
            pattern=r"(ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+",
        ),
    )
