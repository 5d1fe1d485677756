"""The programs on Windows hosts that care for backups, run by a real PowerShell. PostgreSQL's programs are played."""

import hashlib
import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from components.platforms.powershell import PLACE
from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, POWERSHELL

pytestmark = NEEDS_POWERSHELL

PLAYED = Path(__file__).parent / "played_postgresql.ps1"
SETTINGS = {
    **{"BACKUP_KEEP": "2", "BACKUP_KEEP_DAYS": "30", "BACKUP_ALERT_AFTER_HOURS": "26"},
    **{"PGDATABASE": "prefect", "PGHOST": "127.0.0.1", "PGPORT": "5432"},
    **{"DATABASE_ADMINISTRATOR": "postgres", "DATABASE_OWNER": "prefect"},
}


class Host:
    """A directory of Prefect on a host, with the programs."""

    def __init__(self, root: Path) -> None:
        self.root, self.backups = root, root / "back ups"
        for place in ("runtime/bin", "configuration", "data/backups", "back ups"):
            (root / place).mkdir(parents=True)
        for program in (PLACE / "programs").glob("*.ps1"):
            shutil.copy(program, root / "runtime" / "bin")
        words = "\n".join(path.read_text() for path in (PLACE / "prelude.ps1", PLAYED))
        (root / "runtime" / "bin" / "prelude.ps1").write_text(words)
        told = {**SETTINGS, "BACKUP_DIRECTORY": self.backups.as_posix()}
        (root / "configuration" / "backups.env").write_text("".join(f"{key}={value}\n" for key, value in told.items()))

    def run(self, name: str, *arguments: str, played: str = "") -> tuple[int, str, str]:
        """Return the exit status of a program, what it printed and its errors."""
        program = str(self.root / "runtime" / "bin" / f"{name}.ps1")
        words = [POWERSHELL, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", program]
        done = subprocess.run(
            [*words, *arguments],
            env={**os.environ, "PLAYED": played},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout.decode().strip(), done.stderr.decode().strip()

    def backup(self, label: str = "scheduled", *, hours: int = 1, good: bool = True) -> str:
        """Make a backup so many hours ago; return its name."""
        made = datetime.now(timezone.utc) - timedelta(hours=hours, minutes=1)
        place = self.backups / f"{made:%Y-%m-%dT%H-%M-%SZ}-{label}"
        place.mkdir()
        (place / "prefect.dump").write_text("a dump")
        sha256 = hashlib.sha256(b"a dump" if good else b"another").hexdigest()
        (place / "SHA256SUMS").write_text(f"{sha256}  prefect.dump\n")
        return place.name

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.backups.iterdir())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "Pre fect")


class TestBackup:
    def test_it_is_a_dump_with_its_checksum_and_tells_of_itself(self, host: Host) -> None:
        status, printed, errors = host.run("backup-prefect")
        assert (status, errors) == (0, "")
        (name,) = host.names
        dump = host.backups / name / "prefect.dump"
        sha256 = hashlib.sha256(dump.read_bytes()).hexdigest()
        assert (dump.parent / "SHA256SUMS").read_text() == f"{sha256}  prefect.dump\n"
        assert printed.startswith(f"backup {dump.as_posix()} (6 bytes) made in ")
        assert printed.endswith("schema revision 0123456789ab")

    def test_each_kind_is_kept_by_itself_and_none_for_too_long(self, host: Host) -> None:
        old = host.backup("before-migration-3.8.9", hours=31 * 24)
        upgrade = host.backup("before-migration-3.9.0", hours=9)
        oldest, kept = host.backup(hours=6), host.backup(hours=5)
        status, printed, errors = host.run("backup-prefect")
        assert (status, errors) == (0, "")
        assert len(host.names) == 3
        assert {upgrade, kept} < set(host.names)
        assert sorted(printed.splitlines()[:2]) == sorted([f"removed {old}", f"removed {oldest}"])

    @pytest.mark.parametrize(
        ("label", "played", "told"),
        [
            ("../x", "", "is no label"),
            ("scheduled", "down", "could not connect"),
            ("scheduled", "huge", "MiB are free for a backup"),
        ],
    )
    def test_one_that_fails_says_why_and_leaves_the_others(
        self, label: str, played: str, told: str, host: Host
    ) -> None:
        before = [host.backup(hours=hours) for hours in (3, 2, 1)]
        status, _, errors = host.run("backup-prefect", label, played=played)
        assert status == 1
        assert errors.startswith("error: ")
        assert told in errors
        assert host.names == before

    def test_of_a_database_without_tables_there_is_none(self, host: Host) -> None:
        status, printed, _ = host.run("backup-prefect", played="empty")
        assert (status, host.names) == (0, [])
        assert printed.startswith("nothing to back up")


class TestCheck:
    def test_a_damaged_one_does_not_count(self, host: Host) -> None:
        good, damaged = host.backup(hours=3), host.backup(hours=1, good=False)
        status, printed, _ = host.run("check-prefect-backups")
        assert status == 0
        assert printed.splitlines() == [
            *(f"{host.backups.as_posix()}/{damaged} is damaged", f"the newest good backup, {good}, is 3 hours old"),
        ]

    def test_one_that_is_too_old_is_a_failure(self, host: Host) -> None:
        host.backup(hours=27)
        status, _, errors = host.run("check-prefect-backups")
        assert status == 1
        assert "is 27 hours old; at most 26 hours are allowed" in errors


class TestDrill:
    def result(self, host: Host) -> dict[str, str]:
        found: dict[str, str] = json.loads((host.root / "data" / "backups" / "drill.json").read_text())
        return found

    def test_the_newest_one_is_restored(self, host: Host) -> None:
        host.backup(hours=2)
        newest = host.backup(hours=1)
        status, printed, errors = host.run("drill-prefect-restore")
        assert (status, errors) == (0, "")
        assert f"restore drill passed: {host.backups.as_posix()}/{newest}/prefect.dump" in printed
        assert self.result(host)["result"] == "passed"

    @pytest.mark.parametrize(
        ("good", "played", "reason"), [(False, "", "does not match its checksum"), (True, "other", "at revision ba98")]
    )
    def test_one_that_cannot_be_restored_fails_it(self, good: bool, played: str, reason: str, host: Host) -> None:
        host.backup(good=good)
        status, _, errors = host.run("drill-prefect-restore", played=played)
        assert status == 1
        assert reason in errors
        assert (self.result(host)["result"], self.result(host)["reason"]) == ("failed", errors)


def test_a_restore_of_a_backup_that_is_not_there_names_those_that_are(host: Host) -> None:
    name = host.backup()
    status, _, errors = host.run("restore-prefect", "yesterday")
    assert status == 1
    assert f"there is no backup 'yesterday' in {host.backups.as_posix()}. Those there are: {name}" in errors
