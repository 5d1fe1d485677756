"""How a PowerShell script and its settings travel to a Windows host: all on stdin, nothing spliced into code.

The command line is the same for all scripts: PowerShell and, encoded, scripts/windows/bootstrap.ps1. It has nothing
that a shell would read as anything else, so it works whichever shell OpenSSH starts (cmd.exe, PowerShell, bash); nor
has it a path, as those differ in what a backslash is. Its options:
https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_powershell_exe

The payload is a JSON object in ASCII, so that no code page matters and a preview shows the differences of its values.
Its first line has the length and the SHA-256 of what follows: early releases of OpenSSH for Windows lose input.
"""

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from components.platforms import repairs
from components.platforms.contract import SCRIPTS, Commands, LastRun, Question

PLACE = SCRIPTS / "windows"

PROGRAM = "powershell.exe"

LONGEST_COMMAND = 8000
"""Characters that a command line may have: cmd.exe takes 8191, with its own name and options among them."""

TAKEN = frozenset({"args", "error", "function", "home", "host", "input", "matches", "pid", "profile", "pshome", "pwd"})
"""Names of settings that PowerShell or the bootstrap use themselves."""


def script_commands(name: str) -> Commands:
    """Return the commands that run a script's functions `create` and, where it has one, `delete`."""
    deletes = re.search(r"^function delete\b", _text(name), re.MULTILINE)
    return Commands(create=command("create"), delete=command("delete") if deletes else None)


def command(function: str) -> str:
    """Return the command line that reads a payload and calls `function` of its script."""
    lines = _text("bootstrap").splitlines()
    code = "\n".join(line.strip() for line in lines if not line.strip().startswith("#"))
    encoded = repairs.encoded(f"$function = '{function}'\n{code}")
    return f"{PROGRAM} -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {encoded}"


def script_payload(name: str, settings: Mapping[str, str]) -> str:
    """Return the stdin of a script.

    Raises:
        ValueError: a setting's name is not in lower case or is used by PowerShell, or its value has more than one line.
    """
    for key, value in settings.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key in TAKEN:
            raise ValueError(f"setting {key!r} of script {name}: use lower-case letters, digits and underscores")
        if "\n" in value or "\0" in value:
            raise ValueError(f"setting {key} of script {name} has more than one line; pass it as a file")
    return payload(name, settings)


def payload(name: str, settings: Mapping[str, str]) -> str:
    """Return the stdin of a script whose settings are known to be good; their values may have many lines."""
    return envelope(settings, "\n".join([_text("prelude"), _text(name)]))


def prelude() -> str:
    """Return the words of every script."""
    return _text("prelude")


def envelope(settings: Mapping[str, str], script: str) -> str:
    """Return settings and the text of a script as the bootstrap reads them."""
    body = json.dumps({"settings": settings, "script": script}, indent=1).removeprefix("{\n")
    digest = hashlib.sha256(body.encode("ascii")).hexdigest()
    return f'{{"sha256": "{digest}", "length": {len(body)},\n{body}'


def read_payload(text: str) -> tuple[str, dict[str, str]]:
    """Return the name of the script in a payload, empty for one of another version of this project, and its settings.

    Raises:
        ValueError: that is no payload.
    """
    settings, script = _contents(text)
    return next((name for known, name in _scripts().items() if script.endswith(known)), ""), settings


def drift_question(runs: Sequence[LastRun]) -> Question:
    """Return how to ask about every file, and about every script that has a function `drift`."""
    things: dict[str, object] = {}
    # each text once: 5.1 reads no JSON of more than 2,097,152 characters
    scripts: dict[str, int] = {}
    for run in runs:
        try:
            settings, script = _contents(run.stdin)
        except ValueError:
            continue
        if {"path", "readers", "content"} <= settings.keys():
            sha256 = hashlib.sha256(settings["content"].encode()).hexdigest()
            things[run.name] = {"path": settings["path"], "readers": settings["readers"], "sha256": sha256}
        elif re.search(r"^function drift\b", script, re.MULTILINE):
            # as it was run, with the settings that it had
            things[run.name] = {"script": scripts.setdefault(script, len(scripts)), "settings": settings}
    told = {"things": json.dumps(things), "scripts": json.dumps(list(scripts))}
    return Question(command=command("drift"), stdin=payload("list-drift", {"root": "", **told}))


def _contents(text: str) -> tuple[dict[str, str], str]:
    """Return the settings and the script of a payload.

    Raises:
        ValueError: that is no payload.
    """
    try:
        told = json.loads(text)
        return dict(told["settings"]), str(told["script"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no payload: {error!r}") from None


@functools.cache
def _scripts() -> dict[str, str]:
    """Return the name of each script, by its text."""
    return {path.read_text(encoding="ascii"): path.stem for path in sorted(PLACE.glob("*.ps1"))}


def _text(name: str) -> str:
    return (PLACE / f"{name}.ps1").read_text(encoding="ascii")
