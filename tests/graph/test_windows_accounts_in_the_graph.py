"""Workers on Windows that log on as accounts of the domain: what their host is told, and who may read what."""

import json
from typing import Any

import pytest

from tests.graph.recorder import Graph, as_json, is_secret, record, text, without_secrets
from tests.graph.test_windows_graph import HOST, script_of, steps
from tests.loopback_ports import free_port
from tests.platforms.windows_transport import Arrived
from tests.settings.stack_file import stack_file

PASSWORD = "its-password-5f1c'\""


def graph_of(**more: Any) -> Graph:
    workers = {"etl": {"account": "CORP\\svc"}, "managed": {"account": "CORP\\gmsa$", "healthPort": 4211}}
    hosts = {"windows-1": {**HOST, "tunnelPort": free_port()}}
    return record(stack_file(**{"hosts": hosts, "workers": workers, "workerAccountPassword-etl": PASSWORD, **more}))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of()


def definition(arrived: Arrived) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(arrived.settings["content"])
    return found


def test_the_definition_names_the_account_so_that_a_preview_shows_it(graph: Graph) -> None:
    found = definition(steps(graph)["worker-etl-service-definition"])
    assert (found["account"], found["sid"]) == ("CORP\\svc", "")
    assert not is_secret(graph.resources["worker-etl-service-definition"].inputs["stdin"])


def test_its_secrets_are_for_the_account(graph: Graph) -> None:
    found = steps(graph)
    assert found["worker-etl-secrets"].settings["readers"] == "CORP\\svc"
    assert found["worker-managed-secrets"].settings["readers"] == "CORP\\gmsa$"
    assert definition(found["worker-etl-service-definition"])["environment_files"][1].endswith(".secrets.env")


def test_the_password_goes_to_the_script_that_tries_it_and_the_one_that_sets_it(graph: Graph) -> None:
    given = {
        name: arrived.settings["password"]
        for name, arrived in steps(graph).items()
        if "password" in arrived.settings and script_of(arrived) != "set-postgresql-password"
    }
    assert given == {"worker-etl-account": PASSWORD, "worker-etl-service": PASSWORD, "worker-managed-account": ""}


def test_it_is_a_secret_wherever_it_goes(graph: Graph) -> None:
    for name in ("worker-etl-account", "worker-etl-service"):
        assert is_secret(graph.resources[name].inputs["stdin"])
    for resource in graph.resources.values():
        assert "its-password-5f1c" not in as_json(without_secrets(resource.inputs)), f"{resource.name} shows it"
    assert not any("its-password-5f1c" in text(graph.exports[name]) for name in graph.exports)


def test_an_account_is_tried_before_anything_of_its_worker_is_written(graph: Graph) -> None:
    assert "worker-etl-account" in graph.before("worker-etl-secrets")
    assert "worker-etl-account" in graph.before("worker-etl-service")


def test_another_password_restarts_its_worker_alone(graph: Graph) -> None:
    """Windows uses it at the next start; what logged on before goes on with what its domain takes no longer."""
    other = graph_of(**{"workerAccountPassword-etl": "another-password"})

    def fingerprint(one: Graph, name: str) -> str:
        return steps(one)[name].settings["fingerprint"]

    assert fingerprint(other, "worker-etl-service") != fingerprint(graph, "worker-etl-service")
    assert fingerprint(other, "worker-managed-service") == fingerprint(graph, "worker-managed-service")


def test_a_worker_with_an_account_of_its_own_is_told_of_none() -> None:
    found = steps(graph_of(workers={"etl": {}}, **{"workerAccountPassword-etl": None}))
    assert not any(script_of(arrived) == "service-account" for arrived in found.values())
    assert definition(found["worker-etl-service-definition"])["account"] == "NT SERVICE\\prefect-worker-etl"
