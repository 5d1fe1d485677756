"""Single checks of the Linux preflight against hosts that this machine is not, played by stubs on PATH and other files.

What a Debian host can be brought to for real is in tests/hosts/test_preflight.py.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.platforms import Linux
from components.platforms.bash import BOOTSTRAP

SUPPORTED = {
    "Debian 12": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
    "Debian 13": 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"',
    "Ubuntu 22.04": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"',
    "Ubuntu 24.04": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"',
    "RHEL 9": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\nPLATFORM_ID="platform:el9"\nPRETTY_NAME="RHEL 9.4"',
    "Rocky 9": 'ID="rocky"\nID_LIKE="rhel fedora"\nVERSION_ID="9.3"\nPLATFORM_ID="platform:el9"\nPRETTY_NAME="R"',
    "Oracle 9": 'ID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.3"\nPLATFORM_ID="platform:el9"\nPRETTY_NAME="Oracle 9"',
}
UNSUPPORTED = {
    "Debian 11": 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"',
    "Debian testing": 'ID=debian\nPRETTY_NAME="Debian testing"',
    "Ubuntu 20.04": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="20.04"\nPRETTY_NAME="Ubuntu 20.04"',
    "Mint 22": 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nPRETTY_NAME="Mint 22"',
    "RHEL 8": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="8.9"\nPLATFORM_ID="platform:el8"\nPRETTY_NAME="RHEL 8"',
    "Fedora 41": 'ID=fedora\nVERSION_ID=41\nPLATFORM_ID="platform:f41"\nPRETTY_NAME="Fedora 41"',
    "Alpine": 'ID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine 3.20"',
}


@dataclass
class Check:
    """One function of a preflight script, on a host made of stubs and files."""

    directory: Path
    script: str
    programs: dict[str, str] = field(default_factory=dict)
    """Texts of shell scripts that are found before other programs."""
    files: dict[str, str] = field(default_factory=dict)
    """Texts in place of this machine's files."""
    hidden: tuple[str, ...] = ()
    """Programs that this machine may have and that host has not."""

    def told(self, function: str, **settings: str) -> str:
        """Return what the check prints; it must not fail itself."""
        for name, text in self.programs.items():
            (self.directory / name).write_text(f"#!/bin/bash\n{text}\n")
            (self.directory / name).chmod(0o755)
        payload = Linux().payload(self.script, {"ports": "", **settings})
        payload = payload.replace("\nPATH=", f"\nPATH={self.directory}:", 1)
        for number, (path, text) in enumerate(self.files.items()):
            stand_in = self.directory / f"file-{number}"
            stand_in.write_text(text)
            assert path in payload, f"the script does not read {path}"
            payload = payload.replace(path, str(stand_in))
        for program in self.hidden:
            payload = payload.replace(f"command -v {program} ", "false ")
        result = subprocess.run(
            ["bash", "-c", BOOTSTRAP, self.script, function],
            input=payload,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
        return result.stdout


@pytest.fixture
def host(tmp_path: Path) -> Check:
    return Check(tmp_path, "preflight")


@pytest.fixture
def sources(tmp_path: Path) -> Check:
    return Check(tmp_path, "preflight-packages")


@pytest.mark.parametrize("release", SUPPORTED.values(), ids=SUPPORTED)
def test_a_system_that_is_supported_passes(host: Check, release: str) -> None:
    host.files["/etc/os-release"] = release
    assert "is not supported" not in host.told("check_system")


@pytest.mark.parametrize(("name", "release"), UNSUPPORTED.items(), ids=UNSUPPORTED)
def test_any_other_system_is_refused_with_those_to_use(host: Check, name: str, release: str) -> None:
    host.files["/etc/os-release"] = release
    told = host.told("check_system")
    assert told.startswith(f"error: {name}")
    assert "Use Debian 12 or 13, Ubuntu 22.04 or 24.04, or Red Hat Enterprise Linux 9 or a relative of it." in told


@pytest.mark.parametrize(
    ("mib", "roles", "passes"),
    [
        (1900, "postgres server worker", True),
        (1600, "postgres server worker", False),
        (960, "server", True),
        (800, "worker", False),
        (960, "postgres", True),
        (480, "postgres", False),
    ],
)
def test_memory_is_measured_by_what_the_host_is_for(host: Check, mib: int, roles: str, passes: bool) -> None:
    host.files["/proc/meminfo"] = f"MemTotal:       {mib * 1024} kB\nMemFree:   1 kB\n"
    told = host.told("check_memory", roles=roles)
    assert (told == "") == passes
    assert passes or told.startswith(f"error: this host has {mib} MiB of memory, at least ")


def test_directories_of_one_filesystem_share_its_space(host: Check) -> None:
    host.programs["df"] = 'echo "Avail IFree Mounted on"; echo "3000 900000 /"'
    assert host.told("check_disk") == (
        "error: only 3000 MiB are free in /opt and /var/lib and /tmp, 4352 are needed."
        " Make room, or mount a larger disk there.\n"
    )


def test_a_filesystem_without_a_limit_of_files_is_not_measured(host: Check) -> None:
    host.programs["df"] = 'echo "Avail IFree Mounted on"; echo "90000 - /"'
    assert host.told("check_disk") == ""


def test_what_ends_no_deployment_is_noted(host: Check) -> None:
    host.programs["getenforce"] = "echo Enforcing"
    host.programs["findmnt"] = '[ "$4" != /opt ] || exit 0; echo "rw,nosuid,noexec"'
    assert host.told("check_selinux") == "note: SELinux is enforcing.\n"
    host.programs["findmnt"] = 'case "$*" in *"/tmp") echo "rw,nosuid,noexec" ;; *) echo rw ;; esac'
    assert host.told("check_mounts").startswith("note: /tmp is mounted noexec")


class TestDnf:
    """On Red Hat Enterprise Linux and its relatives."""

    @pytest.fixture
    def sources(self, sources: Check) -> Check:
        sources.hidden = ("apt-get",)
        return sources

    def test_an_index_that_cannot_be_read(self, sources: Check) -> None:
        sources.programs["dnf"] = "echo 'Error: Failed to download metadata for repo baseos' >&2; exit 1"
        told = sources.told("check_packages")
        assert told.startswith(
            "error: dnf cannot read its package index: Error: Failed to download metadata for repo baseos."
        )

    def test_an_index_that_is_large_ends_no_deployment(self, sources: Check) -> None:
        sources.programs["dnf"] = "exit 124"
        assert sources.told("check_packages").startswith("note: dnf took too long")

    def test_a_postgresql_that_is_too_old(self, sources: Check) -> None:
        sources.programs["dnf"] = 'case "$*" in *postgresql-server) echo 13.14 ;; *bash) echo 5.1 ;; esac'
        assert sources.told("check_postgresql").startswith(
            "error: PostgreSQL 13.14 is on offer on this host, but Prefect needs 14.9 or newer."
        )

    def test_a_postgresql_that_is_chosen(self, sources: Check) -> None:
        sources.programs["dnf"] = 'case "$*" in *postgresql16-server) echo 16.4 ;; *bash) echo 5.1 ;; esac'
        assert sources.told("check_postgresql", postgresql_version="16") == ""
        assert sources.told("check_postgresql", postgresql_version="17").startswith(
            "error: PostgreSQL 17 is not on offer on this host."
        )

    def test_a_python_that_is_yet_to_be_installed(self, sources: Check) -> None:
        for version in ("", ".10", ".11", ".12", ".13", ".14"):
            sources.programs[f"python3{version}"] = "exit 1"
        sources.programs["dnf"] = 'case "$*" in *python3.12) echo 3.12.5 ;; *bash) echo 5.1 ;; esac'
        assert sources.told("check_python", packages="prefect==3.8.8") == ""
        sources.programs["dnf"] = 'case "$*" in *bash) echo 5.1 ;; esac'
        assert sources.told("check_python", packages="prefect==3.8.8").startswith("error: no Python from 3.10 to 3.14")
        assert sources.told("check_python") == "", "a host of the database alone needs no Python"

    def test_docker_comes_from_a_repository_of_its_own(self, sources: Check) -> None:
        sources.programs |= {"rpm": "exit 1", "systemctl": "exit 1"}
        sources.programs["dnf"] = 'case "$*" in *docker-ce) echo 28.2.2 ;; *bash) echo 5.1 ;; esac'
        assert sources.told("check_docker", roles="worker docker") == ""
        sources.programs["dnf"] = 'case "$*" in *bash) echo 5.1 ;; esac'
        assert sources.told("check_docker", roles="worker docker").startswith("error: Docker is not on offer")
        assert sources.told("check_docker", roles="worker") == "", "only containers need it"
        sources.programs["systemctl"] = "exit 0"
        assert sources.told("check_docker", roles="worker docker") == "", "whoever installed it"


class TestApt:
    @pytest.mark.parametrize(
        ("offered", "told"),
        [("14.9-0ubuntu0.22.04.1", ""), ("15.18-0+deb12u1", ""), ("14.8-1", "error: PostgreSQL 14.8-1 is on offer")],
    )
    def test_the_version_behind_the_metapackage_counts(self, sources: Check, offered: str, told: str) -> None:
        sources.hidden = ()
        sources.programs["apt-get"] = "exit 0"
        sources.programs["apt-cache"] = (
            f'case "$2" in postgresql) echo "  Candidate: {offered[:2]}+248" ;;'
            f' postgresql-{offered[:2]}) echo "  Candidate: {offered}" ;; esac'
        )
        sources.files["'/var/lib/apt/lists/*_Packages*'"] = ""
        assert sources.told("check_postgresql")[: len(told) or None] == told

    def test_a_source_that_is_yet_to_be_added_cannot_be_asked(self, sources: Check) -> None:
        sources.programs["apt-cache"] = "exit 1"
        assert sources.told("check_postgresql", postgresql_version="18", postgresql_source="given") == ""


class TestWheels:
    def test_every_wheel_of_the_lock_is_looked_for_as_wheels_are_named(self, sources: Check, tmp_path: Path) -> None:
        wheels = tmp_path / "wheels"
        wheels.mkdir()
        for name in ("prefect-3.8.8-py3-none-any", "ruamel.yaml-0.18.1-py3-none-any", "PyYAML-6.0-cp311-cp311-linux"):
            (wheels / f"{name}.whl").touch()
        packages = "prefect==3.8.8 ruamel-yaml==0.18.1 pyyaml==6.0"
        assert sources.told("check_wheels", wheel_directory=str(wheels), packages=packages) == ""

        told = sources.told(
            "check_wheels", wheel_directory=str(wheels), packages="prefect==3.8.80 pyyaml==6.0 anyio==4.1"
        )
        assert told.startswith(
            f"error: 2 of 3 wheels are not in {wheels}: prefect==3.8.80 anyio==4.1. Bring them with: "
        )

    def test_of_many_that_are_missing_the_first_are_told(self, sources: Check, tmp_path: Path) -> None:
        packages = " ".join(f"package-{number}==1" for number in range(100))
        told = sources.told("check_wheels", wheel_directory=str(tmp_path), packages=packages)
        assert "error: 100 of 100 wheels are not in" in told
        assert "package-4==1 and more. Bring" in told
        assert "package-5==1" not in told


def test_a_check_that_breaks_is_told_and_the_others_go_on(host: Check) -> None:
    host.programs["df"] = "echo 'df: no such device' >&2; exit 1"
    host.files["/proc/meminfo"] = "MemTotal: 1024 kB\n"
    with pytest.raises(AssertionError) as broken:
        host.told("create")
    assert "error: the check of disk broke, as is told above." in str(broken.value)
    assert "df: no such device" in str(broken.value)
    assert "error: this host has 1 MiB of memory" in str(broken.value)
