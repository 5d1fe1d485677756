"""The commands of the toolchain, as the Makefile calls them."""

import argparse
import os
import platform
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain import environment, errors, pulumi_cli, pulumi_plugins, stamp, virtualenv
from toolchain.errors import ToolchainError
from toolchain.layout import Layout
from toolchain.process import say

REBUILDABLE = ("venv", "venv-test", "bin", "stamps", "go", "go-toolchain", "tmp", "logs", "pulumi/plugins")
"""What `clean` removes from `.local`: never state, passphrase or data."""
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status. An expected error is told in one line."""
    options = parser().parse_args(arguments)
    layout = Layout(Path(__file__).resolve().parent.parent)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(options, layout)
    except ToolchainError as error:
        say(f"error: {error}")
    except OSError as error:
        say(f"error: {errors.of_the_system(error, layout.local)}")
    except KeyboardInterrupt:
        say("Interrupted. The same command goes on where it stopped.")
        return INTERRUPTED
    return 1


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    result = argparse.ArgumentParser(prog="python -m toolchain", description=__doc__)
    result.add_argument("--tests", action="store_true", help="with the libraries of tests and checks")
    commands = result.add_subparsers(dest="command", required=True)
    commands.add_parser("env", help="install what is missing and print the settings for a shell")
    commands.add_parser("clean", help="remove what can be installed again; keeps state, passphrase and data")
    program = commands.add_parser("run", help="install what is missing and run a program with it")
    program.add_argument("program")
    program.add_argument("arguments", nargs=argparse.REMAINDER)
    return result


def run(options: argparse.Namespace, layout: Layout) -> int:
    """Run the command that was parsed."""
    if options.command == "clean":
        return clean(layout)
    check_machine(layout)
    environ = dict(os.environ)
    venv = layout.test_venv if options.tests else layout.venv
    tools = (layout.bin, venv / "bin")
    path = environ.get("PATH", os.defpath)
    added = set_up(layout, environ | {"PATH": environment.with_first(path, *tools)}, tests=options.tests)
    if options.command == "run":
        os.environ.update(added, PATH=environment.with_first(path, *tools))
        os.execvp(options.program, [options.program, *options.arguments])  # noqa: S606 - replaces this process
    sys.stdout.write(environment.exports(added, path, *tools))
    return 0


def set_up(layout: Layout, environ: Mapping[str, str], *, tests: bool) -> dict[str, str]:
    """Install what is missing; returns the settings to use it with.

    Raises ToolchainError with the remedy for what cannot be installed.
    """
    with stamp.only_one(layout.local / "lock"):
        shutil.rmtree(layout.temporary, ignore_errors=True)
        layout.temporary.mkdir()
        virtualenv.ensure(layout, layout.venv, layout.program_requirements, environ)
        if tests:
            locks = [layout.requirements, layout.azure_requirements, layout.test_requirements]
            virtualenv.ensure(layout, layout.test_venv, locks, environ)
        pulumi_cli.ensure(layout, environ)
        added = environment.settings(layout, environ)
        environment.prepare(layout, added)
        settled = {**environ, **added}
        pulumi_plugins.ensure(layout, Path(settled["PULUMI_HOME"]), settled)
        return added


def check_machine(layout: Layout) -> None:
    """Refuse what cannot work.

    Raises ToolchainError on another system than Linux and macOS, or in a directory that PATH cannot name.
    """
    if platform.system() not in {"Linux", "Darwin"}:
        raise ToolchainError(f"{platform.system()} is not supported: use Linux, macOS, or WSL on Windows.")
    if os.pathsep in str(layout.root):
        raise ToolchainError(f"{layout.root} has a colon in its name, which PATH cannot hold: move the checkout.")


def clean(layout: Layout) -> int:
    """Remove everything that a set-up can make again."""
    with stamp.only_one(layout.local / "lock"):
        for name in REBUILDABLE:
            shutil.rmtree(layout.local / name, ignore_errors=True)
    say(f"Removed the tools from {layout.local}; state, passphrase and data are kept.")
    return 0
