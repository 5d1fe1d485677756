"""One test session's share of the machine: a subnet, a directory and control groups.

Everything is named after the session's number, so parallel sessions stay apart and whoever
finds the number of a dead session can remove all that it left.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until

_STATE = Path("/var/lib/prefect-selfhost-test-hosts")
_LOCK = Path("/run/lock/prefect-selfhost-test-hosts.lock")
_IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_PROGRAMS = ("debootstrap", "systemd-nspawn", "nft", "ip", "nsenter", "unshare", "apt-get")
_PACKAGES = "debootstrap systemd-container nftables iproute2 util-linux"


class HostError(RuntimeError):
    """A test host, or the machine under it, is not in the state that the tests need."""


@dataclass(frozen=True)
class Testbed:
    """What the session with this number (1 to 254) owns on the machine."""

    __test__ = False  # not a test class, whatever its name suggests to pytest

    number: int

    @property
    def directory(self) -> Path:
        """Where the session keeps the files of its hosts."""
        return _STATE / str(self.number)

    @property
    def bridge(self) -> str:
        """Network interface that joins the session's hosts; it has address 1 of the subnet."""
        return f"hosts-{self.number}"

    def address(self, host: int) -> str:
        """Return the IPv4 address of a host in the session's 10.77.NUMBER.0/24."""
        return f"10.77.{self.number}.{host}"

    @property
    def control_groups(self) -> list[Path]:
        """The session's control group, once per hierarchy that systemd uses."""
        return [root / f"prefect-selfhost-hosts-{self.number}" for root in _hierarchies()]

    def is_free(self) -> bool:
        """Tell whether no session and no network of the machine has this number."""
        return not self.directory.exists() and not run_tool(
            "ip", "-4", "route", "show", "table", "all", "root", f"{self.address(0)}/24"
        )

    def set_up(self) -> None:
        """Make the bridge, and translate the subnet's addresses on their way out."""
        run_tool("ip", "link", "add", self.bridge, "type", "bridge")
        run_tool("ip", "address", "add", f"{self.address(1)}/24", "dev", self.bridge)
        run_tool("ip", "link", "set", self.bridge, "up")
        run_tool("nft", f"add table ip {self.table}")
        chain = f"ip {self.table} postrouting"
        outward = f'ip saddr {self.address(0)}/24 oifname != "{self.bridge}"'
        run_tool("nft", f"add chain {chain} {{ type nat hook postrouting priority srcnat; }}")
        run_tool("nft", f"add rule {chain} {outward} masquerade")

    def tear_down(self) -> None:
        """Remove everything that bears the session's number; what is absent already is fine."""
        end_processes(self.control_groups)
        run_tool("nft", f"add table ip {self.table}; delete table ip {self.table}")
        if Path("/sys/class/net", self.bridge).exists():
            run_tool("ip", "link", "delete", self.bridge)
        shutil.rmtree(self.directory)

    @property
    def table(self) -> str:
        return f"prefect_selfhost_hosts_{self.number}"


@contextmanager
def open_testbed() -> Iterator[Testbed]:
    """Claim a free number for the time of a `with` block; first remove what dead sessions left.

    The claim is a lock on the session's directory, which the kernel drops when the process ends.
    """
    with _machine_lock():
        _remove_leftovers()
        testbed = next(bed for bed in map(Testbed, range(1, 255)) if bed.is_free())
        testbed.directory.mkdir(mode=0o700, parents=True)
        claim = os.open(testbed.directory, os.O_RDONLY)
        fcntl.flock(claim, fcntl.LOCK_EX)
        _enable_forwarding()
    try:
        testbed.set_up()
        yield testbed
    finally:
        with _machine_lock():
            testbed.tear_down()
            _restore_forwarding_if_last()
        os.close(claim)


def missing_requirement() -> str | None:
    """Return why test hosts cannot run on this machine and what to do, or None if they can."""
    if sys.platform != "linux":
        return f"test hosts are systemd containers and need Linux; this is {sys.platform}"
    if os.geteuid() != 0:
        return "test hosts are systemd containers and need root; run the tests with sudo"
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not found on PATH; run: apt-get install --yes {_PACKAGES}"
    if not any((root / "cgroup.controllers").exists() for root in _hierarchies()):
        return "test hosts need control groups v2 (cgroup2), which this machine has not mounted"
    return None


def end_processes(control_groups: list[Path]) -> None:
    """Kill all that runs in the control groups, at once, and remove the groups."""
    groups = [group for group in control_groups if group.exists()]
    for switch in (group / "cgroup.kill" for group in groups):
        if switch.exists():  # only in hierarchies of v2; those of v1 hold the same processes
            switch.write_text("1")
            _wait_until_empty(switch.parent)
    for group in groups:
        for directory, _, _ in os.walk(group, topdown=False):
            Path(directory).rmdir()


def run_tool(*command: str) -> str:
    """Run a program of this machine and return what it printed.

    Raises:
        HostError: it failed; the message holds the command and what it said.

    """
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode:
        raise HostError(f"`{' '.join(command)}` exited {result.returncode}: {result.stderr.strip()}")
    return result.stdout.strip()


def _wait_until_empty(group: Path) -> None:
    events = group / "cgroup.events"
    wait_until(lambda: "populated 0" in events.read_text(), f"the processes in {group} to end")


@contextmanager
def _machine_lock() -> Iterator[None]:
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sessions() -> list[Testbed]:
    return [Testbed(int(path.name)) for path in _STATE.glob("[0-9]*")]


def _remove_leftovers() -> None:
    for testbed in _sessions():
        claim = os.open(testbed.directory, os.O_RDONLY)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # a live session
        else:
            testbed.tear_down()
        finally:
            os.close(claim)
    _restore_forwarding_if_last()


def _enable_forwarding() -> None:
    earlier = _STATE / "ip_forward"
    if not earlier.exists():
        earlier.write_text(_IP_FORWARD.read_text())
    _IP_FORWARD.write_text("1")


def _restore_forwarding_if_last() -> None:
    earlier = _STATE / "ip_forward"
    if _sessions():
        return
    if earlier.exists():
        _IP_FORWARD.write_text(earlier.read_text())
        earlier.unlink()
    if _STATE.exists():
        _STATE.rmdir()


def _hierarchies() -> list[Path]:
    """Return where cgroup2 and, on hybrid machines, systemd's own v1 hierarchy are mounted."""
    mount = re.compile(r"(?P<where>\S+) \S+ .*- (cgroup2 |cgroup .*\bname=systemd\b)")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    found = (mount.search(" ".join(line.split()[4:])) for line in lines)
    return [Path(match["where"]) for match in found if match]
