"""What a command does on a host, as read back from its command line and its standard input."""

import re
from dataclasses import dataclass, field

_OPENING = re.compile(r"^\s*(?:ip6? saddr \{ ([^}]*) \} )?(tcp|udp) dport (\d+) accept$", re.MULTILINE)
"""A line of the firewall's rules that lets somebody in."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A port that a firewall lets in: from some networks, or from everywhere if it names none."""

    port: str
    protocol: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol} from {', '.join(self.sources) or 'anywhere'}"

    @property
    def is_public(self) -> bool:
        """Whether every address may come in."""
        return not self.sources or any(source.endswith("/0") for source in self.sources)


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A file that is written; `content` is None while it is secret or unknown."""

    path: str
    mode: str
    owner: str
    content: str | None

    @property
    def is_environment(self) -> bool:
        """Whether it holds NAME=value lines."""
        return self.path.endswith(".env")

    @property
    def variables(self) -> dict[str, str]:
        """The NAME=value lines of an environment file."""
        return pairs(self.content or "") if self.is_environment else {}

    @property
    def openings(self) -> list[Opening]:
        """What it lets in, if it holds the rules of a firewall."""
        found = _OPENING.findall(self.content or "") if self.path.endswith(".nft") else []
        return [
            Opening(port=port, protocol=protocol, sources=tuple(sources.replace(",", " ").split()))
            for sources, protocol, port in found
        ]

    @property
    def service(self) -> str | None:
        """The service that it defines, to systemd or to supervisor; None if it defines none."""
        directory, _, name = self.path.rpartition("/")
        stem, _, suffix = name.rpartition(".")
        if directory.endswith("/systemd/system") and suffix == "service":
            return stem if "\nType=exec\n" in (self.content or "") else None
        return stem if directory.endswith("/configuration/services") and suffix in ("conf", "json") else None


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script of scripts/ that is run; there are no `settings` while its input is secret or unknown."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> dict[str, str]:
        """The ports that a host gives away, by the key of the stack file: `postgres.port`."""
        return pairs("\n".join(self.settings.get("ports", "").split()))


def pairs(lines: str) -> dict[str, str]:
    """Return the NAME=value lines of a text, without its comments."""
    found = (line.partition("=") for line in lines.splitlines() if not line.startswith("#"))
    return {name: value for name, separator, value in found if separator}
