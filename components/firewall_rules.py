"""What may reach a host, and the nftables rules that let it in and drop everything else.

Pure: plain values in, text out. The rules that never change stand in scripts/templates/firewall.nft, in the language of
nft(8), https://www.netfilter.org/projects/nftables/manpage.html
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from components.platforms import SCRIPTS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A port that is open, to everybody or to some."""

    port: int
    protocol: Literal["tcp", "udp"] = "tcp"
    sources: tuple[str, ...] | None = None
    """IP addresses or networks (CIDR) that may come in: None for everybody, an empty tuple for nobody."""

    def networks(self) -> list[Network]:
        """Return the sources, none of them inside another.

        Raises:
            ValueError: one is a host name, or an address inside a network instead of the network.
        """
        networks = [ipaddress.ip_network(source) for source in self.sources or ()]
        version_4 = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
        version_6 = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
        return [*ipaddress.collapse_addresses(version_4), *ipaddress.collapse_addresses(version_6)]


def merged(openings: Iterable[Opening]) -> list[Opening]:
    """Return one opening for each port, in order, without those that let nobody in."""
    found: dict[tuple[str, int], Opening] = {}
    for opening in openings:
        key = (opening.protocol, opening.port)
        other = found.get(key, opening).sources
        sources = None if opening.sources is None or other is None else (*other, *opening.sources)
        found[key] = Opening(port=opening.port, protocol=opening.protocol, sources=sources)
    return [found[key] for key in sorted(found) if found[key].sources != ()]


def firewall_rules(ssh_port: int, openings: Iterable[Opening]) -> str:
    """Return a file for nft(8) that replaces our table, and no other, in one step.

    Open are `ssh_port`, what `openings` say, and what a host needs itself: answers, loopback, neighbours, ping, DHCP.

    Raises:
        ValueError: a source is no IP address or network.
    """
    template = (SCRIPTS / "templates" / "firewall.nft").read_text()
    lines = "\n".join(f"\t\t{rule}" for opening in merged(openings) for rule in _rules(opening))
    return template.replace("{ssh_port}", str(ssh_port)).replace("{openings}\n", f"{lines}\n" if lines else "")


def opening_words(openings: Iterable[Opening]) -> str:
    """Return openings as scripts/linux/firewall.sh reads them, a word for each source: `tcp:443 tcp:5432@10.0.0.5`."""
    return " ".join(
        f"{opening.protocol}:{opening.port}{source}"
        for opening in merged(openings)
        for source in ([""] if opening.sources is None else [f"@{_short(network)}" for network in opening.networks()])
    )


def _rules(opening: Opening) -> list[str]:
    accept = f"{opening.protocol} dport {opening.port} accept"
    if opening.sources is None:
        return [accept]
    families = {"ip": 4, "ip6": 6}
    sources = {
        family: ", ".join(_short(network) for network in opening.networks() if network.version == version)
        for family, version in families.items()
    }
    return [f"{family} saddr {{ {listed} }} {accept}" for family, listed in sources.items() if listed]


def _short(network: Network) -> str:
    return str(network.network_address if network.num_addresses == 1 else network)
