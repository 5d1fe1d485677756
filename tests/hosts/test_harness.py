"""What every test on real hosts may rely on."""

import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import paramiko
import pytest

from tests.hosts.debian_host import BootHosts, DebianHost, booted_hosts
from tests.hosts.debian_tree import RELEASE
from tests.hosts.testbed import HostError, Testbed, open_testbed, run_tool
from tests.waiting import wait_until

_SESSION = """
import pathlib, sys
from tests.hosts.debian_host import booted_hosts
from tests.hosts.testbed import open_testbed
with open_testbed() as testbed, booted_hosts(testbed, pathlib.Path(sys.argv[1])) as boot:
    boot(1)
    print(testbed.number, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def ssh(debian_host: DebianHost) -> Iterator[paramiko.SSHClient]:
    with _connection(debian_host, debian_host.host_key) as client:
        yield client


def test_a_host_boots_its_release_without_a_failed_unit(debian_host: DebianHost) -> None:
    assert debian_host.run("systemctl is-system-running").stdout.strip() == "running"
    assert debian_host.run(". /etc/os-release; echo $VERSION_CODENAME").stdout.strip() == RELEASE
    assert debian_host.is_active("ssh.service")
    assert not debian_host.is_active("absent.service")


def test_ssh_admits_the_key_and_shows_the_pinned_host_key(ssh: paramiko.SSHClient) -> None:
    assert _answer(ssh, "id --user --name") == "ops"


def test_each_host_has_an_identity_of_its_own(debian_hosts: BootHosts) -> None:
    one, other = debian_hosts(2)
    assert one.host_key != other.host_key
    assert one.run("hostname; cat /etc/machine-id").stdout != other.run("hostname; cat /etc/machine-id").stdout
    with pytest.raises(paramiko.BadHostKeyException), _connection(one, pinned=other.host_key):
        pass


def test_sudo_asks_no_password_and_does_not_wait(ssh: paramiko.SSHClient) -> None:
    started = time.monotonic()
    assert _answer(ssh, "sudo -n id --user") == "0"
    assert time.monotonic() - started < 0.3, "sudo waited: does the host resolve its own name?"


def test_a_failed_root_command_tells_what_it_printed(debian_host: DebianHost) -> None:
    with pytest.raises(HostError, match="exited 3:\nno such luck"):
        debian_host.run("echo no such luck >&2; exit 3")
    assert debian_host.run("exit 3", check=False).returncode == 3


@pytest.mark.parametrize(
    ("path", "permissions"),
    [
        ("/", "755 root root"),
        ("/etc/shadow", "640 root shadow"),
        ("/etc/ssh/ssh_host_ed25519_key", "600 root root"),
        ("/home/ops/.ssh", "700 ops ops"),
        ("/home/ops/.ssh/authorized_keys", "600 ops ops"),
    ],
)
def test_permissions_are_those_of_an_installed_host(debian_host: DebianHost, path: str, permissions: str) -> None:
    assert debian_host.permissions(path) == permissions


def test_package_indexes_are_within_reach(debian_host: DebianHost) -> None:
    debian_host.run("apt-get update --error-on=any")
    debian_host.run("python3 -m venv /tmp/venv && /tmp/venv/bin/pip download --dest /tmp/wheels six")


def test_hosts_reach_each_other_until_the_network_is_cut(debian_hosts: BootHosts) -> None:
    one, other = debian_hosts(2)
    assert _reaches(one, other)

    other.cut_network()
    assert not _reaches(one, other)

    other.restore_network()
    wait_until(lambda: _reaches(one, other), "the restored network to carry traffic")


def test_a_killed_host_keeps_its_disk_and_boots_again(debian_hosts: BootHosts) -> None:
    (host,) = debian_hosts(1)
    host.run("echo kept >/srv/note")
    host.kill()
    with pytest.raises(HostError, match=f"{host.name} is not running"):
        host.run("true")

    host.start()
    assert host.run("cat /srv/note").stdout == "kept\n"


def test_a_reboot_stops_units_in_order_and_boots_again(debian_hosts: BootHosts) -> None:
    (host,) = debian_hosts(1)
    host.run("systemd-run --unit=witness --property=ExecStop='touch /srv/stopped' sleep infinity")
    host.reboot()
    host.run("test -e /srv/stopped")
    assert not host.is_active("witness.service")


@pytest.mark.parametrize(
    ("sabotage", "report"),
    [
        ("echo NoSuchOption yes >>/etc/ssh/sshd_config", "Units of .* failed:(.|\n)*ssh.service"),
        ("chmod a-x /usr/lib/systemd/systemd", "ended while it booted(.|\n)*Permission denied"),
    ],
)
def test_a_host_that_cannot_boot_says_why(debian_hosts: BootHosts, sabotage: str, report: str) -> None:
    (host,) = debian_hosts(1)
    host.run(sabotage)
    host.kill()
    with pytest.raises(HostError, match=report):
        host.start()


def test_the_end_of_a_session_leaves_nothing_behind(tree: Path) -> None:
    with open_testbed() as testbed, booted_hosts(testbed, tree) as boot:
        boot(1)
        assert {"directory", "bridge", "table", "control group", "process"} == _traces(testbed)
    assert _traces(testbed) == set()


def test_the_next_session_removes_what_a_killed_one_left(tree: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SESSION, str(tree)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as session:
        assert session.stdout
        left = Testbed(int(session.stdout.readline()))
        session.kill()
    assert "process" in _traces(left)

    with open_testbed():
        assert "process" not in _traces(left)
    assert _traces(left) == set()


@contextmanager
def _connection(host: DebianHost, pinned: str) -> Iterator[paramiko.SSHClient]:
    algorithm, blob = pinned.split()
    with paramiko.SSHClient() as client:
        key = paramiko.PKey.from_type_string(algorithm, b64decode(blob))
        client.get_host_keys().add(host.address, algorithm, key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            host.address,
            port=host.port,
            username=host.user,
            pkey=paramiko.Ed25519Key.from_private_key(StringIO(host.private_key)),
            allow_agent=False,
            look_for_keys=False,
            timeout=10,
        )
        yield client


def _answer(ssh: paramiko.SSHClient, command: str) -> str:
    _, output, errors = ssh.exec_command(command, timeout=10)
    assert output.channel.recv_exit_status() == 0, f"`{command}` failed: {errors.read().decode()}"
    return output.read().decode().strip()


def _reaches(one: DebianHost, other: DebianHost) -> bool:
    knock = f"timeout 1 bash -c '</dev/tcp/{other.address}/{other.port}'"
    return one.run(knock, check=False).returncode == 0


def _traces(testbed: Testbed) -> set[str]:
    """Return the kinds of things on this machine that bear the session's number."""
    directory = str(testbed.directory)
    command_lines = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    found = {
        "directory": testbed.directory.exists(),
        "bridge": Path("/sys/class/net", testbed.bridge).exists(),
        "table": testbed.table in run_tool("nft", "list", "tables").split(),
        "control group": any(group.exists() for group in testbed.control_groups),
        "process": any(f"{directory}/".encode() in line for line in command_lines),
        "mount": f" {directory}/" in Path("/proc/self/mountinfo").read_text(),
    }
    return {trace for trace, is_there in found.items() if is_there}
