"""Go programs that only tests run, built once per checkout and version."""

import os
import tempfile
from pathlib import Path

from tests.settings.stack_file import CHECKOUT
from toolchain import golang
from toolchain.layout import Layout

CACHE = CHECKOUT / ".local" / "test-cache"


def built(program: golang.Program) -> Path:
    """Return the executable."""
    executable = CACHE / f"{program.name}-{program.version}"
    if not executable.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            golang.find(Layout(CHECKOUT), os.environ).build(program, Path(scratch))
            (Path(scratch) / program.name).rename(executable)
    return executable
