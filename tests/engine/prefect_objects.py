"""One object of each kind in three editions, and how Prefect's API tells of it: the table of the tests beside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

POOL = "of-others"
"""A pool that somebody else keeps; the queue is in it."""


@dataclass(frozen=True, kw_only=True)
class Edition:
    """What a program declares of an object, and what Prefect then tells of it, among other things."""

    declared: Mapping[str, Any]
    told: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An object as it is declared first, changed in place and replaced, and what somebody may do to it by hand."""

    first: Edition
    changed: Edition
    replaced: Edition
    find: Callable[[PrefectClient, Edition], Any]
    """Asks Prefect for the object of an edition; None if there is none."""
    change: Callable[[PrefectClient], None]
    """Changes the replaced one."""
    delete: Callable[[PrefectClient], None]
    """Deletes the replaced one."""


def _edition(told: Mapping[str, Any], **declared: Any) -> Edition:
    return Edition(declared=declared, told=told)


def _found(client: PrefectClient, slug: str, name: str) -> dict[str, Any]:
    document = blocks.find(client, slug, name)
    assert document is not None, f"there is no block {slug}/{name}"
    return document


def _change_block(client: PrefectClient, slug: str, name: str, data: Mapping[str, Any]) -> None:
    blocks.update(client, blocks.schema(client, slug), _found(client, slug, name)["id"], data)


def _find_block(client: PrefectClient, slug: str, name: str) -> dict[str, Any] | None:
    document = blocks.find(client, slug, name, with_secrets=True)
    return document and {"name": document["name"], **document["data"]}


def _automation_id(client: PrefectClient) -> str:
    automation = automations.find(client, "crashes")
    assert automation is not None, "there is no automation 'crashes'"
    return str(automation["id"])


def _trigger(threshold: int) -> dict[str, Any]:
    return {
        "type": "event",
        "posture": "Reactive",
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "expect": ["prefect.flow-run.Crashed"],
        "threshold": threshold,
        "within": 60,
    }


def _automation(name: str, action: str, threshold: int) -> Edition:
    return Edition(
        declared={"name": name, "trigger": _trigger(threshold), "actions": [{"type": action}], "tags": ["b", "a"]},
        told={"name": name, "threshold": threshold, "action": action},
    )


def _find_automation(client: PrefectClient, edition: Edition) -> dict[str, Any] | None:
    found = automations.find(client, edition.declared["name"])
    return found and {
        "name": found["name"],
        "threshold": found["trigger"]["threshold"],
        "action": found["actions"][0]["type"],
    }


def _deployment(name: str, cron: str, *, paused: bool = False) -> Edition:
    return Edition(
        declared={
            **{"flow_name": "etl", "name": name, "entrypoint": "etl.py:etl", "work_pool": POOL, "paused": paused},
            **{"schedules": {"nightly": {"cron": cron}}, "parameters": {"day": None}, "tags": ["b", "a"]},
        },
        told={"name": name, "paused": paused, "schedules": {"nightly": cron}, "parameters": {"day": None}},
    )


def _find_deployment(client: PrefectClient, edition: Edition) -> dict[str, Any] | None:
    found = deployments.find(client, "etl", edition.declared["name"])
    return found and {
        **{key: found[key] for key in ("name", "paused", "parameters")},
        "schedules": {schedule["slug"]: schedule["schedule"].get("cron") for schedule in found["schedules"]},
    }


def _deployment_id(client: PrefectClient) -> str:
    deployment = deployments.find(client, "etl", "daily")
    assert deployment is not None, "there is no deployment etl/daily"
    return str(deployment["id"])


FIRST_SECRET, CHANGED_SECRET, SECRET_BY_HAND = (
    "first-value-for-no-eyes",
    "changed-value-for-no-eyes",
    "hand-for-no-eyes",
)

