"""Stands in for powershell.exe where there is no Windows: reads what is sent as the bootstrap does, and keeps a record.

It runs nothing. A file becomes the content that it would have; a script says `changed` the first time that it is asked
with its settings, `unchanged` when asked again. Asked for drift, it tells of files, not of scripts.
Usage: powershell.py DIRECTORY OPTION..., as powershell.exe has them.
"""

import contextlib
import fcntl
import hashlib
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.platforms.windows_transport import Arrived, DamagedError, function_of, read
from tests.waiting import wait_until

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "windows"


FACTS = {"measure-memory": "memory_mib=8192", "install-postgresql": "postgres (PostgreSQL) 17.6"}
"""What scripts tell of the host that Pulumi goes on with."""


PAUSE, PAUSED = "pause", "paused"
"""Signs: the one names a step, before which the host makes the other and waits until somebody takes it away."""


FAULTS = {"fault-constrained": "error: PowerShell is in a constrained language mode here, so no script can run."}
"""What PowerShell answers where it does not come to running a script, as scripts/windows/bootstrap.ps1 has it."""


def name_of(arrived: Arrived) -> str:
    """Return which of scripts/windows this is."""
    (name,) = (path.stem for path in SCRIPTS.glob("*.ps1") if arrived.script.endswith(path.read_text()))
    return name


def step_name(script: str, settings: dict[str, str]) -> str:
    """Return the script, and of a file which one, of a service its name."""
    subject = settings["path"] if script == "file" else settings.get("service", "")
    return f"{script} {subject}".strip()


def answer(known: dict[str, object], function: str, name: str, settings: dict[str, str]) -> str:
    """Return what the script would print, and change what is `known` of the host."""
    what = settings["path"] if name == "file" else f"{name} {settings.get('service', '')}".strip()
    if function == "delete":
        known.pop(what, None)
        return f"changed: removed {what}"
    before, known[what] = known.get(what), settings
    if before == settings:
        return f"unchanged: {FACTS.get(name, what)}"
    written = f", {datetime.now(timezone.utc).isoformat()}" if name == "file" else ""
    return f"changed: {FACTS.get(name, what)}{written}"


def drift(known: dict[str, Any], things: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return what scripts/windows/list-drift.ps1 would, of files."""
    differences = {}
    for name, thing in things.items():
        if path := thing.get("path"):
            content = known[path]["content"] if path in known else None
            if content is None:
                differences[name] = f"{path}: missing"
            elif hashlib.sha256(content.encode()).hexdigest() != thing["sha256"]:
                differences[name] = f"{path}: content"
    return {"differences": differences, "failures": {}}


def main() -> int:
    """Answer once."""
    directory, *options = sys.argv[1:]
    record, state = Path(directory) / "record", Path(directory) / "state.json"
    function = function_of(" ".join(["powershell.exe", *options]))
    payload = sys.stdin.buffer.read()
    for fault in Path(directory).glob("fault-*"):
        if fault.name == "fault-loses-input":
            payload = payload[:-1000]
        else:
            sys.stdout.write(f"{FAULTS[fault.name]}\r\n")
            return 1
    try:
        arrived = read(payload)
    except DamagedError as damage:
        sys.stderr.write(f"error: the script did not arrive whole: {damage}\r\n")
        return 1
    name = name_of(arrived)
    wait_for_others(Path(directory), step_name(name, arrived.settings))
    with record.open("a") as lines:
        # others wait: what is known of the host is read and written below
        fcntl.flock(lines, fcntl.LOCK_EX)
        lines.write(json.dumps([function, name, arrived.settings, options]) + "\n")
        lines.flush()
        sys.stdout.write(remember(state, function, name, arrived.settings) + "\r\n")
    return 0


def wait_for_others(directory: Path, step: str) -> None:
    """Wait until somebody has done what is to be done at this step, if there is anything."""
    with contextlib.suppress(FileNotFoundError):
        if (directory / PAUSE).read_text() == step:
            (directory / PAUSE).rename(directory / PAUSED)
            wait_until(lambda: not (directory / PAUSED).exists(), f"what happens at {step} to be done", within=120)


def remember(state: Path, function: str, name: str, settings: dict[str, str]) -> str:
    """Answer by what is known of the host, and keep what that then is."""
    known = json.loads(state.read_text()) if state.exists() else {}
    if function == "drift":
        return json.dumps(drift(known, json.loads(settings["things"])))
    answered = answer(known, function, name, settings)
    state.write_text(json.dumps(known))
    return answered


if __name__ == "__main__":
    sys.exit(main())
