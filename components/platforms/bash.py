"""How a bash script and its settings travel to a host: all on stdin, nothing spliced into code.

The payload is a line `name=value` for each setting, an empty line, then the text of the script. The bootstrap reads the
settings into shell variables (not into the environment, which child processes inherit), then the script, then
calls the function asked for: `create`, `delete`, or `drift`, which prints a line for each thing that is no longer as
`create` left it, and changes nothing. A payload that was cut short lacks that function and fails.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence

from components.platforms import repairs
from components.platforms.contract import SCRIPTS, Commands, HostFile, LastRun, Question
from components.platforms.steps import Script, WrittenFile, pairs

BOOTSTRAP = (
    'while IFS= read -r line && [ -n "$line" ]; do printf -v "${line%%=*}" %s "${line#*=}"; done; '
    'eval "$(cat)" && "$1" </dev/null'
)

WRITE_FILE = (
    'set -eu; umask 077; new="$3.new"; (umask 022; mkdir -p "$(dirname "$3")"); cat >"$new"; chmod "$1" "$new"; '
    'if [ "$(id -u)" = 0 ] && id "$2" >/dev/null 2>&1; then chown "$2" "$new"; fi; '
    'if cmp -s "$new" "$3"; then echo "unchanged: $3"; else echo "changed: $3, $(date -u +%FT%TZ)"; fi; '
    'mv -f "$new" "$3"'
)


def file_commands(file: HostFile, privileged: str = "") -> Commands:
    """Return the commands that write and remove `file`; it is replaced whole, never seen half-written."""
    arguments = shlex.join(["write-file", file.mode, file.owner, file.path])
    return Commands(
        create=f"{privileged}sh -c {shlex.quote(WRITE_FILE)} {arguments}",
        delete=f"{privileged}rm -f {shlex.quote(file.path)}",
    )


def script_commands(name: str, platform: str, privileged: str = "") -> Commands:
    """Return the commands that run a script's functions `create` and, where it has one, `delete`."""
    run = f"{privileged}bash -c {shlex.quote(BOOTSTRAP)} {shlex.quote(name)}"
    deletes = re.search(r"^delete\(\)", _text(platform, name), re.MULTILINE)
    return Commands(create=f"{run} create", delete=f"{run} delete" if deletes else None)


def script_payload(name: str, platform: str, settings: Mapping[str, str]) -> str:
    """Return the stdin of a script.

    Raises:
        ValueError: a setting's name is no lower-case shell name or its value has more than one line.
    """
    lines = []
    for key, value in settings.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
            raise ValueError(f"setting {key!r} of script {name}: use lower-case letters, digits and underscores")
        if "\n" in value or "\0" in value:
            raise ValueError(f"setting {key} of script {name} has more than one line; pass it as a file")
        lines.append(f"{key}={value}\n")
    prelude = (SCRIPTS / "prelude.sh").read_text()
    return "".join([*lines, "\n", prelude, _text(platform, "prelude"), _text(platform, name)])


def read_step(create: str, stdin: str | None) -> WrittenFile | Script | None:
    """Return what a command line from here does, repaired or not, with this stdin; None for any other's."""
    match _words(create):
        case [*_, "write-file", mode, owner, path]:
            return WrittenFile(path=path, mode=mode, owner=owner, content=stdin)
        case [*_, "bash", "-c", _, name, "create"]:
            return Script(name=name, settings=pairs((stdin or "").partition("\n\n")[0]))
    return None


def drift_question(runs: Sequence[LastRun], privileged: str = "") -> Question:
    """Return how to ask about every file, and about every script that has a function `drift`."""
    program = (SCRIPTS / "posix" / "list_drift.py").read_text()
    asked = {run.name: thing for run in runs if (thing := _thing_to_look_at(run))}
    return Question(command=f"{privileged}python3 -I -c {shlex.quote(program)}", stdin=json.dumps(asked))


def _thing_to_look_at(run: LastRun) -> dict[str, object]:
    """Return what scripts/posix/list_drift.py is told; nothing if `run` left nothing to look at."""
    match read_step(run.create, run.stdin):
        case WrittenFile(path=path, mode=mode, owner=owner):
            sha256 = hashlib.sha256(run.stdin.encode()).hexdigest()
            return {"path": path, "mode": mode, "owner": owner, "sha256": sha256}
        case Script() if re.search(r"^drift\(\)", run.stdin, re.MULTILINE):
            # the script as it was run, with the settings that it had
            *bash, _create = _words(run.create)[-5:]
            return {"command": [*bash, "drift"], "stdin": run.stdin}
    return {}


def _words(create: str) -> list[str]:
    return shlex.split(repairs.without(create))


def _text(platform: str, name: str) -> str:
    own = SCRIPTS / platform / f"{name}.sh"
    return (own if own.exists() else SCRIPTS / "posix" / f"{name}.sh").read_text()


def environment_lines(variables: Mapping[str, str]) -> str:
    """Return NAME=value lines whose values mean the same to systemd, to a shell loop and to a reader.

    Raises:
        ValueError: a value has quotes, backslashes, line breaks or blanks at its ends, which readers take differently.
    """
    for name, value in variables.items():
        if re.search(r"['\"\\\n\0]", value) or value != value.strip():
            raise ValueError(f"the value of {name} has quotes, backslashes, line breaks or blanks at its ends")
    return "".join(f"{name}={value}\n" for name, value in variables.items())
