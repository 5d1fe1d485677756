"""Where on a host a secret could be seen by somebody it is not for, and which of its ports answer."""

import asyncio
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.e2e.deployment import Deployment
from tests.hosts import port_scan
from tests.hosts.debian_host import DebianHost

WRITTEN = ("etc", "home", "opt", "root", "run", "srv", "tmp", "usr/local", "var")
"""Directories in which an administrator, or Pulumi, writes."""
INSTALLED = ("opt/prefect/prefect-3", "var/lib/apt", "var/lib/dpkg", "var/cache/apt")
"""What comes from package indexes as it is."""
NAMESPACES = "run/docker/netns"
"""Where Docker gives network namespaces names, which look like files and cannot be read."""
HISTORIES = (".bash_history", ".psql_history", ".python_history", ".lesshst", ".viminfo")


def exposed_in_files(deployment: Deployment, host: DebianHost) -> dict[str, set[str]]:
    """Return the keys of the secrets in each file that everybody may read, or that is a shell's history."""
    return _holding(deployment, (path for path in _files(host) if _is_public(host, path)))


def guarded_in_files(deployment: Deployment, host: DebianHost) -> dict[str, set[str]]:
    """Return the keys of the secrets in each file of the configuration that not everybody may read."""
    configuration = host.root / "etc" / "prefect"
    files = (path for path in configuration.rglob("*") if path.is_file())
    return _holding(deployment, (path for path in files if not _is_public(host, path)))


def exposed_by_systemd(deployment: Deployment, host: DebianHost) -> set[str]:
    """Return the keys of the secrets in the journal, in unit files, or in what systemd tells anybody of units."""
    # some units have no file, which `cat` takes for a failure
    commands = "journalctl --no-pager --output=export --all; systemctl cat '*' || true; systemctl show --all '*'"
    told = host.run(commands).stdout
    assert "prefect-" in told, "systemd told nothing of Prefect"
    return deployment.shown_secrets(told)


def exposed_in_state(deployment: Deployment) -> dict[str, set[str]]:
    """Return the keys of the secrets in each file of the stack's state and configuration, which hold them encrypted."""
    layout = deployment.layout
    return _holding(deployment, (*layout.state.rglob("*"), *layout.root.glob("Pulumi.*.yaml")))


def listening(host: DebianHost) -> set[int]:
    """Return the TCP ports that somebody listens on, at whichever address."""
    sockets = host.run("ss --no-header --listening --tcp --numeric").stdout.splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in sockets}


def answering(host: DebianHost) -> set[int]:
    """Return the TCP ports that answer this machine, of all small ones and those that somebody listens on."""
    return asyncio.run(port_scan.answering(host.address, sorted({*range(1, 1024), *listening(host)})))


def _holding(deployment: Deployment, paths: Iterable[Path]) -> dict[str, set[str]]:
    shown = {str(path): deployment.shown_secrets(_text(path)) for path in paths if path.is_file()}
    return {name: keys for name, keys in shown.items() if keys}


def _text(path: Path) -> str:
    with suppress(FileNotFoundError):  # gone meanwhile
        return path.read_bytes().decode(errors="ignore")
    return ""


def _files(host: DebianHost) -> Iterator[Path]:
    root = host.root
    for directory in WRITTEN:
        for path in (root / directory).rglob("*"):
            name = str(path.relative_to(root))
            if not name.startswith((*INSTALLED, NAMESPACES)) and not path.is_symlink() and path.is_file():
                yield path


def _is_public(host: DebianHost, path: Path) -> bool:
    if path.name in HISTORIES:
        return True
    with suppress(FileNotFoundError):
        return bool(path.stat().st_mode & stat.S_IROTH) and all(
            parent.stat().st_mode & stat.S_IXOTH for parent in path.parents if parent.is_relative_to(host.root)
        )
    return False
