"""What a command does on a host, as read back from its command line and its standard input."""

from dataclasses import dataclass, field


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


def pairs(lines: str) -> dict[str, str]:
    """Return the NAME=value lines of a text, without its comments."""
    found = (line.partition("=") for line in lines.splitlines() if not line.startswith("#"))
    return {name: value for name, separator, value in found if separator}
