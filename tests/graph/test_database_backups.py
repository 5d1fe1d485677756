"""The backups of a database on a Linux host: what is there before what, and what is secret."""

import re
from typing import Any

import pytest

from tests.graph.recorder import Graph, is_secret, record, text
from tests.settings.stack_file import stack_file

HOST = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}
WEBHOOK = "https://hooks.example.com/T0K3N-51c2"
CREDENTIALS = "RESTIC_PASSWORD=correct-horse-battery"
COPIED = {
    "backups": {"copyTo": "s3:https://s3.example.com/prefect"},
    "backupCopyEnvironment": CREDENTIALS,
    "backupAlertWebhook": WEBHOOK,
}


def graph_of(**more: Any) -> Graph:
    return record(stack_file(hosts={"vps": HOST}, **more), preview=True)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(**COPIED)


def payload(graph: Graph, name: str) -> str:
    return text(graph.resources[name].inputs["stdin"])


def test_the_database_is_backed_up_before_it_is_migrated(graph: Graph) -> None:
    assert "postgres-pg-trgm" in graph.before("backups-before-migration")
    assert "backups-before-migration" in graph.before("server-migration")
    assert re.search(r"(?m)^reason=before-migration-\d+\.\d+\.\d+$", payload(graph, "backups-before-migration"))


def test_a_backup_waits_for_the_programs_and_the_settings(graph: Graph) -> None:
    needed = {"backups-prepare", "backups-backups", "backups-backup-prefect", "backups-settings"}
    for name in ("backups-before-migration", "backups-backup", "backups-drill", "backups-age"):
        assert graph.before(name) >= needed


def test_the_programs_connect_by_socket_as_the_role_that_may_only_read(graph: Graph) -> None:
    settings = payload(graph, "backups-settings").splitlines()
    assert {"PGHOST=/run/prefect/postgresql", "PGPORT=5432", "PGUSER=prefect_backup", "PGDATABASE=prefect"} <= {
        *settings
    }
    assert not any(line.startswith("PGPASS") for line in settings)


def test_credentials_and_the_webhook_are_secret_and_in_files_of_their_own(graph: Graph) -> None:
    for name, secret in (("backups-copy-secrets", CREDENTIALS), ("backups-alert-secrets", WEBHOOK)):
        stdin = graph.resources[name].inputs["stdin"]
        assert is_secret(stdin)
        assert secret in text(stdin)
        assert " 0600 " in str(graph.resources[name].inputs["create"])
    for name in graph.children("backups") - {"backups-copy-secrets", "backups-alert-secrets"}:
        assert not is_secret(graph.resources[name].inputs.get("stdin")), f"the preview hides what {name} changes"


def test_without_copies_and_a_webhook_there_are_no_files_for_them() -> None:
    names = graph_of().children("backups")
    assert "backups-settings" in names
    assert not names & {"backups-copy-secrets", "backups-alert-secrets", "backups-passwords"}


def test_without_backups_the_server_is_migrated_all_the_same() -> None:
    graph = graph_of(backups={"enabled": False})
    assert not [name for name in graph.resources if name.startswith("backups")]
    assert "server-migration" in graph.resources


def test_another_schedule_changes_one_timer(graph: Graph) -> None:
    after = graph_of(**{**COPIED, "backups": {**COPIED["backups"], "schedule": "03:30"}})  # type: ignore[dict-item]
    changed = {name for name, one in after.resources.items() if one.inputs != graph.resources[name].inputs}
    assert changed == {"backups-backup-timer", "backups-backup"}
