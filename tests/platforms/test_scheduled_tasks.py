"""What runs at set times: systemd's units for it, and the programs that it runs."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from components.platforms import SCRIPTS, HostFile, Linux, Local, ScheduledTask

TASK = ScheduledTask(
    name="prefect-backup",
    description="Backup of the Prefect database",
    command=("/opt/prefect/bin/backup-prefect", "50%"),
    user="postgres",
    schedule="*-*-* 02:30",
    random_delay_seconds=900,
    time_limit_seconds=3600,
    writes=("/var/backups/prefect", "/var/lib/prefect/backups"),
    after=("prefect-postgresql",),
    on_failure=("/opt/prefect/bin/send-alert",),
)
PROGRAMS = sorted(path.stem for path in (SCRIPTS / "linux" / "programs").iterdir() if path.suffix != ".pyc")


def lines(file: HostFile) -> list[str]:
    return file.content.splitlines()


class TestUnits:
    def test_the_timer_makes_up_for_a_run_that_was_missed(self) -> None:
        timer = Linux().task_definitions(TASK)["timer"]
        assert timer.path == "/etc/systemd/system/prefect-backup.timer"
        assert {"OnCalendar=*-*-* 02:30", "RandomizedDelaySec=900", "Persistent=yes", "WantedBy=timers.target"} <= set(
            lines(timer)
        )

    def test_the_task_runs_once_for_a_bounded_time_when_its_directories_are_mounted(self) -> None:
        task = Linux().task_definitions(TASK)["task"]
        assert task.path == "/etc/systemd/system/prefect-backup.service"
        assert {
            "After=network-online.target prefect-postgresql.service",
            "RequiresMountsFor=/var/backups/prefect",
            "Type=oneshot",
            "User=postgres",
            'ExecStart=/opt/prefect/bin/backup-prefect "50%%"',
            "TimeoutStartSec=3600",
        } <= set(lines(task))

    def test_it_may_write_into_its_directories_and_nowhere_else(self) -> None:
        task = lines(Linux().task_definitions(TASK)["task"])
        assert "ProtectSystem=strict" in task
        assert [line for line in task if line.startswith("ReadWritePaths=")] == [
            "ReadWritePaths=/var/backups/prefect",
            "ReadWritePaths=/var/lib/prefect/backups",
        ]

    def test_a_failure_is_told_by_root_with_the_name_of_the_task(self) -> None:
        units = Linux().task_definitions(TASK)
        assert "OnFailure=prefect-backup-failed.service" in lines(units["task"])
        assert units["failure"].path == "/etc/systemd/system/prefect-backup-failed.service"
        assert "ExecStart=/opt/prefect/bin/send-alert prefect-backup" in lines(units["failure"])
        assert not any(line.startswith(("User=", "OnFailure=", "ReadWritePaths=")) for line in lines(units["failure"]))

    def test_nobody_is_told_if_nobody_wants_to_know(self) -> None:
        units = Linux().task_definitions(replace(TASK, on_failure=()))
        assert set(units) == {"task", "timer"}
        assert "OnFailure" not in units["task"].content

    def test_systemd_accepts_them(self, tmp_path: Path) -> None:
        analyze = shutil.which("systemd-analyze")
        if not analyze:
            pytest.skip("needs systemd-analyze on PATH")
        units = Linux().task_definitions(TASK)
        for file in units.values():
            content = file.content.replace("/opt/prefect/bin/backup-prefect", "/bin/true")
            (tmp_path / Path(file.path).name).write_text(content.replace("/opt/prefect/bin/send-alert", "/bin/true"))
        ended = subprocess.run(
            [analyze, "verify", *map(str, tmp_path.iterdir())],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            capture_output=True,
            text=True,
            check=False,
        )
        complaints = [line for line in ended.stderr.splitlines() if "prefect-backup" in line]
        if ended.returncode and not complaints:
            pytest.skip(f"systemd-analyze does not work here: {ended.stderr.strip()[-200:]}")
        assert complaints == []


class TestPrograms:
    @pytest.mark.parametrize("name", PROGRAMS)
    def test_a_program_stands_where_its_task_finds_it(self, name: str) -> None:
        program = Linux().program(name)
        assert program.path == f"/opt/prefect/bin/{name}"
        assert (program.mode, program.owner) == ("0755", "root")

    def test_one_that_does_not_exist_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="not enough values"):
            Linux().program("no-such-program")


def test_this_machine_offers_neither() -> None:
    with pytest.raises(NotImplementedError, match="prefect-backup"):
        Local("/srv/box").task_definitions(TASK)
    with pytest.raises(NotImplementedError, match="send-alert"):
        Local("/srv/box").program("send-alert")
