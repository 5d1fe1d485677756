"""Automations that name what they act on, against a real Prefect server."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.prefect_api import automations, deployments, work_pools, work_queues
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import Properties, canonical_json
from components.prefect_api.resources import AutomationProvider
from tests.prefect_api.lifecycles import FAILED
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer

NAME, POOL = "acts-by-name", "acted-on"
ACTIONS = [
    {"type": "pause-work-pool", "source": "selected", "work_pool": POOL},
    {"type": "resume-work-queue", "source": "selected", "work_queue": f"{POOL}/default"},
    {"type": "run-deployment", "source": "selected", "deployment": "flow/acted-on"},
]


@pytest.fixture
def pool(client: PrefectClient) -> Iterator[None]:
    make_pool(client)
    yield
    work_pools.delete(client, POOL)


def make_pool(client: PrefectClient) -> None:
    work_pools.create(client, POOL, "process", base_job_template={})
    deployments.ensure(client, "flow", "acted-on", work_pool=POOL, path="/flows", entrypoint="flow.py:flow")


@pytest.fixture
def provider(server: PrefectServer, client: PrefectClient) -> Iterator[AutomationProvider]:
    yield configured(AutomationProvider, server.auth_string)
    if found := automations.find(client, NAME):
        automations.delete(client, found["id"])


def declared(server: PrefectServer, actions: list[dict[str, Any]]) -> Properties:
    return {
        "api_url": server.api_url,
        "name": NAME,
        "trigger": canonical_json(FAILED),
        "actions": canonical_json(actions),
        "enabled": True,
        "tags": [],
    }


def ids(client: PrefectClient) -> list[str]:
    """Return the ids that the automation holds."""
    found = automations.find(client, NAME)
    assert found is not None
    pool, queue, run = found["actions"]
    return [pool["work_pool_id"], queue["work_queue_id"], run["deployment_id"]]


def live_ids(client: PrefectClient) -> list[str]:
    """Return the ids of what the automation names."""
    found = (
        work_pools.find(client, POOL),
        work_queues.find(client, POOL, "default"),
        deployments.find(client, "flow", "acted-on"),
    )
    return [named["id"] for named in found if named]


@pytest.mark.usefixtures("pool")
def test_names_become_ids_and_stay_names_in_the_state(
    provider: AutomationProvider, server: PrefectServer, client: PrefectClient
) -> None:
    inputs = declared(server, ACTIONS)
    created = provider.create(inputs)
    assert created.outs is not None

    assert ids(client) == live_ids(client)
    assert created.outs["actions"] == inputs["actions"]
    read = provider.read(created.id, created.outs)
    assert read.outs == {**created.outs, "description": None}, "a refresh sees no change"


@pytest.mark.usefixtures("pool")
def test_what_was_made_anew_is_seen_by_a_refresh_and_named_again(
    provider: AutomationProvider, server: PrefectServer, client: PrefectClient
) -> None:
    inputs = declared(server, ACTIONS)
    created = provider.create(inputs)
    assert created.outs is not None
    work_pools.delete(client, POOL)
    make_pool(client)

    read = provider.read(created.id, created.outs)
    assert read.outs is not None
    assert provider.diff(created.id, read.outs, inputs).changes
    provider.update(created.id, read.outs, inputs)

    assert ids(client) == live_ids(client)


def test_names_that_the_server_does_not_know_are_told_and_nothing_is_made(
    provider: AutomationProvider, server: PrefectServer, client: PrefectClient
) -> None:
    unknown = [
        {"type": "pause-work-pool", "source": "selected", "work_pool": "gone"},
        {"type": "run-deployment", "source": "selected", "deployment": "flow/gone"},
        {"type": "resume-work-queue", "source": "selected", "work_queue": "gone/default"},
        {"type": "pause-automation", "source": "selected", "automation": "gone"},
    ]
    named = "work pool 'gone', deployment 'flow/gone', work queue 'gone/default', automation 'gone'"
    with pytest.raises(ValueError, match=f"does not know: {named}"):
        provider.create(declared(server, unknown))
    assert automations.find(client, NAME) is None
