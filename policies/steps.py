"""What a command does on a host, read back from its command line and its standard input."""

import functools
import json
import shlex
from dataclasses import dataclass, field

from components.platforms import SCRIPTS
from components.platforms.windows import EVERYBODY
from policies.resources import Resource

ON_SERVERS = "command:remote:Command"
ON_THIS_MACHINE = "command:local:Command"


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
        return _pairs(self.content or "") if self.is_environment else {}

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


def step(resource: Resource) -> WrittenFile | Script | None:
    """Return what a command does; None for any other resource."""
    if resource.type not in (ON_SERVERS, ON_THIS_MACHINE) or not isinstance(resource.inputs.get("create"), str):
        return None
    stdin = resource.inputs.get("stdin")
    text = stdin if isinstance(stdin, str) else None
    if resource.inputs["create"].startswith("powershell.exe "):
        return _windows_step(text)
    words = shlex.split(resource.inputs["create"])
    if words[-4:-3] == ["write-file"]:
        return WrittenFile(mode=words[-3], owner=words[-2], path=words[-1], content=text)
    if words[-1:] == ["create"]:
        return Script(name=words[-2], settings=_pairs((text or "").partition("\n\n")[0]))
    return None


def _windows_step(payload: str | None) -> WrittenFile | Script | None:
    """Read a payload of a Windows host, which alone says what is done; nothing of one that is secret or unknown."""
    try:
        told = json.loads(payload or "")
        settings, text = dict(told["settings"]), str(told["script"])
    except (ValueError, KeyError, TypeError):
        return None
    name = next((name for script, name in _windows_scripts().items() if text.endswith(script)), "")
    if name == "file":
        mode = "0644" if settings["readers"] == EVERYBODY else "0600"
        return WrittenFile(path=settings["path"], mode=mode, owner="root", content=settings["content"])
    return Script(name=name, settings=settings)


@functools.cache
def _windows_scripts() -> dict[str, str]:
    """Return the name of each script of a Windows host, by its text."""
    return {path.read_text(encoding="ascii"): path.stem for path in sorted((SCRIPTS / "windows").glob("*.ps1"))}


def _pairs(lines: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines.splitlines() if not line.startswith("#"))
    return {name: value for name, separator, value in pairs if separator}
