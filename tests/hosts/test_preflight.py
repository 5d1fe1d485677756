"""What a host's preflights find in the way, each thing brought about for real on a booted host, and told at once."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from components.platforms import Linux
from tests.hosts.debian_host import DebianHost
from tests.hosts.ssh_session import run

PACKAGES = "prefect==3.8.8 anyio==4.15.1"
INSTALL = "apt-get install --quiet --quiet --yes --no-install-recommends"
BROKEN_PACKAGE = """
set -eu
mkdir -p /root/broken/DEBIAN
printf '%s\\n' 'Package: broken' 'Version: 1' 'Architecture: all' 'Maintainer: nobody' 'Description: none' \\
    >/root/broken/DEBIAN/control
printf '#!/bin/sh\\nexit 1\\n' >/root/broken/DEBIAN/postinst
chmod 755 /root/broken/DEBIAN/postinst
dpkg-deb --build /root/broken /root/broken.deb >/dev/null
dpkg --install /root/broken.deb >/dev/null 2>&1 || true
"""
HOLD_LOCK = """
import fcntl, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
time.sleep(600)
"""
SILENCE = """
table inet silence {
    chain output {
        type filter hook output priority filter; policy drop;
        ct state established accept
        oif lo accept
    }
}
"""


def preflight(host: DebianHost, script: str, **settings: str) -> tuple[int, list[str]]:
    """Run a preflight as Pulumi does; return its exit status and what it told, a line each."""
    status, told = run(host, Linux().script(script).create, Linux().payload(script, {"ports": "", **settings}))
    return status, told.splitlines()


def finding(host: DebianHost, script: str = "preflight", **settings: str) -> str:
    """Return the one thing that is found in the way."""
    status, told = preflight(host, script, **settings)
    found = [line for line in told if line.startswith("error: ")]
    assert (status, len(found)) == (1, 1), "\n".join(told)
    return found[0]


@contextmanager
def changed(host: DebianHost, change: str, undo: str) -> Iterator[None]:
    """Change the host for a while, with bash commands."""
    host.run(change)
    try:
        yield
    finally:
        host.run(undo)


def mounted(host: DebianHost, options: str) -> AbstractContextManager[None]:
    return changed(host, f"mount -t tmpfs -o {options} tmpfs /opt", "umount /opt")


def in_place_of(host: DebianHost, path: str, text: str) -> AbstractContextManager[None]:
    """Show another text in place of a file."""
    stand_in = f"/root/{path.rpartition('/')[2]}"
    return changed(host, f"printf '{text}' >{stand_in}; mount --bind {stand_in} $(realpath {path})", f"umount {path}")


def in_pip_conf(host: DebianHost, index: str) -> AbstractContextManager[None]:
    """Let pip have another index."""
    return changed(
        host,
        f"cp /etc/pip.conf /root/pip.conf; printf '[global]\\nindex-url = {index}\\n' >/etc/pip.conf",
        "cp /root/pip.conf /etc/pip.conf",
    )


def wrapped(host: DebianHost, program: str, text: str) -> AbstractContextManager[None]:
    """Let a shell script be found before a program."""
    path = f"/usr/local/bin/{program}"
    return changed(host, f"printf '#!/bin/sh\\n%s\\n' '{text}' >{path}; chmod 755 {path}", f"rm {path}")


@pytest.fixture(scope="module")
def host(debian_host: DebianHost) -> DebianHost:
    """Give a host that nothing is wrong with; every test leaves it so."""
    debian_host.run("touch /etc/pip.conf; mkdir -p /root/.ssh; cp /home/ops/.ssh/authorized_keys /root/.ssh")
    return debian_host


def test_a_host_without_obstacles_passes_and_nothing_is_changed(host: DebianHost) -> None:
    before = host.run("find /etc /opt /var/lib /tmp -mindepth 1 -newer /root/.ssh -not -path '*/systemd/*'").stdout
    for script in ("preflight", "preflight-packages"):
        status, told = preflight(host, script, packages=PACKAGES, names="localhost")
        assert status == 0, "\n".join(told)
        assert told[-1].startswith("unchanged: ")
    assert (
        host.run("find /etc /opt /var/lib /tmp -mindepth 1 -newer /root/.ssh -not -path '*/systemd/*'").stdout == before
    )


class TestTheHostItself:
    def test_a_system_that_is_not_supported(self, host: DebianHost) -> None:
        with in_place_of(host, "/etc/os-release", 'ID=debian\\nVERSION_ID="11"\\nPRETTY_NAME="Debian 11"\\n'):
            assert finding(host).startswith("error: Debian 11 is not supported. Use Debian 12 or 13, Ubuntu 22.04")

    def test_its_own_name_that_nobody_knows(self, host: DebianHost) -> None:
        with changed(host, "sed -i /127.0.1.1/d /etc/hosts", f"echo 127.0.1.1 {host.name} >>/etc/hosts"):
            assert f"own name, {host.name}, is not found within a second" in finding(host)

    def test_a_name_of_another_host_that_it_does_not_find(self, host: DebianHost) -> None:
        told = finding(host, names=f"nowhere.invalid localhost {host.address}")
        assert told.startswith("error: the name nowhere.invalid is not found from this host. Mend its DNS")

    def test_too_little_space(self, host: DebianHost) -> None:
        with mounted(host, "size=1g"):
            assert finding(host) == (
                "error: only 1024 MiB are free in /opt, 2048 are needed. Make room, or mount a larger disk there."
            )

    def test_room_for_too_few_files(self, host: DebianHost) -> None:
        with mounted(host, "size=3g,nr_inodes=2000"):
            assert finding(host).startswith("error: only 1999 more files fit into /opt (inodes), 50000 are needed.")

    def test_a_place_from_which_no_program_runs(self, host: DebianHost) -> None:
        with mounted(host, "size=3g,noexec"):
            assert finding(host).startswith(
                "error: /opt is mounted noexec, so Prefect could not run from there. Mount it without:"
                " mount -o remount,exec /opt"
            )

    def test_too_little_memory(self, host: DebianHost) -> None:
        with in_place_of(host, "/proc/meminfo", "MemTotal: 524288 kB\\n"):
            assert finding(host, roles="server").startswith("error: this host has 512 MiB of memory, at least 896 are")

    def test_a_port_that_another_program_holds(self, host: DebianHost) -> None:
        assert finding(host, ports="server.port=1 nginx.port=22") == (
            "error: port 22 is taken by sshd. Stop it, or choose another: pulumi config set --path nginx.port PORT"
        )

    def test_a_port_that_the_host_reserved_is_its_own(self, host: DebianHost) -> None:
        with changed(host, "mkdir /etc/prefect; echo nginx.port=22 >/etc/prefect/ports", "rm -r /etc/prefect"):
            assert preflight(host, "preflight", ports="nginx.port=22")[0] == 0


class TestWhereSoftwareComesFrom:
    def test_a_version_that_the_index_does_not_have(self, host: DebianHost) -> None:
        told = finding(host, "preflight-packages", packages="prefect==3.8.999")
        assert told.startswith("error: Prefect 3.8.999 cannot be had from the package index. ")
        assert "it does not have this version" in told

    def test_an_index_that_refuses_the_connection_is_told_without_its_password(self, host: DebianHost) -> None:
        with in_pip_conf(host, "http://reader:hunter2@127.0.0.1:9/simple"):
            status, told = preflight(host, "preflight-packages", packages=PACKAGES)
        assert status == 1
        (line,) = [line for line in told if line.startswith("error: ")]
        assert "package index. 127.0.0.1: [Errno 111] Connection refused. Mend the way there" in line
        assert "hunter2" not in "".join(told)

    def test_an_index_whose_certificate_nobody_vouches_for(self, host: DebianHost) -> None:
        with changed(
            host,
            "mkdir -p /root/.config/pip; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            " -subj /CN=nobody -keyout /root/key.pem -out /root/ca.pem 2>/dev/null;"
            "printf '[global]\\ncert = /root/ca.pem\\n' >/root/.config/pip/pip.conf;"
            # which comes before it, and which Ubuntu's sudo reads
            "sed --in-place=.before /^PIP_CERT=/d /etc/environment",
            "rm -r /root/.config/pip; mv /etc/environment.before /etc/environment",
        ):
            told = finding(host, "preflight-packages", packages=PACKAGES)
        assert "CERTIFICATE_VERIFY_FAILED" in told

    def test_a_clock_that_is_wrong(self, host: DebianHost) -> None:
        host.run(f"{INSTALL} libfaketime >/dev/null")
        faketime = 'LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME=-2h exec /usr/bin/python3 "$@"'
        with wrapped(host, "python3", faketime):
            told = finding(host, "preflight-packages", packages=PACKAGES)
        assert told.startswith("error: this host's clock is 7")
        assert " s behind that of the package index. Set it, and keep it right: timedatectl set-ntp true" in told

    def test_a_package_source_that_does_not_answer(self, host: DebianHost) -> None:
        line = "deb http://127.0.0.1:9/debian bookworm main"
        path = "/etc/apt/sources.list.d/dead.list"
        with changed(host, f"echo '{line}' >{path}", f"rm {path}"):
            told = finding(host, "preflight-packages", packages=PACKAGES)
        assert told.startswith("error: the package source http://127.0.0.1:9/debian does not answer: Could not connect")

    def test_a_package_that_is_installed_by_half(self, host: DebianHost) -> None:
        with changed(host, BROKEN_PACKAGE, "dpkg --purge --force-all broken"):
            told = finding(host, "preflight-packages", packages=PACKAGES)
        assert told.startswith("error: packages are installed by half: broken. Finish with: dpkg --configure -a")

    def test_somebody_who_has_installed_for_too_long(self, host: DebianHost) -> None:
        hold = f"systemd-run --quiet --unit=hold-lock python3 -c '{HOLD_LOCK}'"
        later = 'exec /bin/date --date "1 hour" "$@"'
        with changed(host, hold, "systemctl stop hold-lock"):
            assert preflight(host, "preflight-packages", packages=PACKAGES)[0] == 0, "who has just begun is waited for"
            with wrapped(host, "date", later):
                told = finding(host, "preflight-packages", packages=PACKAGES)
        assert told.startswith("error: python3 (process ")
        assert "has kept others from installing packages for 60 minutes" in told

    def test_a_python_or_a_postgresql_that_is_nowhere(self, host: DebianHost) -> None:
        pins = "/etc/apt/preferences.d/pins"
        pin = "Package: python3-venv postgresql*\\nPin: release *\\nPin-Priority: -1\\n"
        venv = "dpkg-query --show --showformat='${Package} ' 'python3*-venv'"
        remove = f"dpkg --purge --force-depends $({venv}) >/dev/null 2>&1"
        restore = f"{INSTALL} python3-venv >/dev/null"
        with changed(host, remove, restore):
            assert preflight(host, "preflight-packages", packages=PACKAGES)[0] == 0, "what is on offer is not missing"
            with changed(host, f"printf '{pin}' >{pins}", f"rm {pins}"):
                status, told = preflight(host, "preflight-packages", packages=PACKAGES)
        assert status == 1
        assert [line.partition(",")[0] for line in told if line.startswith("error: ")] == [
            "error: no Python from 3.10 to 3.14 with venv is installed",
            "error: PostgreSQL is not on offer on this host. Choose another: pulumi config set --path postgres.version"
            " VERSION",
        ]

    def test_a_host_from_which_nothing_answers_does_not_keep_anybody_waiting(self, host: DebianHost) -> None:
        host.run(f"{INSTALL} nftables >/dev/null")
        with changed(host, f"nft -f - <<'RULES'\n{SILENCE}\nRULES", "nft delete table inet silence"):
            started = time.monotonic()
            status, told = preflight(host, "preflight-packages", packages=PACKAGES)
            names_status, names_told = preflight(host, "preflight", names="one.example.org two.example.org")
            took = time.monotonic() - started
        assert (status, names_status) == (1, 1)
        assert any("the package index did not answer" in line or "package index. " in line for line in told), told
        assert any("the package source http" in line and "does not answer" in line for line in told), told
        assert len([line for line in names_told if line.endswith("in the stack file.")]) == 2
        assert took < 2 * 15


def test_everything_is_told_at_once(host: DebianHost) -> None:
    with ExitStack() as wrong:
        wrong.enter_context(mounted(host, "size=1g,nr_inodes=2000,noexec"))
        wrong.enter_context(in_place_of(host, "/etc/os-release", "ID=debian\\nVERSION_ID=11\\nPRETTY_NAME=Old\\n"))
        wrong.enter_context(in_place_of(host, "/proc/meminfo", "MemTotal: 524288 kB\\n"))
        wrong.enter_context(changed(host, "sed -i /127.0.1.1/d /etc/hosts", f"echo 127.0.1.1 {host.name} >>/etc/hosts"))
        wrong.enter_context(in_pip_conf(host, "http://127.0.0.1:9/simple"))
        wrong.enter_context(changed(host, BROKEN_PACKAGE, "dpkg --purge --force-all broken"))
        _, of_host = preflight(host, "preflight", ports="server.port=22", names="nowhere.invalid")
        _, of_packages = preflight(host, "preflight-packages", packages=PACKAGES)
    found = [line for line in of_host + of_packages if line.startswith("error: ")]
    expected = (
        "Old is not supported",
        "own name",
        "the name nowhere.invalid",
        "only 1024 MiB",
        "only 1999 more files",
        "/opt is mounted noexec",
        "512 MiB of memory",
        "port 22 is taken by sshd",
        "Prefect 3.8.8 cannot be had",
        "installed by half: broken",
    )
    assert len(found) == len(expected), "\n".join(found)
    for line, beginning in zip(found, expected, strict=True):
        assert beginning in line


class TestBecomingRoot:
    """What is seen of `pulumi up` where the user may not act as root."""

    REMEDY = (
        "error: {user} may not act as root on this host without a password. As root there, install sudo and write into "
        "/etc/sudoers.d/{user}: {user} ALL=(ALL) NOPASSWD: ALL"
    )

    def told_to(self, host: DebianHost, user: str) -> list[str]:
        command = Linux().script("preflight").create
        status, told = run(host, command, Linux().payload("preflight", {"ports": ""}), user=user)
        assert status != 0
        return told.splitlines()

    @pytest.fixture
    def guest(self, host: DebianHost) -> Iterator[str]:
        """Give a user who may log in."""
        host.run(
            "useradd --create-home --shell /bin/sh guest; cp -r /home/ops/.ssh /home/guest; chown -R guest: /home/guest"
        )
        yield "guest"
        host.run("userdel --remove guest 2>/dev/null; rm -f /etc/sudoers.d/guest")

    def test_a_user_without_rights(self, host: DebianHost, guest: str) -> None:
        assert self.told_to(host, guest) == ["sudo: a password is required", self.REMEDY.format(user=guest)]

    def test_a_user_who_is_asked_for_a_password(self, host: DebianHost, guest: str) -> None:
        host.run("echo 'guest ALL=(ALL) ALL' >/etc/sudoers.d/guest")
        assert self.told_to(host, guest) == ["sudo: a password is required", self.REMEDY.format(user=guest)]

    def test_a_sudo_that_wants_a_terminal(self, host: DebianHost, guest: str) -> None:
        host.run("printf 'Defaults:guest requiretty\\nguest ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/guest")
        assert self.told_to(host, guest)[-1] == self.REMEDY.format(user=guest)

    def test_a_host_without_sudo(self, host: DebianHost) -> None:
        with changed(host, "mv /usr/bin/sudo /root", "mv /root/sudo /usr/bin"):
            assert self.told_to(host, "ops")[-1] == self.REMEDY.format(user="ops")
            command = Linux().script("preflight").create
            status, told = run(host, command, Linux().payload("preflight", {"ports": ""}), user="root")
            assert status == 0, told

    def test_a_shell_that_is_not_posix(self, host: DebianHost) -> None:
        host.run(f"{INSTALL} tcsh >/dev/null")
        with changed(host, "usermod --shell /usr/bin/tcsh ops", "usermod --shell /bin/bash ops"):
            assert preflight(host, "preflight")[0] == 0
