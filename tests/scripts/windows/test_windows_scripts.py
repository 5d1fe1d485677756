"""Scripts for Windows that make directories, open ports, schedule tasks, check what was given. Windows is played."""

import hashlib
from pathlib import Path

import pytest

from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL


def given_shawl(tmp_path: Path, *, sha256: str = "") -> dict[str, str]:
    source = tmp_path / "offline" / "shawl.exe"
    source.parent.mkdir()
    source.write_bytes(b"MZ")
    known = hashlib.sha256(b"MZ").hexdigest()
    wrapper = (tmp_path / "runtime" / "shawl.exe").as_posix()
    return {"wrapper": wrapper, "wrapper_source": source.as_posix(), "wrapper_sha256": sha256 or known}


class TestPrepareHost:
    def test_directories_and_shawl_are_there_afterwards_and_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        ended = run("prepare-host", tmp_path, {**given_shawl(tmp_path), "ports": "", "purge": "false"}, "twice")
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "unchanged"]
        assert (tmp_path / "runtime" / "shawl.exe").read_bytes() == b"MZ"

    def test_another_file_than_the_one_told_is_refused(self, tmp_path: Path) -> None:
        settings = {**given_shawl(tmp_path, sha256="ab" * 32), "ports": "", "purge": "false"}
        ended = run("prepare-host", tmp_path, settings)
        assert ended.status == 1
        assert f"not {'ab' * 32} as in the stack file" in ended.errors
        assert not (tmp_path / "runtime" / "shawl.exe").exists()

    @pytest.mark.parametrize(("purge", "kept"), [("false", True), ("true", False)])
    def test_data_is_set_aside_unless_it_is_to_be_purged(self, purge: str, kept: bool, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "rows").write_text("rows")
        ended = run("prepare-host", tmp_path, {"ports": "", "purge": purge}, "delete")
        assert ended.status == 0, ended.errors
        assert len(list(tmp_path.glob("kept/*/rows"))) == int(kept)
        assert not (tmp_path / "data").exists()


class TestFirewall:
    def test_each_opening_is_a_rule_and_is_made_once(self, tmp_path: Path) -> None:
        openings = {"openings": "tcp:9100@10.0.0.9 udp:51820"}
        ended = run("firewall", tmp_path, openings, "twice")
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "unchanged"]
        assert ended.calls.splitlines() == [
            *("New-NetFirewallRule tcp 9100 10.0.0.9", "New-NetFirewallRule udp 51820 Any"),
        ]

    def test_its_own_rules_alone_are_removed(self, tmp_path: Path) -> None:
        before = "$world.rules['sshd'] = [pscustomobject] @{ Name = 'sshd'; Group = 'OpenSSH'; Enabled = 'True' }"
        ended = run("firewall", tmp_path, {"openings": "tcp:9100"}, "delete_after_create", before=before)
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "changed", "unchanged"]
        assert "Remove-NetFirewallRule sshd" not in ended.calls

    @pytest.mark.parametrize(
        ("before", "told"),
        [("$world.firewall = 'False'", "is off"), ("$world.local_rules = 'False'", "pass over the rules")],
    )
    def test_what_makes_its_rules_idle_is_told(self, before: str, told: str, tmp_path: Path) -> None:
        ended = run("firewall", tmp_path, {"openings": "tcp:9100"}, before=before)
        assert [line.partition(":")[0] for line in ended.lines] == ["note", "changed"]
        assert told in ended.lines[0]


class TestTimer:
    SETTINGS = {"task": "prefect-backup", "schedule": "02:30", "fingerprint": "one"}  # noqa: RUF012 - never changed

    def test_a_task_is_registered_once(self, tmp_path: Path) -> None:
        ended = run("timer", tmp_path, self.SETTINGS, "twice")
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "unchanged"]
        assert ended.calls == "Register-ScheduledTask \\Prefect\\prefect-backup"

    def test_it_is_removed_and_may_be_gone_already(self, tmp_path: Path) -> None:
        ended = run("timer", tmp_path, self.SETTINGS, "delete_after_create")
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "changed", "unchanged"]

    def test_what_windows_refuses_is_told_with_the_file(self, tmp_path: Path) -> None:
        ended = run("timer", tmp_path, self.SETTINGS, before="$world.refuses_tasks = $true")
        assert ended.status == 1
        assert "incorrectly formatted" in ended.errors
        assert "prefect-backup.xml" in ended.errors


class TestPrepareBackups:
    def prepare(self, tmp_path: Path, content: bytes = b"MZ", *, function: str = "twice", sha256: str = "") -> Ended:
        source = tmp_path / "restic_windows_amd64.exe"
        source.write_bytes(content)
        settings = {
            **{"directory": f"{tmp_path.as_posix()}/backups", "copies": "true", "purge": "false"},
            **{"restic_source": source.as_posix(), "restic_sha256": sha256 or hashlib.sha256(content).hexdigest()},
        }
        return run("prepare-backups", tmp_path, settings, function)

    def test_what_copies_them_is_there_afterwards_and_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        ended = self.prepare(tmp_path)
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "unchanged"]
        assert (tmp_path / "runtime" / "restic.exe").read_bytes() == b"MZ"

    def test_another_one_takes_its_place(self, tmp_path: Path) -> None:
        self.prepare(tmp_path, function="create")
        assert self.prepare(tmp_path, b"another").status == 0
        assert (tmp_path / "runtime" / "restic.exe").read_bytes() == b"another"

    def test_one_that_was_not_told_is_refused(self, tmp_path: Path) -> None:
        ended = self.prepare(tmp_path, function="create", sha256="ab" * 32)
        assert ended.status == 1
        assert f"not {'ab' * 32} as in the stack file" in ended.errors

    def test_it_goes_with_them(self, tmp_path: Path) -> None:
        assert self.prepare(tmp_path, function="delete_after_create").lines[-1].startswith("changed: removed")
        assert not (tmp_path / "runtime" / "restic.exe").exists()
