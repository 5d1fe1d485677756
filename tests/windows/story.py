"""What happened to a stack on a played host, kept for tests to look at."""

from dataclasses import dataclass, field

from tests.windows.windows_host import Step, WindowsHost


@dataclass
class Part:
    """One command that Pulumi carried out."""

    printed: str
    steps: list[Step]
    """On the host."""
    logins: int

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]


@dataclass
class Story:
    """A stack's life, from the first `up` to its end."""

    parts: dict[str, Part] = field(default_factory=dict)
    state: str = ""
    """As Pulumi keeps it, while the stack was up."""
    accepted_passwords: list[str] = field(default_factory=list)
    """Of the role that owns the database, after they were changed."""

    def keep(self, name: str, host: WindowsHost, printed: str) -> None:
        logins = host.server.logins - sum(part.logins for part in self.parts.values())
        self.parts[name] = Part(printed, host.steps(), logins)


def assert_in_this_order(names: list[str], wanted: list[str]) -> None:
    places = [names.index(name) for name in wanted]
    assert places == sorted(places), names
