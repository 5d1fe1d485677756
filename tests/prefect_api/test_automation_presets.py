"""The automations that need one line: the server takes them, and they fire."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.prefect_api import blocks, deployments, work_pools
from components.prefect_api.automation_presets import PRESETS
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import canonical_json
from components.prefect_api.resources import AutomationProvider
from tests.prefect_api.fake_server import FakeServer
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer
from tests.waiting import wait_until

FIRES_WITHIN_SECONDS = 30


@pytest.fixture
def webhook(client: PrefectClient, fake: FakeServer) -> Iterator[str]:
    """Give the id of a webhook block that calls the fake server."""
    url = fake.api_url
    document_id = blocks.create(client, blocks.schema(client, "webhook"), "presets", {"method": "POST", "url": url})
    yield document_id
    blocks.delete(client, document_id)


@pytest.fixture
def automation(
    request: pytest.FixtureRequest, server: PrefectServer, webhook: str
) -> Iterator[tuple[AutomationProvider, dict[str, Any]]]:
    """Give the provider and the outputs of the automation of the preset that the test is about."""
    preset = PRESETS[request.param]
    notification = {**preset.notification("webhook"), "block_document_id": webhook}
    provider = configured(AutomationProvider, server.auth_string)
    created = provider.create(
        {
            "api_url": server.api_url,
            "name": request.param,
            "trigger": canonical_json(preset.trigger),
            "actions": canonical_json([*preset.actions, notification]),
            "enabled": True,
            "tags": [],
        }
    )
    assert created.outs is not None
    yield provider, created.outs
    provider.delete(created.id, created.outs)


@pytest.mark.parametrize("automation", PRESETS, indirect=True)
def test_the_server_takes_all_of_it(automation: tuple[AutomationProvider, dict[str, Any]]) -> None:
    provider, outputs = automation

    read = provider.read(outputs["name"], dict(outputs)).outs

    assert read is not None
    assert {key: value for key, value in read.items() if value is not None} == outputs


@pytest.mark.parametrize(
    ("automation", "state"),
    [("flow-run-failed", "FAILED"), ("flow-run-crashed", "CRASHED")],
    indirect=["automation"],
)
@pytest.mark.usefixtures("automation")
def test_it_fires_when_a_flow_run_ends_badly(state: str, client: PrefectClient, fake: FakeServer) -> None:
    pool = f"presets-{state}"
    work_pools.create(client, pool, "process", base_job_template={})
    deployment = deployments.ensure(client, "doomed", pool, work_pool=pool, path="/flows", entrypoint="f.py:f")
    run = deployments.create_flow_run(client, deployment)

    body = {"state": {"type": state, "message": "as the test wants it"}, "force": True}
    client.request("POST", f"/flow_runs/{run['id']}/set_state", body)

    wait_until(lambda: bool(fake.requests), "the automation to call its webhook", within=FIRES_WITHIN_SECONDS)
    told = json.dumps(fake.requests[0].body)
    assert run["name"] in told
    assert "as the test wants it" in told
