"""Pulumi's plugins: the user's, the official ones, or the project's stand-ins where neither can be had."""

import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from toolchain import files, release
from toolchain.errors import ToolchainError
from toolchain.layout import Layout
from toolchain.process import ProgramError, run, say

PLUGINS = ("command", "postgresql")
SOURCES = ("https://get.pulumi.com/releases/plugins", "https://github.com/pulumi")
OWN_SOURCE = "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES"
"""The variable with which an estate names its own source of plugins."""
DOWNLOAD_LIMIT = 300.0
"""Seconds in which the official plugin has to arrive once a source has answered."""
START_LIMIT = 30.0
"""Seconds in which a stand-in has to tell its port."""


def ensure(layout: Layout, home: Path, environ: Mapping[str, str]) -> None:
    """Make every plugin available in the Pulumi home directory `home`, unless it is.

    Raises ToolchainError if a stand-in does not start.
    """
    missing = [name for name in PLUGINS if not available(layout, home, name, environ)]
    if missing and (OWN_SOURCE in environ or release.answers(SOURCES, release.trusted(layout))):
        missing = [name for name in missing if not download(layout, home, name, environ)]
    for name in missing:
        check_start(layout, name)
        files.place_text(executable_of(layout, home, name), stand_in(layout, name), files.EXECUTABLE)
    if missing:
        say(
            f"Pulumi plugins {' and '.join(missing)} cannot be downloaded here: stand-ins of this project take "
            f"their place (to look for them again: rm -r {shlex.quote(str(home / 'plugins'))})"
        )


def check_azure(layout: Layout, home: Path, environ: Mapping[str, str]) -> None:
    """Leave it to Pulumi to fetch the plugin for Azure, which is large and has no stand-in.

    Raises ToolchainError where Pulumi cannot, with how to bring the plugin there.
    """
    program, version = "pulumi-resource-azure-native", layout.azure_version
    plugin = home / "plugins" / f"resource-azure-native-v{version}" / program
    if plugin.exists() or shutil.which(program, path=environ.get("PATH")) or OWN_SOURCE in environ:
        return
    if release.answers(SOURCES, release.trusted(layout)):
        return
    archive = f"{program}-v{version}-{release.system().replace('x64', 'amd64')}.tar.gz"
    raise ToolchainError(
        f"a stack with `azure` needs Pulumi's plugin azure-native {version}, which is not here, and its sources are "
        f"not reached. Download {SOURCES[0]}/{archive} where they are, bring it here, and: "
        f'eval "$(make -s env)"; pulumi plugin install resource azure-native {version} --file {archive}'
    )


def executable_of(layout: Layout, home: Path, name: str) -> Path:
    """Tell where Pulumi looks for a plugin."""
    version = layout.library_version(f"pulumi-{name}")
    return home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def available(layout: Layout, home: Path, name: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a plugin is installed or on PATH; a stand-in of another checkout does not count."""
    if shutil.which(f"pulumi-resource-{name}", path=environ.get("PATH")):
        return True
    plugin = executable_of(layout, home, name)
    if not plugin.exists():
        return False
    ours = stand_in(layout, name).encode()
    with plugin.open("rb") as file:
        start = file.read(len(ours) + 1)
    return start == ours or not start.startswith(STAND_IN_HEAD.encode())


def download(layout: Layout, home: Path, name: str, environ: Mapping[str, str]) -> bool:
    """Let Pulumi install the official plugin; False if it cannot be had."""
    version = layout.library_version(f"pulumi-{name}")
    say(f"Pulumi plugin {name} {version}, official release (about 20 seconds)")
    log = layout.logs / f"plugin-{name}.log"
    command = ["pulumi", "plugin", "install", "resource", name, version]
    try:
        run(command, log=log, env={**environ, "PULUMI_HOME": str(home)}, timeout=DOWNLOAD_LIMIT)
    except ProgramError:
        say(f"  not downloaded (details: {log})")
    return executable_of(layout, home, name).exists()


STAND_IN_HEAD = "#!/bin/sh\n# A stand-in for the official plugin, made by the toolchain of the checkout below.\n"


def stand_in(layout: Layout, name: str) -> str:
    """Write the script that starts the project's own plugin of this name."""
    return (
        f"{STAND_IN_HEAD}"
        f"PYTHONPATH={shlex.quote(str(layout.root))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f'exec {shlex.quote(str(layout.venv / "bin" / "python"))} -m toolchain.plugins {name} "$@"\n'
    )


def check_start(layout: Layout, name: str) -> None:
    """Start a stand-in as Pulumi does and wait for the port that it tells.

    Raises ToolchainError if there is none.
    """
    script = layout.temporary / f"pulumi-resource-{name}"
    log = layout.logs / f"stand-in-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    files.place_text(script, stand_in(layout, name), files.EXECUTABLE)
    with (
        log.open("wb") as errors,
        subprocess.Popen([script, "127.0.0.1:1"], stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        limit = threading.Timer(START_LIMIT, process.kill)
        limit.start()
        told = process.stdout.readline() if process.stdout else b""
        limit.cancel()
        process.kill()
    if not told.strip().isdigit():
        raise ToolchainError(f"the stand-in of the plugin {name} does not start. (Details: {log})")
