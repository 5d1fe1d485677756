"""What may reach the servers of a stack, besides SSH and what the stack's own parts need."""

import re
from dataclasses import dataclass

from components.firewall_rules import Opening
from components.settings.table import Table

OPENING = re.compile(r"(?P<port>[0-9]{1,5})/(?P<protocol>tcp|udp)(?: from (?P<source>\S+))?")
OPENING_RULE = "PORT/tcp or PORT/udp, alone or followed by: from ADDRESS (IP address, or network such as 10.0.0.0/24)"


@dataclass(frozen=True, kw_only=True)
class FirewallSettings:
    """The firewall of every server."""

    enabled: bool = True
    """Whether what is not let in by name is dropped; otherwise firewalls are the business of whoever runs the hosts."""
    allow: tuple[Opening, ...] = ()
    """What else is let in, such as `9100/tcp from 10.0.0.9` or `51820/udp`."""


def read_firewall(table: Table) -> FirewallSettings:
    """Return the firewall of a stack's servers."""
    texts = table.texts(
        "allow", allowed=OPENING_RULE, example="9100/tcp from 10.0.0.9", is_good=lambda text: _opening(text) is not None
    )
    found = (_opening(text) for text in texts)
    firewall = FirewallSettings(
        enabled=table.boolean("enabled", default=True), allow=tuple(opening for opening in found if opening)
    )
    table.finish()
    return firewall


def _opening(text: str) -> Opening | None:
    match = OPENING.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        return None
    opening = Opening(
        port=int(match["port"]),
        protocol="udp" if match["protocol"] == "udp" else "tcp",
        sources=(match["source"],) if match["source"] else None,
    )
    try:
        opening.networks()
    except ValueError:
        return None
    return opening
