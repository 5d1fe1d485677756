"""Releases the lock that a killed Pulumi left on a stack, so that the next run need not ask how.

Only the file backend leaves such locks; there, each is a JSON file that names the process and the machine it ran on.
"""

import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from toolchain.process import say


def release(stack: str, environ: Mapping[str, str]) -> bool:
    """Release the stack if every lock was left by a process of this machine that is gone; tell whether it is free."""
    owners = [json.loads(path.read_text()) for path in lock_files(stack, environ)]
    if any(owner["hostname"] != platform.node() or runs(owner["pid"]) for owner in owners):
        return False
    if owners:
        say(f"Stack {stack} was left locked by a Pulumi that was killed; releasing it")
        subprocess.run(["pulumi", "cancel", "--yes", "--stack", stack], check=False, capture_output=True)
    return True


def lock_files(stack: str, environ: Mapping[str, str]) -> list[Path]:
    """Return the lock files of a stack; none where the state is not in files of this machine."""
    directory = state_directory(environ)
    return sorted(directory.glob(f"locks/organization/*/{stack}/*.json")) if directory else []


def state_directory(environ: Mapping[str, str]) -> Path | None:
    """Return where the file backend keeps what it knows; None for another backend."""
    backend = urlsplit(environ.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme != "file":
        return None
    return Path(unquote(backend.netloc + backend.path)).expanduser() / ".pulumi"


def runs(process_id: int) -> bool:
    """Tell whether a process runs, whoever's it is; one that ended, and that its parent has yet to notice, does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    state = listed.stdout.strip()
    return state != "" and not state.startswith("Z")
