"""The whole program on one Windows server: which scripts it runs there, with which settings, and who may read what."""

import json

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


def steps(graph: Graph) -> dict[str, Arrived]:
    """Return what arrives on the host, by the resource that sends it."""
    return {
        resource.name: read(text(resource.inputs["stdin"]).encode())
        for resource in graph.resources.values()
        if resource.type == "command:remote:Command"
    }


def script_of(arrived: Arrived) -> str:
    (name,) = (path.stem for path in PLACE.glob("*.ps1") if arrived.script.endswith(path.read_text()))
    return name


def test_every_script_gets_all_the_settings_that_it_reads(graph: Graph) -> None:
    """A variable that nobody set ends a script: PowerShell is strict there."""
    missing = {
        name: (SETTINGS[script_of(arrived)] | GIVEN) - arrived.settings.keys() for name, arrived in steps(graph).items()
    }
    assert {name: settings for name, settings in missing.items() if settings} == {}


def test_every_script_that_a_stack_needs_is_there(graph: Graph) -> None:
    ran = {script_of(arrived) for arrived in steps(graph).values()}
    # no resource runs what looks for drift
    assert ran == SETTINGS.keys() - {"list-drift"}


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
    contents = {
        arrived.settings["path"].rpartition("/")[2]: arrived.settings["content"]
        for arrived in steps(graph).values()
        if script_of(arrived) == "file"
    }
    assert "unix_socket_directories = ''" in contents["postgresql.conf"]
    methods = {line.split()[-1] for line in contents["pg_hba.conf"].splitlines() if not line.startswith("#")}
    assert methods == {"scram-sha-256"}


def test_each_service_is_defined_before_it_runs(graph: Graph) -> None:
    for service in ("postgres-service", "server-service", "worker-default-service"):
        assert f"{service}-definition" in graph.before(service)
