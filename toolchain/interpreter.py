"""Finds a Python that is new enough. Written for Python 3.6, which has to be able to read it."""

import os
import subprocess
import sys

NEEDED = (3, 10)
NEWEST = (3, 14)


def hand_over(arguments: list) -> None:  # type: ignore[type-arg]
    """Run `python -m toolchain` with these arguments under a newer Python of PATH; does not return.

    Raises SystemExit with the remedy if PATH has none.
    """
    for minor in range(NEWEST[1], NEEDED[1] - 1, -1):
        name = f"python3.{minor}"
        if starts(name):
            os.execvp(name, [name, "-m", "toolchain", *arguments])  # noqa: S606 - replaces this process
    version = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        f"error: Python 3.10 or newer is needed and {sys.executable} is {version}. Install a newer one "
        "(Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python) "
        "or name the one you have: make PYTHON=/path/to/python3.12 ..."
    )


def starts(name: str) -> bool:
    """Tell whether this program is on PATH and works; version switchers keep names there that do not."""
    try:
        return subprocess.call([name, "-c", ""], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False
