"""Python libraries, hash-locked, in a virtual environment of the checkout."""

import hashlib
import importlib.util
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain import files, stamp
from toolchain.errors import ToolchainError, diagnose
from toolchain.layout import Layout
from toolchain.process import ProgramError, run, say

REMEDY = "Check the network, or name a mirror: export PIP_INDEX_URL=..., or index-url in pip's configuration."


def ensure(layout: Layout, venv: Path, locks: Sequence[Path], environ: Mapping[str, str]) -> None:
    """Make `venv` hold exactly the libraries of the lock files.

    Raises ToolchainError if Python cannot make virtual environments or a library cannot be had.
    """
    if stamp.matches(venv / "installed", contents(venv, locks)):
        return
    say(f"Python libraries into {venv.relative_to(layout.root)} (about 20 seconds)")
    if venv.exists():
        shutil.rmtree(venv)
    create(layout, venv, environ)
    install(layout, venv / "bin" / "python", [part for lock in locks for part in ("-r", str(lock))], environ)
    files.place_text(venv / "installed", contents(venv, locks))


def contents(venv: Path, locks: Sequence[Path]) -> str:
    """Describe a virtual environment: it is stale if its libraries, place or interpreter are others."""
    libraries = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    interpreter = (venv / "bin" / "python").resolve()
    return f"{libraries}\n{venv}\n{interpreter}, {'there' if interpreter.exists() else 'gone'}\n"


def create(layout: Layout, venv: Path, environ: Mapping[str, str]) -> None:
    """Make an empty virtual environment with the Python that runs this, or the one behind it.

    Raises ToolchainError if that Python lacks the module for it.
    """
    python = getattr(sys, "_base_executable", None) or sys.executable
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        raise ToolchainError(
            f"{python} cannot make virtual environments. Install the module (Debian, Ubuntu: apt install "
            "python3-venv) or name another Python: make PYTHON=/path/to/python3 ..."
        )
    log = layout.logs / "venv.log"
    try:
        run([python, "-m", "venv", venv], log=log, env=environ)
    except ProgramError as error:
        raise diagnose("a virtual environment", str(error), log, REMEDY) from None


def install(layout: Layout, python: Path, what: Sequence[str], environ: Mapping[str, str]) -> None:
    """Let pip install what these arguments say, from where the user's own configuration says.

    Raises ToolchainError if the index is not reached or has something else than the lock says.
    """
    log = layout.logs / "pip.log"
    # Python compiles what is imported: pulumi-azure-native as a whole would take a minute
    options = ["--quiet", "--require-hashes", "--only-binary=:all:", "--no-compile"]
    try:
        run([python, "-m", "pip", "install", *options, *what], log=log, env=pip_environment(layout, environ))
    except ProgramError as error:
        raise diagnose("Python libraries", str(error), log, REMEDY) from None


def pip_environment(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """Keep pip from asking, from writing outside the checkout, and from trying for minutes."""
    return {
        "PIP_RETRIES": "2",
        **environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        "PIP_USER": "0",
        "TMPDIR": str(layout.temporary),
    }
