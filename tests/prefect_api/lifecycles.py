"""One object of each kind, with what may happen to it: the table that tests/prefect_api/test_lifecycles.py runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.prefect_api import (
    automations,
    blocks,
    concurrency_limits,
    deployments,
    variables,
    work_pools,
    work_queues,
)
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, canonical_json
from components.prefect_api.resources import (
    AutomationProvider,
    BlockProvider,
    DeploymentProvider,
    GlobalConcurrencyLimitProvider,
    SecretBlockProvider,
    TagConcurrencyLimitProvider,
    VariableProvider,
    WorkPoolProvider,
    WorkQueueProvider,
)

POOL = "life-of-queues"


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """What happens to one object; numbers are floats, as the engine hands them over.

    Attributes:
        provider: its provider's class.
        inputs: with which it is created.
        in_place: inputs that change without a replacement.
        replacing: an input that replaces it.
        by_hand: changes it past Pulumi.
        secret: text that no message may show.
        upserted: whether Prefect makes it when it is changed and gone.
        prepare: makes what it lives in.
    """

    provider: type[PrefectProvider]
    inputs: Mapping[str, Any]
    in_place: Mapping[str, Any]
    replacing: Mapping[str, Any]
    by_hand: Callable[[PrefectClient], None]
    secret: str = ""
    upserted: bool = False
    prepare: Callable[[PrefectClient], None] = field(default=lambda _: None)


def _pool_for_queues(client: PrefectClient) -> None:
    if work_pools.find(client, POOL) is None:
        work_pools.create(client, POOL, "process", base_job_template={})


def _change_block(client: PrefectClient, slug: str, name: str, data: Mapping[str, Any]) -> None:
    document = blocks.find(client, slug, name)
    assert document is not None
    blocks.update(client, blocks.schema(client, slug), document["id"], data)


def _change_automation(client: PrefectClient) -> None:
    automation = automations.find(client, "life")
    assert automation is not None
    trigger = {**FAILED, "threshold": 9}
    automations.update(client, automation["id"], "life", {"trigger": trigger, "actions": []}, enabled=False)


def _pool_for_deployments(client: PrefectClient) -> None:
    if work_pools.find(client, "life-of-deployments") is None:
        template = work_pools.default_base_job_template(client, "process")
        work_pools.create(client, "life-of-deployments", "process", base_job_template=template)


def _change_deployment(client: PrefectClient) -> None:
    deployment = deployments.find(client, "life", "life")
    assert deployment is not None
    deployments.update(client, deployment["id"], {"paused": True, "tags": ["by-hand"], "parameters": {"day": "x"}})
    # as the UI makes them, without a slug
    body = [{"schedule": {"cron": "1 1 * * *"}, "active": True}]
    client.request("POST", f"/deployments/{deployment['id']}/schedules", body)


PARAMETERS = {
    "title": "Parameters",
    "type": "object",
    "properties": {"day": {"title": "day", "type": "string", "position": 0}, "count": {"type": "integer"}},
    "required": ["day"],
}

FAILED = {
    "type": "event",
    "posture": "Reactive",
    "match": {"prefect.resource.id": "prefect.flow-run.*"},
    "expect": ["prefect.flow-run.Failed", "prefect.flow-run.Crashed"],
    "within": 60,
}

LIFECYCLES = {
    "Automation": Lifecycle(
        provider=AutomationProvider,
        inputs={
            "name": "life",
            "trigger": canonical_json(FAILED),
            "actions": canonical_json([{"type": "cancel-flow-run"}]),
            "enabled": True,
            "tags": ["x", "y"],
        },
        in_place={
            "trigger": canonical_json(
                {"type": "compound", "require": "all", "within": 90, "triggers": [FAILED, {**FAILED, "threshold": 2}]}
            ),
            "actions": canonical_json([{"type": "do-nothing"}, {"type": "pause-work-pool", "source": "inferred"}]),
            "enabled": False,
            "description": "Nightly",
        },
        replacing={"name": "other"},
        by_hand=_change_automation,
    ),
    "WorkPool": Lifecycle(
        provider=WorkPoolProvider,
        inputs={
            "name": "life",
            "type": "process",
            "concurrency_limit": 2.0,
            "paused": False,
            "job_variables": canonical_json({"env": {"A": "1"}}),
        },
        in_place={
            "concurrency_limit": 3.0,
            "paused": True,
            "description": "Nightly",
            "job_variables": canonical_json({"env": {"B": "2"}, "stream_output": False}),
        },
        replacing={"type": "docker"},
        by_hand=lambda client: work_pools.update(client, "life", base_job_template={}, paused=True),
    ),
    "Deployment": Lifecycle(
        provider=DeploymentProvider,
        inputs={
            "flow_name": "life",
            "name": "life",
            "entrypoint": "etl.py:life",
            "work_pool": "life-of-deployments",
            "pull_steps": canonical_json([{"set_working_directory": {"directory": "/srv/flows"}}]),
            "schedules": canonical_json(
                {
                    "nightly": {"cron": "0 2 * * *", "timezone": "Europe/Paris"},
                    "often": {"interval": 600, "active": False},
                    "weekly": {"rrule": "FREQ=WEEKLY;BYDAY=MO"},
                }
            ),
            "parameters": canonical_json({"day": "monday"}),
            "job_variables": canonical_json({"env": {"A": "1"}}),
            "enforce_parameters": True,
            "tags": ["x", "y"],
            "paused": False,
        },
        in_place={
            "entrypoint": "other.py:life",
            "pull_steps": canonical_json(
                [{"git_clone": {"repository": "https://git.example.com/etl", "credentials": "github-credentials/etl"}}]
            ),
            "schedules": canonical_json(
                {
                    "nightly": {"cron": "0 3 * * *", "day_or": False},
                    "often": {"interval": 900, "parameters": {"count": 2}},
                }
            ),
            "parameters": canonical_json({"day": "tuesday", "count": 1}),
            "parameter_schema": canonical_json(PARAMETERS),
            "job_variables": canonical_json({"stream_output": False}),
            "enforce_parameters": False,
            "work_queue": "urgent",
            "concurrency_limit": 3.0,
            "collision_strategy": "CANCEL_NEW",
            "grace_period_seconds": 90.0,
            "description": "Nightly",
            "version": "2",
            "tags": [],
            "paused": True,
        },
        replacing={"name": "other"},
        by_hand=_change_deployment,
        prepare=_pool_for_deployments,
    ),
    "WorkQueue": Lifecycle(
        provider=WorkQueueProvider,
        inputs={"work_pool": POOL, "name": "life", "priority": 2.0, "paused": False},
        in_place={"priority": 5.0, "paused": True, "description": "Nightly", "concurrency_limit": 3.0},
        replacing={"name": "other"},
        by_hand=lambda client: work_queues.update(client, POOL, "life", priority=9, paused=True),
        prepare=_pool_for_queues,
    ),
    "Variable": Lifecycle(
        provider=VariableProvider,
        inputs={"name": "life", "value": canonical_json({"a": [1, None]}), "tags": ["x", "y"]},
        in_place={"value": canonical_json("text"), "tags": []},
        replacing={"name": "other"},
        by_hand=lambda client: variables.update(client, "life", 3, tags=["by-hand"]),
    ),
    "GlobalConcurrencyLimit": Lifecycle(
        provider=GlobalConcurrencyLimitProvider,
        inputs={"name": "life", "limit": 2.0, "active": True, "slot_decay_per_second": 0.0},
        in_place={"limit": 5.0, "active": False, "slot_decay_per_second": 0.5},
        replacing={"name": "other"},
        by_hand=lambda client: concurrency_limits.update_global(client, "life", 9, active=False),
    ),
    "TagConcurrencyLimit": Lifecycle(
        provider=TagConcurrencyLimitProvider,
        inputs={"tag": "life", "limit": 2.0},
        in_place={"limit": 0.0},
        replacing={"tag": "other"},
        by_hand=lambda client: concurrency_limits.set_of_tag(client, "life", 9),
        upserted=True,
    ),
    "SecretBlock": Lifecycle(
        provider=SecretBlockProvider,
        inputs={"name": "life", "value": "dont-show-me"},
        in_place={"value": "dont-show-me-either"},
        replacing={"name": "other"},
        by_hand=lambda client: _change_block(client, "secret", "life", {"value": "dont-show-me-by-hand"}),
        secret="dont-show-me",
    ),
    "Block": Lifecycle(
        provider=BlockProvider,
        inputs={
            "type": "aws-credentials",
            "name": "life",
            "data": canonical_json({"aws_access_key_id": "AKIA", "aws_client_parameters": {"use_ssl": True}}),
            "secrets": canonical_json({"aws_secret_access_key": "dont-show-me"}),
        },
        in_place={
            "data": canonical_json({"aws_client_parameters": {"use_ssl": False, "endpoint_url": "http://s3"}}),
            "secrets": canonical_json({"aws_secret_access_key": "dont-show-me-either"}),
        },
        replacing={"type": "minio-credentials"},
        by_hand=lambda client: _change_block(
            client,
            "aws-credentials",
            "life",
            {"aws_access_key_id": "AKIA", "aws_secret_access_key": "dont-show-me-by-hand"},
        ),
        secret="dont-show-me",
    ),
}
