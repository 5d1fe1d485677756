"""What the preflight of a Windows host finds, run by a real PowerShell. What it asks Windows is played."""

import hashlib
from pathlib import Path

import pytest

from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

WINDOWS = (Path(__file__).parent / "played_preflight.ps1").read_text(encoding="ascii")


def preflight(tmp_path: Path, before: str = "", **settings: str) -> Ended:
    """Run it for a host with everything; `before` changes what Windows answers."""
    given = tmp_path / "given"
    (given / "wheels").mkdir(parents=True)
    for name in ("shawl.exe", "postgresql.zip", "python.exe", "wheels/README", "wheels/prefect-3.8.8-py3-none-any.whl"):
        (given / name).write_bytes(b"MZ")
    sha256 = hashlib.sha256(b"MZ").hexdigest()
    known = {
        **{"ports": "", "roles": "postgres server worker", "names": "localhost", "packages": "prefect==3.8.8"},
        **{"wrapper": "", "wrapper_source": f"{given.as_posix()}/shawl.exe", "wrapper_sha256": sha256},
        **{"postgresql_archive": f"{given.as_posix()}/postgresql.zip", "postgresql_archive_sha256": sha256},
        "postgresql_programs": f"{given.as_posix()}/postgresql-1",
        **{"base_python": f"{given.as_posix()}/python.exe", "wheel_directory": f"{given.as_posix()}/wheels"},
    }
    long = "function Test-Paths { }" if len(tmp_path.as_posix()) > 60 else ""
    return run("preflight", tmp_path, {**known, **settings}, before=f"{WINDOWS}\n{long}\n{before}")


def test_a_host_with_everything_passes_without_a_note(tmp_path: Path) -> None:
    ended = preflight(tmp_path)
    assert ended.errors == ""
    assert ended.lines == ["unchanged: system, programs, names, disk, memory and ports are as needed"]


def test_all_that_is_in_the_way_is_told_at_once(tmp_path: Path) -> None:
    before = """
    $system.BuildNumber = '14393'
    $system.TotalVisibleMemorySize = [uint64] 1048576
    $asked = @{ rights = ''; shawl = 'shawl 1.8.0'; in_domain = $true; python = 1; policy = 'AllSigned' }
    $asked.listens = 5432
    $sshd_version = '7.7.2.1'
    $sshd.StartMode = 'Manual'
    Remove-File "$libraries/msvcp140.dll"
    """
    ended = preflight(
        tmp_path, before, ports="postgres.port=5432 server.port=4200", packages="prefect==3.8.8 typing_extensions==4.15"
    )
    told = [
        *("is not supported", "OpenSSH is 7.7.2.1", "does not start when this host boots", "gpresult", "MachinePolicy"),
        *("UserPolicy", "cannot be used", "Shawl is 1.8.0", "msvcp140.dll", "lacks 1 wheels", "1024 MiB of memory"),
        "port 5432 is taken",
    ]
    findings = ended.errors.splitlines()
    assert ended.status == 1
    assert [line.partition(":")[0] for line in findings] == ["error"] * len(told), ended.errors
    for word in told:
        assert word in ended.errors


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        ("SeServiceLogonRight = *S-1-5-20", "lacks"),
        ("SeServiceLogonRight = *S-1-5-80-01", "lacks"),
        ("SeServiceLogonRight = *S-1-5-80-0`r`nSeDenyServiceLogonRight = *S-1-5-7,*S-1-1-0", "Deny log on"),
        ("SeServiceLogonRight = *S-1-1-0`r`nSeDenyServiceLogonRight = *S-1-5-113", ""),
    ],
)
def test_whether_services_may_log_on_is_read_from_the_policy(rights: str, told: str, tmp_path: Path) -> None:
    ended = preflight(tmp_path, f'$asked.rights = "{rights}"')
    assert bool(ended.status) == bool(told)
    assert told in ended.errors


def test_of_an_installed_postgresql_all_programs_must_be_there(tmp_path: Path) -> None:
    place = tmp_path / "Program Files" / "PostgreSQL" / "bin"
    place.mkdir(parents=True)
    for name in ("postgres", "initdb", "psql"):
        (place / f"{name}.exe").touch()
    given = {"postgresql_archive": "", "postgresql_archive_sha256": "", "postgresql_programs": place.parent.as_posix()}
    assert f"{place.as_posix()} lacks pg_dump, pg_restore. Install" in preflight(tmp_path, **given).errors


def test_caddy_must_be_the_told_one_and_run(tmp_path: Path) -> None:
    given = {"caddy": "", "caddy_source": f"{tmp_path.as_posix()}/given/shawl.exe", "caddy_sha256": "ab" * 32}
    assert f"not {'ab' * 32} as in the stack file" in preflight(tmp_path, **given).errors
    right = {**given, "caddy_sha256": hashlib.sha256(b"MZ").hexdigest()}
    place = tmp_path / "another"
    place.mkdir()
    assert preflight(place, **right).errors == ""


def test_a_wheel_is_found_by_any_spelling_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    for name in ("Typing_Extensions-4.15-py3-none-any.whl", "ruamel.yaml-0.18-py3-none-any.whl"):
        (tmp_path / "wheels" / name).touch()
    packages = "typing-extensions==4.15 ruamel-yaml==0.18"
    ended = preflight(tmp_path, packages=packages, wheel_directory=f"{tmp_path.as_posix()}/wheels")
    assert ended.errors == ""


def test_a_port_that_an_earlier_run_reserved_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "configuration").mkdir()
    (tmp_path / "configuration" / "ports").write_text("postgres.port=5432\n")
    assert preflight(tmp_path, "$asked.listens = 5432", ports="postgres.port=5432").errors == ""


def test_a_check_that_breaks_hides_no_other(tmp_path: Path) -> None:
    ended = preflight(tmp_path, "$sshd_version = ''\n$asked.shawl = 'shawl 1.8.0'")
    assert "the check of OpenSsh broke" in ended.errors
    assert "Shawl is 1.8.0" in ended.errors


def test_applocker_that_decides_is_a_note(tmp_path: Path) -> None:
    ended = preflight(tmp_path, "$states.AppIDSvc = 'Running'")
    assert (ended.status, ended.lines[0].startswith("note: AppLocker decides")) == (0, True)


class TestRestic:
    def copied(self, tmp_path: Path, content: bytes | None = b"MZ", said: str = "restic 0.18.0 compiled") -> Ended:
        program = tmp_path / "restic.exe"
        if content is not None:
            program.write_bytes(content)
        sha256 = hashlib.sha256(b"MZ").hexdigest()
        played = f"$asked.restic = '{said}'"
        return preflight(tmp_path, played, restic_source=program.as_posix(), restic_sha256=sha256)

    def test_the_one_that_was_told_passes(self, tmp_path: Path) -> None:
        assert self.copied(tmp_path).errors == ""

    def test_what_is_no_restic_is_told(self, tmp_path: Path) -> None:
        ended = self.copied(tmp_path, said="")
        assert ended.status == 1
        assert "Get restic.exe out of the zip" in ended.errors

    def test_one_that_is_missing_is_told(self, tmp_path: Path) -> None:
        assert "restic is not at" in self.copied(tmp_path, None).errors
