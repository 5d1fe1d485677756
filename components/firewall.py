"""The firewall of one server: what may reach it, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.firewall_rules import Opening, firewall_rules, opening_words
from components.host import Host


@dataclass(frozen=True, kw_only=True)
class HostFirewallArgs:
    """What is let into `host`, besides every port that its SSH server listens on.

    Traffic that the host forwards, such as that of containers, is none of it.
    """

    host: Host
    ssh_port: int = 22
    openings: Sequence[Opening] = ()


class HostFirewall(pulumi.ComponentResource):
    """Rules in a table of their own, loaded at boot, taken back by themselves if SSH does not pass them.

    A host has one firewall: where ufw or firewalld is active, the same ports are opened there instead. On Windows they
    are opened in Windows Firewall, which keeps the rules that it has.
    """

    ready: pulumi.Resource
    """The rules work."""

    openings: str
    """What is let in besides SSH: `tcp:443 tcp:5432@10.0.0.5`."""

    def __init__(self, name: str, args: HostFirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:HostFirewall", name, None, opts)
        on = args.host.scope(self, name)
        self.openings = opening_words(args.openings)
        rules = args.host.platform.firewall_file(firewall_rules(args.ssh_port, args.openings))
        settings = {**({"rules": rules.path} if rules else {}), "openings": self.openings}
        written = [on.file("rules", rules)] if rules else []
        self.ready = on.script("loaded", "firewall", settings, reads=written).resource
        self.register_outputs({"openings": self.openings})
