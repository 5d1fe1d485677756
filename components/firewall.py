"""The firewall of one Linux host: what may reach it, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.firewall_rules import Opening, firewall_rules, opening_words
from components.host import Host
from components.platforms import HostFile


@dataclass(frozen=True, kw_only=True)
class HostFirewallArgs:
    """What is let into `host`, besides every port that its SSH server listens on.

    Traffic that the host forwards, such as that of containers, is none of it.
    """

    host: Host
    ssh_port: int = 22
    open_ports: tuple[int, ...] = ()
    """TCP ports that are open to everybody."""
    restricted_ports: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """TCP ports, each with the IP addresses or networks that may come in; with none of them it stays shut."""
    allow: tuple[Opening, ...] = ()
    """What else the stack file lets in."""


class HostFirewall(pulumi.ComponentResource):
    """Rules in a table of their own, loaded at boot, taken back by themselves if SSH does not pass them.

    A host has one firewall: where ufw or firewalld is active, the same ports are opened there instead.
    """

    ready: pulumi.Resource
    """The rules work."""

    openings: str
    """What is let in besides SSH: `tcp:443 tcp:5432@10.0.0.5`."""

    def __init__(self, name: str, args: HostFirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:HostFirewall", name, None, opts)
        on = args.host.scope(self, name)
        openings = [
            *(Opening(port=port) for port in args.open_ports),
            *(Opening(port=port, sources=sources) for port, sources in args.restricted_ports.items()),
            *args.allow,
        ]
        self.openings = opening_words(openings)
        rules = HostFile(path=on.path("configuration", "firewall.nft"), content=firewall_rules(args.ssh_port, openings))
        written = on.file("rules", rules)
        settings = {"rules": rules.path, "openings": self.openings}
        self.ready = on.script("loaded", "firewall", settings, reads=[written]).resource
        self.register_outputs({"openings": self.openings})
