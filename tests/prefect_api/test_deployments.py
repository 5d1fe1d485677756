"""Deployments on a real Prefect server: what the table of lifecycles does not tell of them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.prefect_api import blocks, deployments, work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import canonical_json
from components.prefect_api.resources import DeploymentProvider
from tests.prefect_api.lifecycles import PARAMETERS
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer

FLOW = "deployed"


@pytest.fixture(scope="module")
def pool(server: PrefectServer) -> str:
    with PrefectClient(server.api_url, server.auth_string) as client:
        template = work_pools.default_base_job_template(client, "docker")
        work_pools.create(client, "containers", "docker", base_job_template=template)
    return "containers"


@pytest.fixture
def provider(server: PrefectServer) -> DeploymentProvider:
    return configured(DeploymentProvider, server.auth_string)


@pytest.fixture
def props(server: PrefectServer, pool: str, client: PrefectClient) -> Iterator[dict[str, Any]]:
    yield {
        "api_url": server.api_url,
        "flow_name": FLOW,
        "name": "nightly",
        "entrypoint": "etl.py:etl",
        "work_pool": pool,
        "pull_steps": "[]",
        "schedules": "{}",
        "parameters": "{}",
        "job_variables": "{}",
        "tags": [],
        "paused": False,
        "enforce_parameters": True,
    }
    if left := deployments.find(client, FLOW, "nightly"):
        deployments.delete(client, left["id"])


def ids(client: PrefectClient) -> dict[str, str]:
    live = deployments.find(client, FLOW, "nightly")
    assert live is not None
    return {schedule["slug"]: schedule["id"] for schedule in live["schedules"]}


class TestSchedules:
    def test_each_is_changed_in_place_and_no_other_is_touched(
        self, provider: DeploymentProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        first = {"kept": {"cron": "0 1 * * *"}, "moved": {"cron": "0 2 * * *"}, "gone": {"interval": 60}}
        created = provider.create({**props, "schedules": canonical_json(first)})
        assert created.outs is not None
        before = ids(client)
        second = {"kept": first["kept"], "moved": {"rrule": "FREQ=DAILY", "active": False}, "new": {"interval": 90}}

        provider.update(created.id, created.outs, {**props, "schedules": canonical_json(second)})

        after = ids(client)
        assert after.keys() == second.keys()
        assert (after["kept"], after["moved"]) == (before["kept"], before["moved"])
        live = deployments.find(client, FLOW, "nightly")
        assert live is not None
        (moved,) = [schedule for schedule in live["schedules"] if schedule["slug"] == "moved"]
        assert (moved["active"], "FREQ=DAILY" in moved["schedule"]["rrule"]) == (False, True)

    def test_an_interval_does_not_move_when_something_else_changes(
        self, provider: DeploymentProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        props["schedules"] = canonical_json({"often": {"interval": 600}})
        outs = provider.create(props).outs
        assert outs is not None

        provider.update("", outs, {**props, "paused": True})

        live = deployments.find(client, FLOW, "nightly")
        assert live is not None
        assert live["schedules"][0]["schedule"]["anchor_date"] == "2020-01-01T00:00:00Z"


class TestParameters:
    def failures(self, provider: DeploymentProvider, props: dict[str, Any], **given: Any) -> list[str]:
        texts = {key: value if isinstance(value, bool) else canonical_json(value) for key, value in given.items()}
        return [failure.reason for failure in provider.check({}, {**props, **texts}).failures]

    def test_they_are_checked_against_the_schema_before_anything_is_asked_of_a_server(
        self, provider: DeploymentProvider, props: dict[str, Any]
    ) -> None:
        found = self.failures(
            provider,
            props,
            parameter_schema=PARAMETERS,
            parameters={"cuont": 1, "day": 3},
            schedules={"a": {"cron": "@daily", "parameters": {"count": "many"}}},
        )
        assert found == [
            "cuont is unknown; did you mean count?",
            "day must be of type string",
            "schedule a: count must be of type integer",
        ]

    def test_one_that_scheduled_runs_would_lack_is_named(
        self, provider: DeploymentProvider, props: dict[str, Any]
    ) -> None:
        schedules = {
            "with": {"cron": "@daily", "parameters": {"day": "x"}},
            "without": {"cron": "@daily"},
            "resting": {"cron": "@daily", "active": False},
        }
        found = self.failures(provider, props, parameter_schema=PARAMETERS, schedules=schedules)
        assert found == ["day is missing, which the runs of schedule without need"]

    def test_a_deployment_that_enforces_nothing_is_not_checked(
        self, provider: DeploymentProvider, props: dict[str, Any]
    ) -> None:
        given = {"parameter_schema": PARAMETERS, "parameters": {"day": 3}, "enforce_parameters": False}
        assert self.failures(provider, props, **given) == []

    def test_all_that_is_wrong_with_steps_and_schedules_is_told_at_once(
        self, provider: DeploymentProvider, props: dict[str, Any]
    ) -> None:
        found = self.failures(
            provider,
            props,
            pull_steps=[{"git_clone": {}}],
            schedules={"a": {"cron": "daily"}, "b": {}},
        )
        assert sorted(found) == [
            "a: cron must be a cron expression of five fields, such as 0 2 * * *; b: it must be exactly one of cron,"
            " interval, rrule",
            "step 1: repository must be given, as git_clone needs it",
        ]


class TestJobVariables:
    def test_those_that_do_not_fit_the_pool_are_named_and_nothing_is_made(
        self, provider: DeploymentProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        props["job_variables"] = canonical_json({"imgae": "etl:1", "mem_limit": 3})

        with pytest.raises(ValueError, match="imgae is unknown; did you mean image") as caught:
            provider.create(props)

        assert f"{FLOW}/nightly do not fit the work pool 'containers'" in str(caught.value)
        assert "mem_limit" in str(caught.value)
        assert deployments.find(client, FLOW, "nightly") is None

    def test_registry_credentials_are_a_block_that_the_server_knows_by_its_id(
        self, provider: DeploymentProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        schema = blocks.schema(client, "docker-registry-credentials")
        data = {"username": "u", "password": "p", "registry_url": "registry.example.com"}
        first = blocks.create(client, schema, "private", data)
        variables = {
            "image": "registry.example.com/etl:1",
            "registry_credentials": "{{ prefect.blocks.docker-registry-credentials.private }}",
            "env": {"TOKEN": "{{ prefect.blocks.secret.token }}"},
        }
        props["job_variables"] = canonical_json(variables)

        outs = provider.create(props).outs

        live = deployments.find(client, FLOW, "nightly")
        assert outs is not None
        assert live is not None
        assert live["job_variables"] == {
            **variables,
            "registry_credentials": {"$ref": {"block_document_id": first}},
        }
        read = provider.read("", outs)
        assert read.outs is not None
        assert not provider.diff("", read.outs, props).changes

        blocks.delete(client, first)
        gone = provider.read("", outs).outs
        assert gone is not None
        assert provider.diff("", gone, props).changes, "what it refers to is no longer there"
        with pytest.raises(ValueError, match="block docker-registry-credentials/private, which is not in Prefect"):
            provider.update("", outs, props)

        second = blocks.create(client, schema, "private", data)
        provider.update("", outs, props)
        live = deployments.find(client, FLOW, "nightly")
        assert live is not None
        assert live["job_variables"]["registry_credentials"] == {"$ref": {"block_document_id": second}}
        blocks.delete(client, second)

    def test_a_missing_pool_is_named(self, provider: DeploymentProvider, props: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="There is no work pool 'nowhere' in Prefect"):
            provider.create({**props, "work_pool": "nowhere"})


def test_its_flow_outlives_it_with_the_history_of_its_runs(
    provider: DeploymentProvider, props: dict[str, Any], client: PrefectClient
) -> None:
    created = provider.create(props)
    provider.delete(created.id, created.outs or {})

    assert client.request("GET", f"/flows/name/{FLOW}")["name"] == FLOW


def test_a_schema_that_is_no_longer_given_leaves_none_behind(
    provider: DeploymentProvider, props: dict[str, Any], client: PrefectClient
) -> None:
    outs = provider.create({**props, "parameter_schema": json.dumps(PARAMETERS)}).outs
    assert outs is not None

    provider.update("", outs, props)

    live = deployments.find(client, FLOW, "nightly")
    assert live is not None
    assert live["parameter_openapi_schema"] == {"type": "object", "properties": {}}
