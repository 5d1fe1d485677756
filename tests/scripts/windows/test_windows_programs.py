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

PASSWORD = "correct-horse-battery"
PLAYED = Path(__file__).parent / "played_postgresql.ps1"
SETTINGS = {
    **{"BACKUP_KEEP": "2", "BACKUP_KEEP_DAYS": "30", "BACKUP_ALERT_AFTER_HOURS": "26"},
    **{"PGDATABASE": "prefect", "PGHOST": "127.0.0.1", "PGPORT": "5432"},
    **{"DATABASE_ADMINISTRATOR": "postgres", "DATABASE_OWNER": "prefect"},
}


class Host:
    """A directory of Prefect on a host, with the programs."""

    def __init__(self, root: Path, copy_to: str = "") -> None:
        self.root, self.backups = root, root / "back ups"
        for place in ("runtime/bin", "configuration", "data/backups", "back ups"):
            (root / place).mkdir(parents=True)
        for program in (PLACE / "programs").glob("*.ps1"):
            shutil.copy(program, root / "runtime" / "bin")
        words = "\n".join(path.read_text() for path in (PLACE / "prelude.ps1", PLAYED))
        (root / "runtime" / "bin" / "prelude.ps1").write_text(words)
        told = {**SETTINGS, "BACKUP_DIRECTORY": self.backups.as_posix(), "RESTIC_REPOSITORY": copy_to}
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


