"""The resources of a stack that keeps queues, variables, limits and blocks in its Prefect server."""

import itertools
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.graph.recorder import Graph, as_json, is_secret, record, text, without_secrets
from tests.settings.stack_file import stack_file

DYNAMIC = "pulumi-python:dynamic/prefect"
KEY = "lake-5ec5e7-41"

TEMPLATE = {"job_configuration": {"command": None}, "variables": {"properties": {"env": {"default": {}}}}}

STACK: dict[str, Any] = {
    "workPools": {
        "default": {
            "description": "Nightly",
            "jobVariables": {"env": {"A": None}},
            "baseJobTemplate": TEMPLATE,
            "workQueues": {"default": {"priority": 3}, "urgent": {"priority": 1}, "usual": {"priority": 2}},
        }
    },
    "variables": {"region": {"value": {"name": "eu", "zone": None}, "tags": ["b", "a"]}},
    "concurrencyLimits": {"API calls": {"limit": 3}},
    "tagConcurrencyLimits": {"gpu": {"limit": 1}},
    "blocks": {
        "minio-credentials/a": {"data": {"minio_root_user": "u"}, "secrets": {"minio_root_password": "lake"}},
        "s3-bucket/lake": {"data": {"bucket_name": "b"}, "references": {"credentials": "minio-credentials/a"}},
    },
    "automations": {
        "failed": {
            "trigger": {"posture": "Reactive"},
            "actions": [{"type": "call-webhook", "block": "minio-credentials/a"}],
        },
        "pausing": {
            "trigger": {"posture": "Reactive"},
            "actions": [
                {"type": "pause-work-queue", "work_queue": "default/urgent"},
                {"type": "pause-work-pool", "work_pool": "of-others"},
            ],
        },
    },
    "secretField-lake": KEY,
}

EXPECTED = {
    (f"{DYNAMIC}:WorkPool", "pool-default-pool", "pool-default"),
    (f"{DYNAMIC}:WorkQueue", "pool-default-queue-default", "pool-default"),
    (f"{DYNAMIC}:WorkQueue", "pool-default-queue-urgent", "pool-default"),
    (f"{DYNAMIC}:WorkQueue", "pool-default-queue-usual", "pool-default"),
    (f"{DYNAMIC}:Variable", "objects-variable-region", "objects"),
    (f"{DYNAMIC}:GlobalConcurrencyLimit", "objects-limit-API calls", "objects"),
    (f"{DYNAMIC}:TagConcurrencyLimit", "objects-tag-limit-gpu", "objects"),
    (f"{DYNAMIC}:Block", "objects-block-minio-credentials/a", "objects"),
    (f"{DYNAMIC}:Block", "objects-block-s3-bucket/lake", "objects"),
    (f"{DYNAMIC}:Automation", "objects-automation-failed", "objects"),
    (f"{DYNAMIC}:Automation", "objects-automation-pausing", "objects"),
    (f"{DYNAMIC}:CanaryRun", "canary-default", None),
}
"""(type, name, parent). A name or a parent that changes makes Pulumi delete what people's flows use."""


