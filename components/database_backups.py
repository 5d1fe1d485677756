"""Backups of the Prefect database: made, proven by restoring them, kept for a while, copied away, missed when late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi

from components.host import Host, HostScope, Step
from components.platforms import HostFile, ScheduledTask
from components.settings.backups import BackupSettings

USER: Final = "postgres"
"""The system user who owns the backups and connects to the database."""

PROGRAMS = (
    "backups",
    "backup-prefect",
    "copy-prefect-backups",
    "check-prefect-backups",
    "drill-prefect-restore",
    "restore-prefect",
    "send-alert",
)

HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class DatabaseBackupsArgs:
    """Backups of `database`, made on `host`."""

    host: Host
    settings: BackupSettings
    connection: Mapping[str, str]
    """How to find the server, https://www.postgresql.org/docs/current/libpq-envars.html: PGHOST, PGPORT, PGSSLMODE."""
    passwords: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Of the roles `role` and `administrator`, by name; none where the system user is proof enough."""
    database: str = "prefect"
    owner: str = "prefect"
    role: str = "prefect_backup"
    """May read everything and write nothing: a member of pg_read_all_data."""
    administrator: str = "postgres"
    """May make databases owned by `owner`: restores, also for the drill."""
    ready: Sequence[pulumi.Resource] = ()
    """What must be there first: the database and the roles."""
    database_service: str = ""
    """The database's service on the same host, if it is there."""
    copy_environment: pulumi.Input[str] | None = None
    """RESTIC_PASSWORD and the credentials of `settings.copy_to`, a line NAME=value each."""
    alert_webhook: pulumi.Input[str] | None = None
    """URL that is told when a backup, a drill or a copy failed, or the newest backup is too old."""
    protect: bool = False
    """Whether Pulumi refuses to remove them."""
    purge_on_destroy: bool = False
    """Whether removing this removes the backups too."""


class DatabaseBackups(pulumi.ComponentResource):
    """The Prefect database is backed up, and each week proof is made that it can be restored."""

    directory: str
    """Of the backups, on their host."""

    def __init__(self, name: str, args: DatabaseBackupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:DatabaseBackups", name, None, opts)
        self.directory = args.settings.directory
        self._host, self._name = args.host, name
        on = args.host.scope(self, name)
        place = {
            "user": USER,
            "directory": self.directory,
            "copies": str(bool(args.settings.copy_to)).lower(),
            "purge": str(args.purge_on_destroy).lower(),
        }
        prepared = on.script("prepare", "prepare-backups", place, after=args.ready, protect=args.protect)
        self._ready = [
            *(
                on.program(program, program, after=[prepared])
                for program in PROGRAMS
                if args.host.platform.has_program(program)
            ),
            *_configuration(on, args, prepared),
        ]
        for suffix, task in tasks(on, args).items():
            on.timer(suffix, task, after=self._ready)
        self.register_outputs({"directory": self.directory})

    def backup_before(self, version: str, *, parent: pulumi.Resource) -> Step:
        """Back the database up now, before `parent` brings it to Prefect `version`."""
        on = self._host.scope(parent, self._name)
        return on.script(
            "before-migration", "backup-database", {"reason": f"before-migration-{version}"}, after=self._ready
        )


def variables(args: DatabaseBackupsArgs, password_file: str) -> dict[str, str]:
    """Return what the programs read: the connection as libpq names it, the repository as restic does, and our own."""
    settings = args.settings
    return {
        **args.connection,
        **({"PGPASSFILE": password_file} if args.passwords else {}),
        "PGDATABASE": args.database,
        "PGUSER": args.role,
        "DATABASE_OWNER": args.owner,
        "DATABASE_ADMINISTRATOR": args.administrator,
        "BACKUP_DIRECTORY": settings.directory,
        "BACKUP_KEEP": str(settings.keep),
        "BACKUP_KEEP_DAYS": str(settings.keep_days),
        "BACKUP_ALERT_AFTER_HOURS": str(settings.alert_after_hours),
        "RESTIC_REPOSITORY": settings.copy_to,
    }


def password_lines(passwords: Mapping[str, str]) -> str:
    """Return a password file, https://www.postgresql.org/docs/current/libpq-pgpass.html, for any host and database."""
    escaped = {role: password.replace("\\", "\\\\").replace(":", "\\:") for role, password in passwords.items()}
    return "".join(f"*:*:*:{role}:{password}\n" for role, password in escaped.items())


def tasks(on: HostScope, args: DatabaseBackupsArgs) -> dict[str, ScheduledTask]:
    """Return what is run at set times."""
    quarter_of_an_hour, platform = HOUR // 4, args.host.platform

    def task(name: str, description: str, program: str, schedule: str) -> ScheduledTask:
        return ScheduledTask(
            name=name,
            description=f"Prefect database: {description}",
            command=(platform.program(program).path,),
            user=USER,
            schedule=schedule,
            random_delay_seconds=quarter_of_an_hour,
            # each of the programs' steps has a shorter limit, and an error that says more
            time_limit_seconds=12 * HOUR,
            writes=(args.settings.directory, on.path("data", "backups")),
            after=(args.database_service,) if args.database_service else (),
            on_failure=(platform.program("send-alert").path,),
        )

    return {
        "backup": task("prefect-backup", "backup", "backup-prefect", args.settings.schedule),
        "drill": task("prefect-restore-drill", "restore drill", "drill-prefect-restore", args.settings.drill_schedule),
        "age": task("prefect-backup-age", "age of the newest backup", "check-prefect-backups", "00,06,12,18:15"),
    }


def _configuration(on: HostScope, args: DatabaseBackupsArgs, prepared: Step) -> list[Step]:
    passwords = HostFile(path=on.path("configuration", "backups.pgpass"), content="", mode="0600", owner=USER)
    copying = HostFile(path=on.path("configuration", "backups-copy.secrets.env"), content="", mode="0600", owner=USER)
    alerting = HostFile(path=on.path("configuration", "alert.secrets.env"), content="", mode="0600")
    settings = HostFile(
        path=on.path("configuration", "backups.env"), content=on.environment_file(variables(args, passwords.path))
    )
    files = [on.file("settings", settings, after=[prepared])]
    if args.passwords:
        known: pulumi.Output[dict[str, str]] = pulumi.Output.secret(pulumi.Output.all(**args.passwords))
        files.append(on.file("passwords", passwords, known.apply(password_lines), after=[prepared]))
    if args.copy_environment is not None:
        files.append(on.file("copy-secrets", copying, pulumi.Output.secret(args.copy_environment), after=[prepared]))
    if args.alert_webhook is not None:
        line = pulumi.Output.secret(args.alert_webhook).apply(
            lambda address: on.environment_file({"ALERT_WEBHOOK_URL": address})
        )
        files.append(on.file("alert-secrets", alerting, line, after=[prepared]))
    return files
