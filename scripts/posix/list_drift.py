"""Says what is no longer as Pulumi left it on this host, and changes nothing. Runs on any Python 3 since 3.7.

Reads from standard input what to look at, as JSON by name: a file as `path`, `mode`, `owner` and the `sha256` of its
content; or a `command`, with its `stdin`, that prints a line for each difference. Prints JSON: `differences` by name
and, for what could not be looked at, `failures` by name.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 8


def file_differences(path: str, mode: str, owner: str, sha256: str) -> list[str]:
    """Return what differs about a file, in a few words each."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ["missing"]
    if not stat.S_ISREG(found.st_mode):
        return ["not a regular file"]
    differences = []
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() != sha256:
        differences.append("content")
    if stat.S_IMODE(found.st_mode) != int(mode, 8):
        differences.append(f"mode {stat.S_IMODE(found.st_mode):04o} instead of {mode}")
    # whoever is not root could not give it away, nor could root to a user who was not there
    if os.geteuid() == 0 and _user_id(owner) not in (None, found.st_uid):
        differences.append(f"owner {_user_name(found.st_uid)} instead of {owner}")
    return differences


def command_differences(command: list[str], stdin: str) -> list[str]:
    """Return the lines that a command prints.

    Raises:
        RuntimeError: it failed; the message is what it printed on standard error.
        subprocess.TimeoutExpired: it took too long and was killed.
    """
    ended = subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=COMMAND_SECONDS, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace").strip() or f"exit status {ended.returncode}")
    return ended.stdout.decode(errors="replace").splitlines()


def look(thing: dict[str, Any]) -> tuple[str, str]:
    """Return what differs and, if that cannot be told, why."""
    try:
        if "command" in thing:
            return ", ".join(command_differences(**thing)), ""
        differences = file_differences(**thing)
        return f"{thing['path']}: {', '.join(differences)}" if differences else "", ""
    except (OSError, RuntimeError) as error:
        return "", str(error)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {COMMAND_SECONDS} s"


def main() -> None:
    """Look at everything, several things at a time."""
    with ThreadPoolExecutor(8) as pool:
        looks = {name: pool.submit(look, thing) for name, thing in json.load(sys.stdin).items()}
    found = {name: look.result() for name, look in looks.items()}
    answer = {
        "differences": {name: difference for name, (difference, _) in found.items() if difference},
        "failures": {name: failure for name, (_, failure) in found.items() if failure},
    }
    json.dump(answer, sys.stdout)


def _user_id(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


if __name__ == "__main__":
    main()
