"""A clone of this checkout with tools already in it, so that a test can run `make` as its owner would."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from toolchain import files, pulumi_plugins, virtualenv
from toolchain.layout import Layout

SOURCE = Path(__file__).resolve().parents[2]
PIP_CACHE = SOURCE / ".local" / "test-cache" / "pip"
FOREIGN = ("PULUMI_", "PREFECT_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHON", "PYTEST_", "XDG_")
"""What names in the environment of the test run begin with that would reach into a clone."""


def make_clone(root: Path, *, libraries: bool = True) -> Layout:
    """Copy the files that Git tracks or would track, as they are now, and the tools of this checkout.

    Without `libraries` the clone's first `make` installs the Python libraries itself.
    """
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=SOURCE, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (SOURCE / name).is_file():  # a deleted file is tracked until that is committed
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, root / name)
    ours, theirs = Layout(SOURCE), Layout(root)
    for directory in ("bin", "stamps"):
        if (ours.local / directory).exists():
            shutil.copytree(ours.local / directory, theirs.local / directory, symlinks=True)
    if libraries:
        shutil.copytree(ours.venv, theirs.venv, symlinks=True, copy_function=link_or_copy)
        files.place_text(theirs.venv / "installed", virtualenv.contents(theirs.venv, [theirs.requirements]))
    for name in pulumi_plugins.PLUGINS:
        _place_plugin(ours, theirs, name)
    return theirs


def clean_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment of somebody with an empty home, who uses the same package mirrors and proxies."""
    kept = {name: value for name, value in environ.items() if not name.startswith(FOREIGN)}
    ours = Layout(SOURCE)
    tools = {str(ours.bin), str(ours.venv / "bin"), str(ours.test_venv / "bin")}
    path = [part for part in environ.get("PATH", os.defpath).split(os.pathsep) if part not in tools]
    return {**kept, "HOME": str(home), "PATH": os.pathsep.join(path), "PIP_CACHE_DIR": str(PIP_CACHE)}


def missing_tools() -> str | None:
    """Tell why a clone would lack tools and build them for minutes; None if it would not."""
    ours = Layout(SOURCE)
    if not (ours.venv / "installed").exists():
        return "the toolchain is not installed: run these tests by `make test`"
    home = Path(os.environ.get("PULUMI_HOME") or ours.pulumi_home)
    for name in pulumi_plugins.PLUGINS:
        if not pulumi_plugins.available(ours, home, name, os.environ):
            return f"the Pulumi plugin {name} is not installed: run these tests by `make test`"
    return None


def _place_plugin(ours: Layout, theirs: Layout, name: str) -> None:
    """Give the clone the real plugin, if that is what there is, else a stand-in of its own."""
    home = Path(os.environ.get("PULUMI_HOME") or ours.pulumi_home)
    source = pulumi_plugins.executable_of(ours, home, name)
    target = pulumi_plugins.executable_of(theirs, theirs.pulumi_home, name)
    if not source.exists():
        return  # on PATH
    if source.read_bytes().startswith(pulumi_plugins.STAND_IN_HEAD.encode()):
        files.place_text(target, pulumi_plugins.stand_in(theirs, name), files.EXECUTABLE)
    else:
        shutil.copytree(source.parent, target.parent)


def link_or_copy(source: str, target: str) -> str:
    """Give a file a second name, or copy it where that cannot be; for `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        return str(shutil.copy2(source, target))
    return target
