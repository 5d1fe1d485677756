"""The backups of the Prefect database of a stack file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from components.platforms.windows_task import SCHEDULE as WINDOWS_SCHEDULE
from components.settings.hosts import HostSettings
from components.settings.table import Problems, Table
from components.settings.windows_hosts import DIRECTORY as WINDOWS_DIRECTORY

_DAYS = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
CALENDAR = re.compile(
    rf"({_DAYS}((\.\.|,){_DAYS})* )?([0-9*/,.]+-[0-9*/,.]+-[0-9*/,.]+ )?[0-9*/,.]+:[0-9*/,.]+(:[0-9]+)?"
)
CALENDAR_RULE = "a time of day, after days of the week or a date if you like, as in systemd.time(7)"

COPY_SECRET = "backupCopyEnvironment"  # noqa: S105 - a key, not a secret

WINDOWS_SCHEDULE_RULE = "a time of day such as 02:30, after days of the week if you like: Mon..Fri 02:30"

DIRECTORY = r"(/[A-Za-z0-9._-]+){2,}"


@dataclass(frozen=True, kw_only=True)
class BackupSettings:
    """Backups of the Prefect database, on the host that can reach it."""

    directory: str
    """Where they stand, in a directory of their own; default /var/backups/prefect, on Windows DIRECTORY/backups."""
    schedule: str
    """When one is made, in the host's time zone; default 02:30, every day."""
    keep: int
    """How many scheduled ones stay, and as many that upgrades made; default 14."""
    keep_days: int
    """How old they may become; default 30. The newest stays, however old."""
    copy_to: str
    """A repository of restic away from the host, such as `s3:https://HOST/BUCKET`; empty for none."""
    alert_after_hours: int
    """How old the newest may become before somebody is told; default 36."""
    drill_schedule: str
    """When the newest is restored into a scratch database and checked; default Sunday 04:30."""


def read_backups(table: Table, host: HostSettings | None) -> BackupSettings | None:
    """Return what backups are made; None for none. `host` is the one that the database is on, None for none of ours."""
    offered = host is not None and host.platform != "local"
    windows = host is not None and host.platform == "windows"
    enabled = table.boolean("enabled", offered)
    if enabled and not offered:
        table.problems.add(
            f"{table.key}.enabled", "is true", "false: a database on the platform local has no backups", "false"
        )
    settings = BackupSettings(
        directory=_directory(table, host.directory if host and windows else ""),
        schedule=_calendar(table, "schedule", "02:30", windows=windows),
        keep=table.integer("keep", 14, minimum=2, maximum=1000),
        keep_days=table.integer("keepDays", 30, minimum=1, maximum=3650),
        copy_to=table.text(
            "copyTo",
            "",
            allowed="a repository of restic, without credentials: those stand under backupCopyEnvironment",
            example="s3:https://s3.example.com/prefect-backups",
            pattern=r"|(?!.*://[^/]*@)[!-~]+",
        ),
        alert_after_hours=table.integer("alertAfterHours", 36, minimum=1, maximum=8760),
        drill_schedule=_calendar(table, "drillSchedule", "Sun 04:30", windows=windows),
    )
    table.finish()
    return settings if enabled else None


def check_copy_secret(problems: Problems, backups: BackupSettings | None, values: Mapping[str, str]) -> None:
    """Note it if the credentials for copies are missing, or are there without being used."""
    used = backups is not None and bool(backups.copy_to)
    if used and not values.get(COPY_SECRET):
        allowed = "lines NAME=value: RESTIC_PASSWORD and the credentials of the repository"
        problems.add_secret(COPY_SECRET, "is missing; backups.copyTo is set", allowed, "cat FILE")
    elif not used and COPY_SECRET in values:
        problems.add_needless(COPY_SECRET, "is set, but nobody uses it", "only beside backups.copyTo")


def _directory(table: Table, windows: str) -> str:
    """Return the directory of backups; `windows` is that of a Windows server, nothing for another host."""
    default = f"{windows}/backups" if windows else "/var/backups/prefect"
    if not table.has("directory"):
        # that of the server may be wrong, which is told there
        return default
    rule = f"a full path{'' if windows else ', at least two directories deep'}, without blanks"
    pattern = WINDOWS_DIRECTORY if windows else DIRECTORY
    return table.text("directory", default, allowed=rule, example=default, pattern=pattern)


def _calendar(table: Table, name: str, default: str, *, windows: bool) -> str:
    rule, pattern = (WINDOWS_SCHEDULE_RULE, WINDOWS_SCHEDULE) if windows else (CALENDAR_RULE, CALENDAR.pattern)
    return table.text(name, default, allowed=rule, example=default, pattern=pattern)
