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


def release(stack: str, environ: Mapping[str, str]) -> None:
    """Release the stack if every lock on it was left by a process of this machine that is gone."""
    owners = [json.loads(path.read_text()) for path in lock_files(stack, environ)]
    if owners and all(owner["hostname"] == platform.node() and not runs(owner["pid"]) for owner in owners):
        say(f"Stack {stack} was left locked by a Pulumi that was killed; releasing it")
        subprocess.run(["pulumi", "cancel", "--yes", "--stack", stack], check=False, capture_output=True)
        forget_interrupted(stack)


def forget_interrupted(stack: str) -> None:
    """Drop the operations that were cut off, of which Pulumi would warn for ever: each is done again, and converges."""
    exported = _pulumi("export", stack)
    if exported.returncode:
        return
    state = json.loads(exported.stdout)
    if state["deployment"].pop("pending_operations", None):
        _pulumi("import", stack, json.dumps(state))


def _pulumi(action: str, stack: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    command = ["pulumi", "stack", action, "--stack", stack]
    return subprocess.run(command, input=standard_input, capture_output=True, text=True, check=False)


def lock_files(stack: str, environ: Mapping[str, str]) -> list[Path]:
    """Return the lock files of a stack; none where the state is not in files of this machine."""
    backend = urlsplit(environ.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme != "file":
        return []
    locks = Path(unquote(backend.netloc + backend.path)).expanduser() / ".pulumi" / "locks"
    return sorted(locks.glob(f"organization/*/{stack}/*.json"))


def runs(process_id: int) -> bool:
    """Tell whether a process runs, whoever's it is; one that ended, and that its parent has yet to notice, does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    state = listed.stdout.strip()
    return state != "" and not state.startswith("Z")
