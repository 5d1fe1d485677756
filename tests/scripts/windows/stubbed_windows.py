"""Runs scripts of scripts/windows in a real PowerShell, with the commands that only Windows has played by functions.

$POWERSHELL names it, `pwsh` if it is not set. What is played: services, firewall rules, scheduled tasks, access lists.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.platforms.powershell import PLACE, command, envelope

POWERSHELL = os.environ.get("POWERSHELL", "pwsh")

NEEDS_POWERSHELL = pytest.mark.skipif(
    shutil.which(POWERSHELL) is None,
    reason=f"PowerShell ({POWERSHELL}) is not on PATH; what the scripts do on Windows was not run",
)

STUBS = (Path(__file__).parent / "stubs.ps1").read_text(encoding="ascii")

SEQUENCES = """
function twice { create; create }
function delete_after_create { create; delete; delete }
"""

GIVEN = ("wrapper", "wrapper_source", "wrapper_sha256", "base_python", "python_archive", "python_archive_sha256")
POSTGRESQL = ("postgresql_archive", "postgresql_archive_sha256", "postgresql_programs")
RESTIC = ("restic_source", "restic_sha256")
CADDY = ("caddy", "caddy_source", "caddy_sha256")


@dataclass(frozen=True)
class Ended:
    """What a script did."""

    status: int
    lines: list[str]
    """That it printed, but for the calls."""
    calls: str
    """Of the played commands, a line each."""
    errors: str


def run(name: str, root: Path, settings: dict[str, str], function: str = "create", *, before: str = "") -> Ended:
    """Run `function` of a script below `root`, after the text `before` has changed the played world."""
    texts = [(PLACE / f"{part}.ps1").read_text(encoding="ascii") for part in ("prelude", name)]
    script = "\n".join([*texts, STUBS, SEQUENCES, before])
    given = dict.fromkeys((*GIVEN, *POSTGRESQL, *RESTIC, *CADDY), "")
    payload = envelope({"root": root.as_posix(), **given, **settings}, script)
    words = [POWERSHELL, *command(function).split()[1:]]
    for place in ("run", "log", "runtime", "configuration", "data"):
        (root / place).mkdir(exist_ok=True)
    done = subprocess.run(words, input=payload.encode("ascii"), capture_output=True, check=False, timeout=120)
    printed = done.stdout.decode().splitlines()
    return Ended(
        status=done.returncode,
        lines=[line for line in printed if not line.startswith("call: ")],
        calls="\n".join(line.removeprefix("call: ") for line in printed if line.startswith("call: ")),
        errors=done.stderr.decode(),
    )
