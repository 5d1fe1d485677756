"""Runs the tests of the resources against other versions of Prefect than the locked one, each as it was when released.

Run it in the tests' environment: `python -m tests.prefect_api.versions VERSION@DATE...`, e.g. `3.4.25@2025-12-01`,
where the date, a day after the release, keeps out libraries that came later. Prints a line for each version.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.prefect_runtime import PYTHON_OF_ANOTHER_PREFECT
from toolchain.process import say

TESTS = ("tests/prefect_api/test_lifecycles.py", "tests/prefect_api/test_prefect_objects.py")
MOST_TOLD = 10
"""Lines on the failures of one version."""


def main(arguments: Sequence[str]) -> int:
    """Install and test each version; returns the exit status."""
    failed = 0
    for argument in arguments:
        version, _, date = argument.partition("@")
        with tempfile.TemporaryDirectory() as place:
            python = install(version, date, Path(place) / "environment")
            command = [sys.executable, "-m", "pytest", "-q", "--tb=line", *TESTS]
            environment = {**os.environ, PYTHON_OF_ANOTHER_PREFECT: str(python)}
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        failed += ended.returncode != 0
        say(f"Prefect {version}: {ended.stdout.splitlines()[-1]}")
        bad = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "E  "))]
        for line in bad[:MOST_TOLD]:
            say(f"  {line}")
    return int(failed > 0)


def install(version: str, date: str, environment: Path) -> Path:
    """Make an environment with a version of Prefect and what there was for it on that day; return its Python."""
    uv = [sys.executable, "-m", "uv"]
    python = environment / "bin" / "python"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    newest = ["--exclude-newer", date] if date else []
    command = [*uv, "pip", "install", "--quiet", "--python", str(python), *newest, f"prefect=={version}"]
    subprocess.run(command, check=True)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
