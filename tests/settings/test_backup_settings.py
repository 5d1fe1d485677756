"""The section `backups` of a stack file, and the secrets that belong to it."""

import re
import shutil
import subprocess
from typing import Any

import pytest

from components.settings import parse_settings
from components.settings.backups import CALENDAR, BackupSettings
from tests.settings.stack_file import parsed, problems, stack_file

HOST = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}
COPY = {"copyTo": "s3:https://s3.example.com/prefect"}
CREDENTIALS = "AWS_ACCESS_KEY_ID=id\nRESTIC_PASSWORD=correct horse battery\n"
SECRET_KEYS = {"databasePassword", "databaseAdminPassword", "authString", "encryptionKey", "backupCopyEnvironment"}


def on_linux(backups: dict[str, Any], **more: Any) -> dict[str, str]:
    return stack_file(hosts={"vps": HOST}, backups=backups, **more)


def read(backups: dict[str, Any]) -> BackupSettings | None:
    return parsed(on_linux(backups)).backups


def refused(values: dict[str, str]) -> dict[str, str]:
    return {key: f"{problem.given}; {problem.allowed}" for key, problem in problems(values, SECRET_KEYS).items()}


def test_a_linux_host_has_backups_that_nobody_asked_for() -> None:
    assert read({}) == BackupSettings(
        directory="/var/backups/prefect",
        schedule="02:30",
        keep=14,
        keep_days=30,
        copy_to="",
        alert_after_hours=36,
        drill_schedule="Sun 04:30",
    )


def test_they_can_be_left_out() -> None:
    assert read({"enabled": False}) is None


def test_this_machine_has_none_and_says_so_when_asked_for_them() -> None:
    assert parsed(stack_file()).backups is None
    assert "platform local has no backups" in refused(stack_file(backups={"enabled": True}))["backups.enabled"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("directory", "relative"),
        ("directory", "/var"),
        ("directory", "/var/with space"),
        ("schedule", "daily at noon"),
        ("drillSchedule", "Sonntag 04:30"),
        ("keep", 1),
        ("keepDays", 0),
        ("alertAfterHours", "36"),
        ("copyTo", "rest:https://user:password@example.com"),
        ("copyTo", "two words"),
        ("enabled", "yes"),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object) -> None:
    assert f"backups.{key}" in refused(on_linux({key: value}))


@pytest.mark.parametrize(
    "schedule", ["02:30", "Sun 04:30", "Mon..Fri 02:30", "Sat,Sun 00:00:30", "*-*-01 03:00", "*-*-* 00/6:15"]
)
def test_a_schedule_that_is_allowed_is_one_that_systemd_knows(schedule: str) -> None:
    assert CALENDAR.fullmatch(schedule)
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("needs systemd-analyze on PATH")
    ended = subprocess.run([analyze, "calendar", schedule], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


class TestCopies:
    def test_with_their_credentials_they_are_made(self) -> None:
        values = on_linux(COPY, backupCopyEnvironment=CREDENTIALS)
        backups = parse_settings(values, SECRET_KEYS, "prod", 1000).backups
        assert backups is not None
        assert backups.copy_to == COPY["copyTo"]

    def test_without_credentials_they_are_refused(self) -> None:
        found = problems(on_linux(COPY))
        assert set(found) == {"backupCopyEnvironment"}
        assert "--secret backupCopyEnvironment" in found["backupCopyEnvironment"].command

    def test_credentials_that_nobody_uses_are_refused(self) -> None:
        assert set(refused(on_linux({}, backupCopyEnvironment=CREDENTIALS))) == {"backupCopyEnvironment"}

    @pytest.mark.parametrize(
        "credentials",
        ["just words", "AWS_ACCESS_KEY_ID=id", "RESTIC_PASSWORD=short", f"{CREDENTIALS}no name", "lower=case\n"],
    )
    def test_credentials_of_the_wrong_form_are_refused_and_not_shown(self, credentials: str) -> None:
        found = problems(on_linux(COPY, backupCopyEnvironment=credentials), SECRET_KEYS)
        assert set(found) == {"backupCopyEnvironment"}
        assert credentials not in str(found["backupCopyEnvironment"])

    @pytest.mark.parametrize(
        "credentials", [CREDENTIALS, CREDENTIALS.strip(), "RESTIC_PASSWORD=twelve-signs\nB2_ACCOUNT_ID=a=b"]
    )
    def test_any_order_and_end_of_lines_will_do(self, credentials: str) -> None:
        assert refused(on_linux(COPY, backupCopyEnvironment=credentials)) == {}


def test_the_rule_for_schedules_names_where_to_read_on() -> None:
    assert re.search(r"systemd\.time\(7\)", refused(on_linux({"schedule": "never"}))["backups.schedule"])
