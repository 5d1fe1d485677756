"""The file tree that every test host starts from, and the way it gets its packages.

It is Debian 12, or the release named in $TEST_HOST_RELEASE: bookworm, trixie (13), jammy (Ubuntu 22.04), noble (24.04).
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.hosts.testbed import HostError, run_tool

_OURS = "bookworm"
RELEASE = os.environ.get("TEST_HOST_RELEASE", _OURS)
_UBUNTU = ("jammy", "noble")
_UBUNTU_ARCHIVE = "http://archive.ubuntu.com/ubuntu"
_COMPONENTS = "main universe" if RELEASE in _UBUNTU else "main"
_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "ca-certificates",
    "iproute2",
    "python3",
    "python3-venv",
)
# Identities (host keys, machine id) belong to a host and not to the tree that all hosts share.
_CUSTOMIZE = """
useradd --create-home --shell /bin/bash --uid 1000 ops
install -d -m 700 -o ops -g ops /home/ops/.ssh
echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
chmod 440 /etc/sudoers.d/ops
chmod 644 /etc/hostname /etc/resolv.conf
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
systemctl enable systemd-networkd.service
apt-get update --quiet
apt-get clean
"""
_CACHE = Path(__file__).parents[2] / ".local" / "test-cache" / RELEASE
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_INDEX_VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "UV_DEFAULT_INDEX",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


def debian_tree() -> Path:
    """Return the root of the shared tree, building it on first use (about 50 to 100 s, 275 MB).

    The tree is named after a hash of its recipe, so a changed recipe builds a new one. It appears
    by a rename, so it is either whole or absent.

    Raises:
        HostError: debootstrap failed; the message ends with its last lines.

    """
    recipe = hashlib.sha256(json.dumps([RELEASE, _PACKAGES, _CUSTOMIZE]).encode()).hexdigest()
    tree = _CACHE / recipe[:16]
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            _remove_trees()
            _build(_CACHE / "unfinished").rename(tree)
    return tree


def package_settings() -> dict[str, str]:
    """Return the files, by path, that let a host use the package sources this machine uses.

    They are apt's sources and transport options, pip's configuration, the certificate
    authorities and, for everything that reads them from there, /etc/environment.
    """
    files = {
        **_apt_settings(),
        "/etc/environment": "".join(f'{key}="{value}"\n' for key, value in package_environment().items()),
        str(_CA_BUNDLE): Path(os.environ.get("SSL_CERT_FILE", _CA_BUNDLE)).read_text(),
    }
    own_files = [Path("/etc/pip.conf"), *Path("/usr/local/share/ca-certificates").glob("*.crt")]
    return files | {str(path): path.read_text() for path in own_files if path.exists()}


def package_environment() -> dict[str, str]:
    """Return the environment variables with which pip and other clients reach their index."""
    trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"), str(_CA_BUNDLE))
    return trust | {key: os.environ[key] for key in _INDEX_VARIABLES if key in os.environ}


def _build(tree: Path) -> Path:
    mirror = next(uri for uri, suite in _apt_sources() if suite == RELEASE)
    options = ["--variant=minbase", f"--include={','.join(_PACKAGES)}", f"--components={','.join(_COMPONENTS.split())}"]
    # what Debian's debootstrap knows by name ends with the Ubuntu of its own time; all are set up alike
    script = ["jammy"] if RELEASE in _UBUNTU else []
    _isolated("debootstrap", *options, RELEASE, str(tree), mirror, *script)
    for path, content in _apt_settings().items():
        tree.joinpath(path.lstrip("/")).write_text(content)
    _isolated("chroot", str(tree), "bash", "-euc", _CUSTOMIZE)
    return tree


def _isolated(*command: str) -> None:
    """Run a command in namespaces of its own: what it mounts or leaves running ends with it."""
    result = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    if result.returncode:
        last_lines = "\n".join((result.stdout + result.stderr).splitlines()[-20:])
        raise HostError(f"`{command[0]}` could not build the Debian tree:\n{last_lines}")


def _remove_trees() -> None:
    for path in _CACHE.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def _apt_sources() -> list[tuple[str, str]]:
    """Return (URI, suite) of each apt source of the release; Debian's are where this machine has those of its own."""
    if RELEASE in _UBUNTU:
        return [(_UBUNTU_ARCHIVE, f"{RELEASE}{part}") for part in ("", "-security", "-updates")]
    targets = run_tool("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)")
    sources = {tuple(line.split()) for line in targets.splitlines()}
    found = sorted((uri, suite) for uri, suite in sources if suite.split("-")[0] == _OURS)
    if not any(suite == _OURS for _, suite in found):
        raise HostError(
            f"This machine's apt has no index of Debian {_OURS}, so no test host can be built. "
            f"Add {_OURS} under /etc/apt/sources.list.d if it is not there, then run: apt-get update"
        )
    return [(uri, suite.replace(_OURS, RELEASE)) for uri, suite in found]


def _apt_settings() -> dict[str, str]:
    return {
        "/etc/apt/sources.list": "".join(f"deb {uri} {suite} {_COMPONENTS}\n" for uri, suite in _apt_sources()),
        "/etc/apt/apt.conf.d/90transport": _apt_transport(),
    }


def _apt_transport() -> str:
    options = run_tool("apt-config", "dump", "--no-empty", "Acquire").splitlines()
    carried = re.compile(r"Acquire::(Check-|http|https|Languages|Retries)")
    return "".join(f"{option}\n" for option in options if carried.match(option))