class TestTasks:
    """What Task Scheduler runs, and what looks after that."""

    @pytest.fixture
    def host(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
        host = Host(tmp_path / "Pre fect")
        programs = host.root / "runtime" / "bin"
        said = "[Console]::Out.WriteLine((ConvertTo-Json @($args) -Compress))"
        (programs / "say.ps1").write_text(f"{said}\nif ($args -contains 'wrong') {{ exit 3 }}\n")
        (programs / "alert.ps1").write_text('[IO.File]::WriteAllText("$PSScriptRoot/alerted", $args[0])\n')
        if os.name != "nt":
            # where there are no windows, none can be hidden
            program = programs / "run-task.ps1"
            program.write_text(program.read_text().replace(" -WindowStyle Hidden", ""))
            (tmp_path / "powershell.exe").symlink_to(str(shutil.which(POWERSHELL)))
            monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return host

    def task(self, host: Host, *arguments: str) -> tuple[int, str]:
        """Run a task that says its arguments; return its status and its log without the time."""
        programs = host.root / "runtime" / "bin"
        alert = ("-on_failure", str(programs / "alert.ps1"))
        status, _, _ = host.run("run-task", *alert, "renewal", "60", str(programs / "say.ps1"), *arguments)
        log = (host.root / "log" / "tasks" / "renewal.log").read_text()
        return status, log.partition("Z ")[2].strip()

    def test_its_program_gets_its_arguments(self, host: Host) -> None:
        arguments = ["D:/a b", "prefect-postgresql", "10.0.0.30", "fd00::1"]
        status, log = self.task(host, *arguments)
        assert (status, log) == (0, f"ended with 0\n{json.dumps(arguments, separators=(',', ':'))}")
        assert not (host.root / "runtime" / "bin" / "alerted").exists()

    def test_when_it_fails_another_one_tells_of_it(self, host: Host) -> None:
        status, log = self.task(host, "wrong")
        assert (status, log.splitlines()[0]) == (1, "ended with 3")
        assert (host.root / "runtime" / "bin" / "alerted").read_text() == "renewal"


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


class TestCopies:
    @pytest.fixture
    def host(self, tmp_path: Path) -> Host:
        host = Host(tmp_path / "Pre fect", "s3:https://s3.example.com/copies")
        credentials = host.root / "configuration" / "backups-copy.secrets.env"
        credentials.write_text(f"AWS_ACCESS_KEY_ID=id\r\nRESTIC_PASSWORD={PASSWORD}\r\n")
        return host

    def told(self, host: Host) -> list[str]:
        """Return what restic was told, without what it is told each time."""
        lines = (host.root / "data" / "restic").read_text().splitlines()
        return [line.removeprefix("--quiet --cache-dir /data/backups/cache ") for line in lines]

    def test_each_scheduled_backup_is_copied_and_old_copies_go(self, host: Host) -> None:
        status, printed, errors = host.run("backup-prefect")
        assert (status, errors) == (0, "")
        assert printed.splitlines()[1].startswith("copied 1 backups off this host in ")
        assert self.told(host) == [
            *("cat config", "init", "unlock", "backup --tag prefect --exclude .unfinished /back ups"),
            "forget --tag prefect --group-by tags --prune --keep-within 30d",
        ]
        assert [path.name for path in (host.root / "data" / "away").iterdir()] == host.names

    def test_the_repository_is_made_once(self, host: Host) -> None:
        for _ in range(2):
            assert host.run("copy-prefect-backups")[0] == 0
        assert self.told(host).count("init") == 1

    def test_the_password_stands_on_no_command_line(self, host: Host) -> None:
        status, printed, errors = host.run("backup-prefect")
        assert status == 0
        assert PASSWORD not in printed + errors + "".join(self.told(host))

    def test_one_of_an_upgrade_waits_for_the_next(self, host: Host) -> None:
        assert host.run("backup-prefect", "before-migration-3.9.0")[0] == 0
        assert not (host.root / "data" / "restic").exists()

    def test_a_copy_that_fails_fails_the_scheduled_backup_which_stays(self, host: Host) -> None:
        status, _, errors = host.run("backup-prefect", played="offline")
        assert status == 1
        assert "restic can neither open nor make its repository" in errors
        assert "unable to open the repository at s3:https://s3.example.com/copies" in errors
        assert "the backup is made, but it was not copied off this host" in errors
        assert len(host.names) == 1

    def test_those_that_are_missing_are_brought_back(self, host: Host) -> None:
        lost, kept = host.backup(hours=3), host.backup(hours=1)
        assert host.run("copy-prefect-backups")[0] == 0
        shutil.rmtree(host.backups / lost)
        (host.backups / kept / "prefect.dump").write_text("what is here stays")
        status, printed, errors = host.run("copy-prefect-backups", "-Back")
        assert (status, errors) == (0, "")
        assert printed.startswith("there are 2 backups now")
        assert host.names == [lost, kept]
        assert (host.backups / lost / "prefect.dump").read_text() == "a dump"
        assert (host.backups / kept / "prefect.dump").read_text() == "what is here stays"
        assert self.told(host)[-1] == "restore latest --tag prefect --target /back ups/.unfinished"

    def test_those_of_another_snapshot_are_asked_for_by_its_name(self, host: Host) -> None:
        assert host.run("copy-prefect-backups")[0] == 0
        host.run("copy-prefect-backups", "-Back", "1a2b3c4d")
        assert self.told(host)[-1].startswith("restore 1a2b3c4d ")

    def test_the_drill_compares_the_newest_copy(self, host: Host) -> None:
        name = host.backup()
        assert host.run("copy-prefect-backups")[0] == 0
        assert host.run("drill-prefect-restore")[0] == 0
        assert [line.partition(" ")[0] for line in self.told(host)[-2:]] == ["check", "--no-cache"]
        (host.root / "data" / "away" / name / "prefect.dump").write_text("another")
        status, printed, errors = host.run("drill-prefect-restore")
        assert status == 1
        assert f"{name} is not the same off this host as here" in errors
        assert "restore drill failed" in printed

    def test_the_drill_misses_a_copy_that_was_never_made(self, host: Host) -> None:
        assert host.run("copy-prefect-backups")[0] == 0
        host.backup()
        status, _, errors = host.run("drill-prefect-restore")
        assert status == 1
        assert "is not the same off this host as here" in errors


def test_without_copies_there_are_none_to_bring_back(host: Host) -> None:
    status, _, errors = host.run("copy-prefect-backups", "-Back")
    assert (status, errors) == (1, "error: there are no copies: backups.copyTo is not set in the stack file.")


def test_a_restore_of_a_backup_that_is_not_there_names_those_that_are(host: Host) -> None:
    name = host.backup()
    status, _, errors = host.run("restore-prefect", "yesterday")
    assert status == 1
    assert f"there is no backup 'yesterday' in {host.backups.as_posix()}. Those there are: {name}" in errors
