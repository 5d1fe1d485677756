"""Backups on one Linux host, whose PostgreSQL was made by hand."""

import pulumi

from components.database_backups import DatabaseBackups, DatabaseBackupsArgs
from components.host import Host, HostArgs
from components.settings.backups import BackupSettings
from tests.hosts.program_host import host_settings

config = pulumi.Config()
host = Host("host", HostArgs(settings=host_settings(config), ssh_private_key=config.require_secret("sshPrivateKey")))
if config.get_bool("backups", default=True):
    elsewhere = config.get("databaseAddress")
    backups = DatabaseBackups(
        "backups",
        DatabaseBackupsArgs(
            host=host,
            settings=BackupSettings(
                directory="/var/backups/prefect",
                schedule=config.get("schedule", default="02:30"),
                keep=config.get_int("keep", default=14),
                keep_days=30,
                copy_to=config.get("copyTo", default=""),
                alert_after_hours=36,
                drill_schedule="Sun 04:30",
            ),
            connection={"PGHOST": elsewhere or "/run/prefect/postgresql", "PGPORT": "5432"},
            administrator="cloud_admin" if elsewhere else "postgres",
            passwords={role: config.require_secret("databasePassword") for role in ("cloud_admin", "prefect_backup")}
            if elsewhere
            else {},
            database_service="prefect-postgresql",
            copy_environment=config.get_secret("copyEnvironment"),
            alert_webhook=config.get_secret("alertWebhook"),
            purge_on_destroy=config.get_bool("purge", default=False),
        ),
    )
    step = backups.backup_before(config.get("version", default="3.8.8"), parent=backups)
    pulumi.export("backup", step.report)