KINDS = {
    "WorkPool": Kind(
        first=_edition(
            {"type": "process", "concurrency_limit": 2},
            **{"name": "etl", "type": "process", "concurrency_limit": 2, "job_variables": {"env": {"A": "1"}}},
        ),
        changed=_edition(
            {"type": "process", "concurrency_limit": 3, "is_paused": True},
            **{"name": "etl", "type": "process", "concurrency_limit": 3, "paused": True},
        ),
        replaced=_edition({"type": "docker"}, name="etl", type="docker"),
        find=lambda client, edition: work_pools.find(client, edition.declared["name"]),
        change=lambda client: work_pools.update(client, "etl", description="by hand", paused=True),
        delete=lambda client: work_pools.delete(client, "etl"),
    ),
    "WorkQueue": Kind(
        first=_edition({"priority": 5, "is_paused": False}, work_pool=POOL, name="urgent", priority=5),
        changed=_edition({"priority": 7, "is_paused": True}, work_pool=POOL, name="urgent", priority=7, paused=True),
        replaced=_edition({"name": "later", "priority": 7}, work_pool=POOL, name="later", priority=7),
        find=lambda client, edition: work_queues.find(client, POOL, edition.declared["name"]),
        change=lambda client: work_queues.update(client, POOL, "later", priority=9, description="by hand"),
        delete=lambda client: work_queues.delete(client, POOL, "later"),
    ),
    "Variable": Kind(
        first=_edition({"value": {"a": [1, None]}, "tags": ["x"]}, name="region", value={"a": [1, None]}, tags=["x"]),
        changed=_edition({"value": "eu", "tags": []}, name="region", value="eu"),
        replaced=_edition({"value": "eu"}, name="place", value="eu"),
        find=lambda client, edition: variables.find(client, edition.declared["name"]),
        change=lambda client: variables.update(client, "place", "by hand"),
        delete=lambda client: variables.delete(client, "place"),
    ),
    "GlobalConcurrencyLimit": Kind(
        first=_edition({"limit": 2, "active": True}, name="warehouse", limit=2),
        changed=_edition(
            {"limit": 3, "active": False, "slot_decay_per_second": 0.5},
            **{"name": "warehouse", "limit": 3, "active": False, "slot_decay_per_second": 0.5},
        ),
        replaced=_edition({"limit": 3}, name="lake", limit=3),
        find=lambda client, edition: concurrency_limits.find_global(client, edition.declared["name"]),
        change=lambda client: concurrency_limits.update_global(client, "lake", 9),
        delete=lambda client: concurrency_limits.delete_global(client, "lake"),
    ),
    "TagConcurrencyLimit": Kind(
        first=_edition({"concurrency_limit": 2}, tag="gpu", limit=2),
        changed=_edition({"concurrency_limit": 3}, tag="gpu", limit=3),
        replaced=_edition({"concurrency_limit": 3}, tag="tpu", limit=3),
        find=lambda client, edition: concurrency_limits.find_of_tag(client, edition.declared["tag"]),
        change=lambda client: concurrency_limits.set_of_tag(client, "tpu", 9),
        delete=lambda client: concurrency_limits.delete_of_tag(client, "tpu"),
    ),
    "SecretBlock": Kind(
        first=_edition({"value": FIRST_SECRET}, name="password"),
        changed=_edition({"value": CHANGED_SECRET}, name="password"),
        replaced=_edition({"value": CHANGED_SECRET}, name="passphrase"),
        find=lambda client, edition: _find_block(client, blocks.SECRET, edition.declared["name"]),
        change=lambda client: _change_block(client, blocks.SECRET, "passphrase", {"value": SECRET_BY_HAND}),
        delete=lambda client: blocks.delete(client, _found(client, blocks.SECRET, "passphrase")["id"]),
    ),
    "Block": Kind(
        first=_edition(
            {"aws_access_key_id": "AKIA", "aws_secret_access_key": FIRST_SECRET},
            **{"type": "aws-credentials", "name": "cloud", "data": {"aws_access_key_id": "AKIA"}},
        ),
        changed=_edition(
            {"region_name": "eu-central-1", "aws_secret_access_key": CHANGED_SECRET},
            **{"type": "aws-credentials", "name": "cloud", "data": {"region_name": "eu-central-1"}},
        ),
        replaced=_edition({"name": "sky", "aws_secret_access_key": CHANGED_SECRET}, type="aws-credentials", name="sky"),
        find=lambda client, edition: _find_block(client, "aws-credentials", edition.declared["name"]),
        change=lambda client: _change_block(
            client, "aws-credentials", "sky", {"region_name": "by hand", "aws_secret_access_key": SECRET_BY_HAND}
        ),
        delete=lambda client: blocks.delete(client, _found(client, "aws-credentials", "sky")["id"]),
    ),
    "Automation": Kind(
        first=_automation("failures", "cancel-flow-run", 1),
        changed=_automation("failures", "do-nothing", 3),
        replaced=_automation("crashes", "do-nothing", 3),
        find=_find_automation,
        change=lambda client: automations.update(
            client, _automation_id(client), "crashes", {"trigger": _trigger(9), "actions": [{"type": "do-nothing"}]}
        ),
        delete=lambda client: automations.delete(client, _automation_id(client)),
    ),
    "Deployment": Kind(
        first=_deployment("etl", "0 2 * * *"),
        changed=_deployment("etl", "0 3 * * *", paused=True),
        replaced=_deployment("daily", "0 3 * * *"),
        find=_find_deployment,
        change=lambda client: deployments.update(client, _deployment_id(client), {"tags": ["by hand"]}),
        delete=lambda client: deployments.delete(client, _deployment_id(client)),
    ),
}