@pytest.fixture(scope="module", params=[True, False], ids=["preview", "up"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return record(stack_file(**STACK), preview=request.param)


def test_the_resources_are_these_and_no_others(graph: Graph) -> None:
    resources = graph.resources.values()
    found = {(resource.type, resource.name, resource.parent) for resource in resources if DYNAMIC in resource.type}
    assert found == EXPECTED


def test_a_stack_without_such_objects_has_no_component_for_them() -> None:
    assert "objects" not in record(stack_file()).resources


@pytest.mark.parametrize("name", sorted(name for _, name, _ in EXPECTED))
def test_each_is_made_once_the_server_answers_and_goes_with_the_database(graph: Graph, name: str) -> None:
    assert "server-service" in graph.before(name)
    assert graph.resources[name].deleted_with == "postgres-cluster"
    assert graph.resources[name].delete_before_replace


def test_queues_come_after_their_pool_one_after_the_other_by_priority(graph: Graph) -> None:
    order = ["pool-default-pool", *(f"pool-default-queue-{name}" for name in ("urgent", "usual", "default"))]
    for earlier, later in itertools.pairwise(order):
        assert earlier in graph.resources[later].depends_on


def test_a_block_comes_after_the_one_that_it_refers_to(graph: Graph) -> None:
    assert "objects-block-minio-credentials/a" in graph.resources["objects-block-s3-bucket/lake"].depends_on


def test_an_automation_comes_after_the_blocks_that_its_actions_name(graph: Graph) -> None:
    automation = graph.resources["objects-automation-failed"]
    assert "objects-block-minio-credentials/a" in automation.depends_on
    assert '"block"' not in text(automation.inputs.get("actions", ""))


def test_an_automation_comes_after_the_queues_that_its_actions_name(graph: Graph) -> None:
    assert "pool-default-queue-urgent" in graph.before("objects-automation-pausing")
    assert '"work_queue": "default/urgent"' in graph.resources["objects-automation-pausing"].inputs["actions"]


def test_secret_fields_of_blocks_are_secret_and_the_others_can_be_read(graph: Graph) -> None:
    block = graph.resources["objects-block-minio-credentials/a"]
    assert is_secret(block.inputs["secrets"])
    assert KEY in text(block.inputs["secrets"])
    assert json.loads(block.inputs["data"]) == {"minio_root_user": "u"}
    assert block.additional_secret_outputs == ("secrets",)
    for resource in graph.resources.values():
        assert KEY not in as_json(without_secrets(resource.inputs)), f"{resource.name} shows a secret"


def test_secrets_from_outside_the_stack_file_are_secrets_like_any_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKE_KEY_OF_THE_VAULT", KEY)
    token = tmp_path / "token"
    token.write_text("t0ken-of-the-vault\n")
    token.chmod(0o600)
    sources = {"secretField-lake": {"environment": "LAKE_KEY_OF_THE_VAULT"}, "secretBlock-token": {"file": str(token)}}
    graph = record(stack_file(**{**STACK, "secretField-lake": None, "secretsFrom": sources}))

    assert text(graph.resources["secrets-token"].inputs["value"]) == "t0ken-of-the-vault"
    assert KEY in text(graph.resources["objects-block-minio-credentials/a"].inputs["secrets"])
    for resource in graph.resources.values():
        shown = as_json(without_secrets(resource.inputs))
        assert KEY not in shown, f"{resource.name} shows a secret"
        assert "t0ken-of-the-vault" not in shown, f"{resource.name} shows a secret"


def test_a_stack_file_tells_of_secrets_outside_it_that_are_not_there_with_all_else_that_is_wrong() -> None:
    sources = {"secretBlock-token": {"file": "/nowhere/token"}, "secretBlock-other": {"environment": "NOT_SET_HERE"}}
    with pytest.raises(pulumi.RunError) as caught:
        record(stack_file(**STACK, secretsFrom=sources, server={"port": "eighty"}))

    told = str(caught.value)
    assert "cannot be read: No such file" in told
    assert "names NOT_SET_HERE, which is not set here" in told
    assert "server.port" in told


def test_values_arrive_as_they_were_written_nulls_and_all(graph: Graph) -> None:
    region = graph.resources["objects-variable-region"].inputs
    assert json.loads(region["value"]) == {"name": "eu", "zone": None}
    assert region["tags"] == ["a", "b"]
    assert json.loads(graph.resources["pool-default-pool"].inputs["job_variables"]) == {"env": {"A": None}}
    assert json.loads(graph.resources["pool-default-pool"].inputs["base_job_template"]) == TEMPLATE
    assert graph.resources["pool-default-pool"].inputs["description"] == "Nightly"
    assert graph.resources["objects-limit-API calls"].inputs["limit"] == 3
