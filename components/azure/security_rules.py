"""What a network security group lets in: what the host's own firewall does, SSH only from where it is due, and no more.

Pure: openings in, rules out. Azure's own last rules let in the whole network, which a rule of ours comes before:
https://learn.microsoft.com/en-us/azure/virtual-network/network-security-groups-overview#default-security-rules
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from components.firewall_rules import Opening, merged

ANYBODY = ("*",)
FIRST_PRIORITY = 100
LAST_PRIORITY = 4096
"""The last that a rule of ours can have; a lower number wins."""


@dataclass(frozen=True, kw_only=True)
class SecurityRule:
    """One rule for what comes in."""

    name: str
    priority: int
    access: Literal["Allow", "Deny"]
    protocol: Literal["Tcp", "Udp", "*"]
    port: str
    sources: tuple[str, ...]
    """Addresses or networks, or `ANYBODY`."""


DENY_ALL = SecurityRule(name="deny-all", priority=LAST_PRIORITY, access="Deny", protocol="*", port="*", sources=ANYBODY)


def security_rules(openings: Iterable[Opening], ssh_from: Sequence[str], ssh_port: int = 22) -> list[SecurityRule]:
    """Return the rules of a host that has these openings in its firewall, and SSH from `ssh_from`.

    Raises:
        ValueError: a source is no IP address or network.
    """
    everything = [Opening(port=ssh_port, sources=tuple(ssh_from)), *openings]
    rules = [_rule(opening, FIRST_PRIORITY + 10 * place) for place, opening in enumerate(merged(everything))]
    return [*rules, DENY_ALL]


def _rule(opening: Opening, priority: int) -> SecurityRule:
    sources = ANYBODY if opening.sources is None else tuple(str(network) for network in opening.networks())
    return SecurityRule(
        name=f"allow-{opening.protocol}-{opening.port}",
        priority=priority,
        access="Allow",
        protocol="Udp" if opening.protocol == "udp" else "Tcp",
        port=str(opening.port),
        sources=sources,
    )
