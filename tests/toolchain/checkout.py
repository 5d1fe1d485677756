"""A small checkout to set up, and programs that say what a test wants to hear."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from toolchain.files import place_text
from toolchain.layout import Layout

Environ = dict[str, str]
Stub = Callable[[str, str], Path]
"""Puts a shell script of this name and these lines among the programs of a test; returns its path."""

SOURCE = Path(__file__).resolve().parent.parent.parent
LOCK = "".join(
    f'pulumi-{name}==1.2.{digit} ; python_version < "3" --hash=sha256:{str(digit) * 64}\n'
    for digit, name in enumerate(["command", "postgresql"])
)
"""Names versions, and asks pip for nothing."""


def make_checkout(root: Path) -> Layout:
    """Copy the toolchain to `root`, with a lock that asks the index for nothing."""
    ignored = shutil.ignore_patterns("__pycache__", "plugins")
    shutil.copytree(SOURCE / "toolchain", root / "toolchain", ignore=ignored)
    shutil.copy(SOURCE / "Makefile", root)
    place_text(root / "Pulumi.yaml", "name: example\nruntime: python\n")
    place_text(root / "requirements.txt", LOCK)
    for place in ("tests", "components/azure"):
        place_text(root / place / "requirements.txt", LOCK)
    layout = Layout(root)
    layout.temporary.mkdir(parents=True)
    return layout


def put_program(directory: Path, name: str, script: str) -> Path:
    """Write a shell script that stands for a program."""
    place_text(directory / name, f"#!/bin/sh\n{script}\n", 0o755)
    return directory / name


def command(*arguments: str) -> list[str]:
    """Return the command line of the toolchain, to be run in a checkout."""
    return [sys.executable, "-m", "toolchain", *arguments]


def call(layout: Layout, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a checkout to its end."""
    return subprocess.run(
        arguments,
        cwd=layout.root,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def names(directory: Path) -> set[str]:
    """Return what is in a directory."""
    return {path.name for path in directory.iterdir()} if directory.exists() else set()
