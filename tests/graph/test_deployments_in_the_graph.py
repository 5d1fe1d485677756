"""The resources of a stack that has deployments."""

import json
from typing import Any

import pytest

from tests.graph.recorder import Graph, record
from tests.settings.stack_file import stack_file

NAME = "deployments-Main Flow/nightly"
STACK: dict[str, Any] = {
    "workPools": {"default": {"workQueues": {"urgent": {"priority": 1}, "usual": {"priority": 2}}}},
    "variables": {"region": {"value": "eu"}},
    "blocks": {"github-credentials/etl": {"data": {}}},
    "deployments": {
        "Main Flow/nightly": {
            "entrypoint": "etl.py:main_flow",
            "workQueue": "urgent",
            "pullSteps": [{"git_clone": {"repository": "r", "credentials": "github-credentials/etl"}}],
            "schedules": {"a": {"cron": "0 2 * * *"}},
            "parameters": {"day": None},
        }
    },
    "automations": {
        "recover": {
            "trigger": {"posture": "Reactive"},
            "actions": [{"type": "run-deployment", "source": "selected", "deployment": "Main Flow/nightly"}],
        }
    },
    "secretBlock-token": "token-3e9a11",
}


@pytest.fixture(scope="module", params=[True, False], ids=["preview", "up"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return record(stack_file(**STACK), preview=request.param)


def test_a_deployment_comes_after_its_pool_its_queue_and_what_its_flow_finds_by_name(graph: Graph) -> None:
    before = graph.before(NAME)
    assert {
        "server-service",
        "pool-default-pool",
        "pool-default-queue-urgent",
        "objects-variable-region",
        "objects-block-github-credentials/etl",
        "secrets-token",
    } <= before
    assert not {"worker-default-service", "canary-default"} & before, "it needs no worker"


def test_an_automation_may_name_it(graph: Graph) -> None:
    assert NAME in graph.before("objects-automation-recover")


def test_the_canary_waits_for_no_deployment(graph: Graph) -> None:
    assert NAME not in graph.before("canary-default")


def test_it_goes_with_the_database_and_is_replaced_by_deleting_first(graph: Graph) -> None:
    resource = graph.resources[NAME]
    assert (resource.type, resource.parent) == ("pulumi-python:dynamic/prefect:Deployment", "deployments")
    assert resource.deleted_with == "postgres-cluster"
    assert resource.delete_before_replace


def test_what_the_stack_file_says_arrives(graph: Graph) -> None:
    inputs = graph.resources[NAME].inputs
    assert (inputs["flow_name"], inputs["name"]) == ("Main Flow", "nightly")
    assert (inputs["work_pool"], inputs["work_queue"]) == ("default", "urgent")
    assert json.loads(inputs["schedules"]) == {"a": {"cron": "0 2 * * *"}}
    assert json.loads(inputs["parameters"]) == {"day": None}


def test_a_stack_without_deployments_has_no_component_for_them() -> None:
    assert "deployments" not in record(stack_file()).resources
