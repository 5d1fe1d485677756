"""An old Python hands over to a newer one, or says which is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toolchain.checkout import SOURCE, Stub


def hand_over(programs: Path) -> subprocess.CompletedProcess[str]:
    script = "from toolchain.interpreter import hand_over; hand_over(['env'])"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=SOURCE,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_newest_python_that_works_takes_over(programs: Path, stub: Stub) -> None:
    stub("python3.13", "exit 127")
    stub("python3.12", 'echo "3.12 $*"')
    stub("python3.10", 'echo "3.10 $*"')
    assert hand_over(programs).stdout.splitlines()[-1] == "3.12 -m toolchain env"


def test_without_a_newer_python_the_remedy_is_told_in_one_line(programs: Path) -> None:
    result = hand_over(programs)
    assert result.returncode == 1
    assert result.stderr.startswith("error: Python 3.10 or newer is needed")
    assert "make PYTHON=" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "interpreter.py"])
def test_python_3_6_can_read_what_it_meets(name: str) -> None:
    ast.parse((SOURCE / "toolchain" / name).read_text(), feature_version=(3, 6))
