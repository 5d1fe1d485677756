"""The Pulumi CLI with its Python language host: from PATH, from the official release, or built."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from toolchain import files, golang, release, stamp
from toolchain.layout import Layout
from toolchain.process import say

CLI = "pulumi"
CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LANGUAGE_HOST = "pulumi-language-python"
SDK = "github.com/pulumi/pulumi/sdk/v3"
SDK_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
"""What runs a Python program and its dynamic resources; files of the SDK's Go module."""


def ensure(layout: Layout, environ: Mapping[str, str]) -> None:
    """Make a Pulumi CLI and its Python language host available, unless they are.

    Raises ToolchainError if they can be neither found, downloaded nor built.
    """
    if not installed(layout, CLI) and not found_on_path(layout, environ):
        if release.install(layout, layout.cli_version):
            remember(layout, LANGUAGE_HOST)
        else:
            build_cli(layout, environ)
        remember(layout, CLI)
    if not installed(layout, LANGUAGE_HOST) and not language_host_on_path(layout, environ):
        build_language_host(layout, environ)
        remember(layout, LANGUAGE_HOST)
    golang.clean(layout)


def installed(layout: Layout, name: str) -> bool:
    """Tell whether the checkout has this program, whole and of this version."""
    return (layout.bin / name).exists() and stamp.matches(layout.stamps / name, _identity(layout))


def remember(layout: Layout, name: str) -> None:
    """Note that the checkout has this program."""
    files.place_text(layout.stamps / name, _identity(layout))


def build_cli(layout: Layout, environ: Mapping[str, str]) -> None:
    """Build the CLI."""
    say(f"Pulumi CLI {layout.cli_version}, built from its Go module (about 5 minutes on two cores, once)")
    program = golang.Program(layout.go_modules / "cli", CLI_PACKAGE, layout.cli_version)
    golang.find(layout, environ).build(program, layout.bin)


def build_language_host(layout: Layout, environ: Mapping[str, str]) -> None:
    """Build the language host, and put beside it the scripts that it starts."""
    say("Pulumi's Python language host, built from its Go module (about 20 seconds)")
    go = golang.find(layout, environ)
    package = f"{SDK}/python/cmd/{LANGUAGE_HOST}"
    go.build(golang.Program(layout.go_modules / "language-host", package, layout.cli_version), layout.bin)
    sdk = go.module_directory(golang.Program(layout.go_modules / "cli", CLI_PACKAGE, layout.cli_version), SDK)
    for script in SDK_SCRIPTS:
        with (sdk / script).open("rb") as content:
            files.place(layout.bin / Path(script).name, content, files.EXECUTABLE)


def found_on_path(layout: Layout, environ: Mapping[str, str]) -> bool:
    """Tell whether the user's own Pulumi CLI is there and new enough; each one is asked only once."""
    executable = _which(CLI, layout, environ)
    if executable is None:
        return False
    status = executable.stat()
    identity = f"{executable} {status.st_mtime_ns} {status.st_size}, {layout.cli_version} is needed\n"
    known = layout.stamps / "pulumi-on-path"
    if stamp.matches(known, identity):
        return True
    version = version_of(executable)
    if _numbers(version) < _numbers(layout.cli_version):
        say(f"{executable} is Pulumi {version or 'of no known version'}, older than {layout.cli_version}: not used")
        return False
    files.place_text(known, identity)
    return True


def version_of(executable: Path) -> str:
    """Tell the version of a Pulumi CLI, such as `3.259.0`; nothing if it does not say."""
    result = subprocess.run([executable, "version"], capture_output=True, text=True, check=False, timeout=60)
    match = re.match(r"v(\d+\.\d+\.\d+)", result.stdout)
    return match[1] if match else ""


def language_host_on_path(layout: Layout, environ: Mapping[str, str]) -> bool:
    """Tell whether the user's own Pulumi CLI is used and has its language host beside it or on PATH."""
    executable = _which(CLI, layout, environ)
    if executable is None or installed(layout, CLI):
        return False
    beside = executable.parent / LANGUAGE_HOST
    return beside.exists() or _which(LANGUAGE_HOST, layout, environ) is not None


def _which(name: str, layout: Layout, environ: Mapping[str, str]) -> Path | None:
    """Find a program on PATH that is not the checkout's own."""
    parts = environ.get("PATH", os.defpath).split(os.pathsep)
    found = shutil.which(name, path=os.pathsep.join(part for part in parts if Path(part) != layout.bin))
    return Path(found).resolve() if found else None


def _identity(layout: Layout) -> str:
    return f"{layout.cli_version} {platform.system()} {platform.machine()}\n"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
