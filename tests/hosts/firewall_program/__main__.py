"""One Linux host and its firewall: open to everybody for the web, to a neighbour for the database."""

import pulumi

from components.firewall import HostFirewall, HostFirewallArgs
from components.firewall_rules import Opening
from components.host import Host, HostArgs
from tests.hosts.program_host import host_settings

config = pulumi.Config()
host = Host("host", HostArgs(settings=host_settings(config), ssh_private_key=config.require_secret("sshPrivateKey")))
HostFirewall(
    "firewall",
    HostFirewallArgs(
        host=host,
        openings=(
            *(Opening(port=int(port)) for port in config.get("openPorts", default="80 443").split()),
            Opening(port=5432, sources=tuple(config.require("neighbour").split())),
            Opening(port=51820, protocol="udp"),
        ),
    ),
)
