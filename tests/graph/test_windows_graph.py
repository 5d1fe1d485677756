"""The whole program on one Windows server: which scripts it runs there, with which settings, and who may read what."""

import itertools
import json
from typing import Any

import pytest

from components.platforms.powershell import PLACE
from components.platforms.windows_service import service_sid
from tests.graph.recorder import Graph, is_secret, record, text
from tests.loopback_ports import free_port
from tests.platforms.windows_transport import Arrived, read
from tests.scripts.powershell_commands import GIVEN, SETTINGS
from tests.settings.stack_file import SECRETS, stack_file

HOST = {
    "platform": "windows",
    "address": "203.0.113.10",
    "hostKey": "ssh-ed25519 AAAA",
    "directory": "D:/Prefect",
    "python": {"executable": "C:/Python312/python.exe"},
    "shawl": {"executable": "D:/offline/shawl.exe", "sha256": "ab" * 32},
    "postgresql": {"archive": "D:/offline/postgresql.zip", "sha256": "cd" * 32},
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    # the tunnel listens in earnest, as long as this process lives
    return record(stack_file(hosts={"windows-1": {**HOST, "tunnelPort": free_port()}}))


@pytest.fixture(scope="module")
def serving() -> Graph:
    """Give a stack whose database, on Windows, serves Prefect on Linux and somebody who looks."""
    linux = {"platform": "linux", "address": "203.0.113.11", "privateAddress": "10.0.0.11", "hostKey": "ssh-ed25519 A"}
    windows = {key: value for key, value in HOST.items() if key != "python"}
    hosts: dict[str, dict[str, Any]] = {
        "windows-1": {**windows, "privateAddress": "10.0.0.10"},
        "linux-1": linux,
    }
    ports = itertools.count(free_port(), 20)
    return record(
        stack_file(
            hosts={name: {**host, "tunnelPort": next(ports)} for name, host in hosts.items()},
            postgres={"host": "windows-1", "monitoringFrom": ["10.0.9.0/24"]},
            server={"hosts": ["linux-1"]},
            workers={"default": {"host": "linux-1"}},
            nginx={"publicUrl": "https://prefect.example.com"},
            databaseMonitoringPassword="watch-3c1de09a77f2",
        )
    )


def steps(graph: Graph) -> dict[str, Arrived]:
    """Return what arrives on the Windows host, by the resource that sends it."""
    return {
        resource.name: read(text(resource.inputs["stdin"]).encode())
        for resource in graph.resources.values()
        if resource.type == "command:remote:Command" and resource.inputs["create"].startswith("powershell.exe ")
    }


def contents(graph: Graph) -> dict[str, str]:
    """Return the files that are written on the Windows host, by name."""
    return {
        arrived.settings["path"].rpartition("/")[2]: arrived.settings["content"]
        for arrived in steps(graph).values()
        if script_of(arrived) == "file"
    }


def script_of(arrived: Arrived) -> str:
    (name,) = (path.stem for path in PLACE.glob("*.ps1") if arrived.script.endswith(path.read_text()))
    return name


def test_every_script_gets_all_the_settings_that_it_reads(graph: Graph, serving: Graph) -> None:
    """A variable that nobody set ends a script: PowerShell is strict there."""
    missing = {
        name: (SETTINGS[script_of(arrived)] | GIVEN) - arrived.settings.keys()
        for name, arrived in [*steps(graph).items(), *steps(serving).items()]
    }
    assert {name: settings for name, settings in missing.items() if settings} == {}


def test_every_script_that_a_stack_needs_is_there(graph: Graph, serving: Graph) -> None:
    ran = {script_of(arrived) for arrived in [*steps(graph).values(), *steps(serving).values()]}
    # no resource runs what looks for drift; no worker has an account that others know, and no server Caddy
    own = {"service-account", "install-caddy", "caddy-site", "caddy-certificate"}
    assert ran == SETTINGS.keys() - {"list-drift", *own}


def test_secrets_are_in_files_of_one_service_or_in_settings_of_one_script(graph: Graph) -> None:
    readers = {
        arrived.settings["path"].rpartition("/")[2]: arrived.settings["readers"]
        for arrived in steps(graph).values()
        if script_of(arrived) == "file" and any(secret in arrived.settings["content"] for secret in SECRETS.values())
    }
    assert readers == {
        "prefect-server.secrets.env": service_sid("prefect-server"),
        "prefect-worker-default.secrets.env": service_sid("prefect-worker-default"),
    }


def test_what_carries_a_secret_is_a_secret(graph: Graph) -> None:
    given = [r.inputs["stdin"] for r in graph.resources.values() if r.type == "command:remote:Command"]
    carriers = [stdin for stdin in given if any(secret in text(stdin) for secret in SECRETS.values())]
    assert len(carriers) == 4
    assert all(is_secret(stdin) for stdin in carriers)


def test_copies_of_backups_are_made_by_what_was_put_there_with_credentials_for_administrators_alone() -> None:
    credentials = "RESTIC_PASSWORD=correct-horse-battery"
    restic = {"executable": "D:/offline/restic.exe", "sha256": "ef" * 32}
    graph = record(
        stack_file(
            hosts={"windows-1": {**HOST, "restic": restic, "tunnelPort": free_port()}},
            backups={"copyTo": "//nas/backups/prefect"},
            backupCopyEnvironment=credentials,
        )
    )
    found = steps(graph)
    carriers = {name for name, arrived in found.items() if credentials in str(arrived.settings)}
    assert carriers == {"backups-copy-secrets"}
    assert is_secret(graph.resources["backups-copy-secrets"].inputs["stdin"])
    assert found["backups-copy-secrets"].settings["readers"] == ""
    prepared = found["backups-prepare"].settings
    assert (prepared["copies"], prepared["restic_source"]) == ("true", "D:/offline/restic.exe")
    assert "RESTIC_REPOSITORY=//nas/backups/prefect" in contents(graph)["backups.env"].splitlines()
    assert "copy-prefect-backups.ps1" in contents(graph)


def test_a_service_writes_into_its_own_directories_alone(graph: Graph) -> None:
    definitions = {
        name: json.loads(arrived.settings["content"])["writes"]
        for name, arrived in steps(graph).items()
        if name.endswith("-service-definition")
    }
    assert definitions == {
        "postgres-service-definition": ["D:/Prefect/data/postgresql", "D:/Prefect/log/prefect-postgresql"],
        "server-service-definition": [
            *("D:/Prefect/data/prefect-server", "D:/Prefect/run/ui", "D:/Prefect/log/prefect-server"),
        ],
        "worker-default-service-definition": [
            "D:/Prefect/data/prefect-worker-default",
            "D:/Prefect/log/prefect-worker-default",
        ],
    }


def test_no_path_of_another_system_is_sent(graph: Graph) -> None:
    settings = {(name, key): given for name, arrived in steps(graph).items() for key, given in arrived.settings.items()}
    paths = {key: given for key, given in settings.items() if given.startswith("/") and key[1] != "content"}
    assert paths == {}


def test_postgresql_has_no_socket_and_asks_everybody_for_a_password(graph: Graph) -> None:
    assert "unix_socket_directories = ''" in contents(graph)["postgresql.conf"]
    methods = {line.split()[-1] for line in contents(graph)["pg_hba.conf"].splitlines() if not line.startswith("#")}
    assert methods == {"scram-sha-256"}


def test_each_service_is_defined_before_it_runs(graph: Graph) -> None:
    for service in ("postgres-service", "server-service", "worker-default-service"):
        assert f"{service}-definition" in graph.before(service)


class TestServingOthers:
    """A database on Windows, and Prefect on Linux."""

    def test_who_comes_by_the_network_speaks_tls(self, serving: Graph) -> None:
        assert "listen_addresses = '127.0.0.1, 10.0.0.10'" in contents(serving)["postgresql.conf"]
        assert "ssl = 'on'" in contents(serving)["postgresql.conf"]
        rows = [line.split() for line in contents(serving)["pg_hba.conf"].splitlines()]
        assert [row[1:4] for row in rows if row[0] == "hostssl"] == [
            ["prefect", "prefect", "10.0.0.11/32"],
            ["all", "prefect_monitoring", "10.0.9.0/24"],
        ]

    def test_they_alone_are_let_in(self, serving: Graph) -> None:
        (opened,) = (step.settings for step in steps(serving).values() if script_of(step) == "firewall")
        assert opened["openings"] == "tcp:5432@10.0.0.11 tcp:5432@10.0.9.0/24"

    def test_its_certificate_is_for_the_address_they_use_and_is_there_before_it_listens(self, serving: Graph) -> None:
        made = steps(serving)["postgres-certificate"]
        assert (made.settings["service"], made.settings["names"]) == ("prefect-postgresql", "10.0.0.10")
        assert {"postgres-certificate", "postgres-certificate-program"} <= serving.before("postgres-configured")
        place = "D:/Prefect/configuration/postgresql/tls"
        assert f"ssl_cert_file = '{place}/server.pem'" in contents(serving)["postgresql.conf"]

    def test_it_is_renewed_by_a_task(self, serving: Graph) -> None:
        task = contents(serving)["prefect-postgresql-certificate.xml"]
        program = "D:/Prefect/runtime/bin/issue-certificate.ps1 D:/Prefect/configuration/postgresql/tls"
        assert f" prefect-postgresql-certificate 300 {program} prefect-postgresql 10.0.0.10<" in task
        assert "<Monday />" in task

    def test_the_server_trusts_nobody_else(self, serving: Graph) -> None:
        written = serving.resources["server-database-authority"]
        assert "MOCK" in text(written.inputs["stdin"])
        assert "postgres-certificate" in serving.before("server-database-authority")

    def test_one_that_serves_its_own_host_alone_has_none(self, graph: Graph) -> None:
        assert "postgres-certificate" not in graph.resources
        assert "ssl" not in contents(graph)["postgresql.conf"]
