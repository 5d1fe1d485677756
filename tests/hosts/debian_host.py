"""A Debian 12 host with systemd and sshd, booted as a systemd-nspawn container."""

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.hosts.debian_tree import package_environment, package_settings
from tests.hosts.testbed import HostError, Testbed, end_processes, run_tool
from tests.waiting import wait_until

# Runs in a mount namespace of its own, so that its mounts vanish with its last process.
# nspawn needs a /run/systemd that is a mount point; not every machine has one.
_BOOT = """
tree=$1 groups=$2
shift 2
for group in $groups; do echo $$ >"$group/cgroup.procs"; done
mount --bind "$tree" lower
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/systemd
exec systemd-nspawn --quiet --boot --directory="$PWD/root" --register=no --keep-unit \\
    --console=read-only --resolv-conf=off --link-journal=no "$@" -- --show-status=yes
"""
_NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
_ROOT_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Container:
    """The container under a host: a writable layer over the Debian tree, and one nspawn process."""

    def __init__(self, testbed: Testbed, tree: Path) -> None:
        number = next(n for n in range(2, 255) if not (testbed.directory / str(n)).exists())
        self.name = f"host-{testbed.number}-{number}"
        self.address = testbed.address(number)
        self.cable = f"vb-{self.name}"  # nspawn's name for our end of the network pair
        self._bridge = testbed.bridge
        self._tree = tree
        self._directory = testbed.directory / str(number)
        self._control_groups = [group / self.name for group in testbed.control_groups]
        self._process: subprocess.Popen[bytes] | None = None
        for layer in ("lower", "upper", "work", "root"):
            (self._directory / layer).mkdir(parents=True)
        self._adopt_permissions(Path("/"))

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Put a file onto the disk of a host that is off; it belongs to its directory's owner."""
        file = self._directory / "upper" / path.lstrip("/")
        for parent in reversed(Path(path).parents):
            self._adopt_permissions(parent)
        file.write_text(content)
        file.chmod(mode)
        owner = file.parent.stat()
        os.chown(file, owner.st_uid, owner.st_gid)

    def start(self) -> None:
        """Start to boot; `wait_until_running` tells when it is done."""
        for group in self._control_groups:
            group.mkdir(parents=True, exist_ok=True)
        groups = " ".join(map(str, self._control_groups))
        identity = [f"--machine={self.name}", f"--hostname={self.name}", f"--network-bridge={self._bridge}"]
        # as on a machine of its own: containers of Docker need them
        keyrings = "--system-call-filter=@keyring bpf"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "bash", "-euc", _BOOT, "boot", str(self._tree), groups, *identity, keyrings],
                cwd=self._directory,
                # As on an installed Debian 12: control groups v2 only.
                env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "TERM": "dumb"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which then ends the host
            )

    def kill(self) -> None:
        """End every process of the host at once. The disk stays."""
        end_processes(self._control_groups)
        if self._process is not None:
            self._process.wait(timeout=30)
        # data that was never acknowledged keeps the host's network alive for minutes; else the cable is gone by itself
        subprocess.run(["ip", "link", "delete", self.cable], check=False, capture_output=True)
        wait_until(lambda: not Path("/sys/class/net", self.cable).exists(), f"{self.cable} to disappear")

    def remove(self) -> None:
        """End every process of the host and delete its disk."""
        self.kill()
        shutil.rmtree(self._directory)

    def init(self) -> int:
        """Return the process id, on this machine, of the host's systemd.

        Raises:
            HostError: the host is off, or has not come as far as systemd.

        """
        for group in self._control_groups:
            processes = group / "payload" / "init.scope" / "cgroup.procs"
            for pid in processes.read_text().split() if processes.exists() else []:
                status = Path("/proc", pid, "status")
                if status.exists() and "\t1\n" in status.read_text().partition("NSpid:")[2]:
                    return int(pid)
        raise HostError(f"{self.name} is not running. {self.boot_log()}")

    def is_over(self) -> bool:
        """Tell whether the container has ended, by itself or by `kill`."""
        return self._process is None or self._process.poll() is not None

    def boot_log(self) -> str:
        """Return the last lines of the console, with a heading, for error messages."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        lines = [line for line in text.splitlines() if line]
        return "\n".join(["Its console ends with:", *lines[-20:]])

    @property
    def _log(self) -> Path:
        return self._directory / "console.log"

    def _adopt_permissions(self, directory: Path) -> None:
        """Make a directory in the writable layer like the one in the tree that it will cover."""
        below = self._tree / directory.relative_to("/")
        above = self._directory / "upper" / directory.relative_to("/")
        above.mkdir(exist_ok=True)
        origin = below.stat()
        above.chmod(origin.st_mode)
        os.chown(above, origin.st_uid, origin.st_gid)


@dataclass(frozen=True)
class DebianHost:
    """A running host: how a client reaches it, and what a test may see and do behind its back."""

    name: str
    address: str
    private_key: str = field(repr=False)
    """Of `user`, in OpenSSH's PEM."""
    host_key: str
    """To pin: `ssh-ed25519 AAAA...`."""
    container: Container = field(repr=False, compare=False)
    port: int = 22
    user: str = "ops"

    def run(self, command: str, *, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a bash command as root on the host, without SSH, for at most `timeout` seconds.

        Raises:
            HostError: the host is off or, with `check`, the command failed.
            subprocess.TimeoutExpired: it took too long and was killed.

        """
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        result = subprocess.run(
            ["nsenter", f"--target={self.container.init()}", *namespaces, "bash", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=_ROOT_ENVIRONMENT | package_environment(),
            check=False,
        )
        if check and result.returncode:
            output = (result.stdout + result.stderr).strip()
            raise HostError(f"`{command}` on {self.name} exited {result.returncode}:\n{output}")
        return result

    @property
    def root(self) -> Path:
        """The host's root directory, as this machine sees it while the host is up; beware of absolute links."""
        return Path("/proc", str(self.container.init()), "root")

    def write(self, path: str, content: str) -> None:
        """Write a file that everybody may read, and its directory if there is none."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def is_active(self, unit: str) -> bool:
        """Tell whether systemd calls the unit active."""
        return self.run(f"systemctl is-active --quiet '{unit}'", check=False).returncode == 0

    def permissions(self, path: str) -> str:
        """Return mode, owner and group of a file, as in `640 root postgres`."""
        return self.run(f"stat --format='%a %U %G' '{path}'").stdout.strip()

    def cut_network(self) -> None:
        """Unplug the host's only network cable."""
        run_tool("ip", "link", "set", self.container.cable, "down")

    def restore_network(self) -> None:
        """Plug the cable in again."""
        run_tool("ip", "link", "set", self.container.cable, "up")

    def kill(self) -> None:
        """Take the power away: every process ends at once. What was written stays, synced or not."""
        self.container.kill()

    def start(self) -> None:
        """Give the power back after `kill`, and wait until the host is up."""
        self.container.start()
        self.wait_until_running()

    def reboot(self) -> None:
        """Let systemd stop every unit in order, then boot again and wait until the host is up."""
        self.run("systemctl reboot", check=False)  # may itself be stopped before it returns
        # nspawn leaves a reboot to whoever started it: the container just ends.
        wait_until(self.container.is_over, f"{self.name} to shut down", within=120.0)
        self.kill()
        self.start()

    def wait_until_running(self, *, within: float = 60.0) -> None:
        """Return when systemd has started every unit and sshd answers, at most `within` seconds later.

        Raises:
            HostError: it took longer, the host went off, or a unit failed; the message tells which.

        """
        try:
            wait_until(self._is_running, f"{self.name} to boot", within=within)
        except (HostError, TimeoutError) as error:
            raise HostError(f"{error} {self.container.boot_log()}") from error

    def _is_running(self) -> bool:
        if self.container.is_over():
            raise HostError(f"{self.name} ended while it booted.")
        try:
            state = self.run("systemctl is-system-running", check=False).stdout.strip()
        except HostError:
            return False  # systemd itself has not started yet
        if state == "degraded":
            raise HostError(f"Units of {self.name} failed:\n{self.run('systemctl --failed').stdout}")
        return state == "running" and self._ssh_answers()

    def _ssh_answers(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


BootHosts = Callable[[int], list[DebianHost]]
"""Boots that many hosts side by side and returns them when all are up."""


@contextmanager
def booted_hosts(testbed: Testbed, tree: Path) -> Iterator[BootHosts]:
    """Give a function that boots hosts, which all accept one key; remove them when the block ends."""
    key = Ed25519PrivateKey.generate()
    with ExitStack() as running:

        def boot(count: int) -> list[DebianHost]:
            hosts = []
            for _ in range(count):
                container = Container(testbed, tree)
                running.callback(container.remove)
                hosts.append(_installed(container, key, gateway=testbed.address(1)))
                container.start()
            for host in hosts:
                host.wait_until_running()
            return hosts

        yield boot


def _installed(container: Container, client_key: Ed25519PrivateKey, gateway: str) -> DebianHost:
    """Give the container what tells it from all others: names, address, identity and keys."""
    host_key = Ed25519PrivateKey.generate()
    network = _NETWORK.format(address=container.address, gateway=gateway)
    container.write("/etc/hostname", f"{container.name}\n")
    container.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {container.name}\n")
    container.write("/etc/machine-id", f"{uuid.uuid4().hex}\n", mode=0o444)
    container.write("/etc/resolv.conf", _resolv_conf())
    container.write("/etc/systemd/network/10-host0.network", network)
    container.write("/etc/ssh/ssh_host_ed25519_key", _private_pem(host_key), mode=0o600)
    container.write("/etc/ssh/ssh_host_ed25519_key.pub", _public_line(host_key))
    container.write("/home/ops/.ssh/authorized_keys", _public_line(client_key), mode=0o600)
    for path, content in package_settings().items():
        container.write(path, content)
    return DebianHost(
        name=container.name,
        address=container.address,
        private_key=_private_pem(client_key),
        host_key=_public_line(host_key).strip(),
        container=container,
    )


def new_key_pair() -> tuple[str, str]:
    """Return a private key in OpenSSH's PEM and its public key as a line of `authorized_keys`."""
    key = Ed25519PrivateKey.generate()
    return _private_pem(key), _public_line(key).strip()


def _resolv_conf() -> str:
    # systemd-resolved's list of real servers: its stub on 127.0.0.53 is out of a container's reach.
    resolved = Path("/run/systemd/resolve/resolv.conf")
    return (resolved if resolved.exists() else Path("/etc/resolv.conf")).read_text()


def _private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()


def _public_line(key: Ed25519PrivateKey) -> str:
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH,
        serialization.PublicFormat.OpenSSH,
    )
    return f"{line.decode()}\n"
