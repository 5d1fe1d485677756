"""The dynamic providers, called as the engine calls them, against a real Prefect server."""

import json
from typing import Any, ClassVar

import pytest
from pulumi import dynamic

from components.prefect_api import blocks, work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from components.prefect_api.resources import CanaryRunProvider, SecretBlockProvider, WorkPoolProvider
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer

TEMPLATE = {
    "job_configuration": {"command": "{{ command }}"},
    "variables": {"type": "object", "properties": {"command": {"type": "string", "default": None}}},
}


class TestWorkPool:
    @pytest.fixture
    def provider(self, server: PrefectServer) -> WorkPoolProvider:
        return configured(WorkPoolProvider, server.auth_string)

    @pytest.fixture
    def pool(self, server: PrefectServer, request: pytest.FixtureRequest) -> dict[str, Any]:
        """Give a pool of the test's own; numbers are floats, as the engine hands them over."""
        name = request.node.name.replace("_", "-")
        return {
            "api_url": server.api_url,
            "name": name,
            "type": "process",
            "concurrency_limit": 2.0,
            "paused": False,
            "adopt": False,
        }

    def test_it_gets_the_default_job_template_of_its_type(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        provider.create(pool)

        found = live_pool(client, pool)
        assert found["base_job_template"] == work_pools.default_base_job_template(client, "process")
        assert found["concurrency_limit"] == 2

    def test_a_refresh_of_what_is_as_it_should_be_shows_nothing(
        self, provider: WorkPoolProvider, pool: dict[str, Any]
    ) -> None:
        created = provider.create(pool)

        assert_no_drift(provider, created, pool)

    def test_a_refresh_shows_what_was_changed_by_hand_and_an_update_mends_it(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create(pool)
        work_pools.update(client, pool["name"], description="by hand", paused=True)

        read = refreshed(provider, created)
        assert (read["description"], read.get("concurrency_limit"), read["paused"]) == ("by hand", None, True)
        assert provider.diff(created.id, read, pool).changes

        provider.update(created.id, read, pool)
        assert_no_drift(provider, created, pool)

    def test_a_given_job_template_is_kept_with_its_nulls(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        pool["base_job_template"] = json.dumps(TEMPLATE)
        created = provider.create(pool)
        assert live_pool(client, pool)["base_job_template"] == TEMPLATE
        assert_no_drift(provider, created, pool)

        work_pools.update(client, pool["name"], base_job_template={})
        assert refreshed(provider, created)["base_job_template"] == "{}"

    def test_a_job_template_no_longer_given_becomes_the_default_again(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create({**pool, "base_job_template": json.dumps(TEMPLATE)})

        provider.update(created.id, outputs(created), pool)

        default = work_pools.default_base_job_template(client, "process")
        assert live_pool(client, pool)["base_job_template"] == default

    def test_one_that_is_there_already_is_an_error_that_says_how_to_adopt_it(
        self, provider: WorkPoolProvider, pool: dict[str, Any]
    ) -> None:
        provider.create(pool)

        with pytest.raises(ValueError, match="Set adopt=True"):
            provider.create({**pool, "concurrency_limit": 7})

    def test_one_just_as_wished_is_what_an_interrupted_create_has_made(
        self, provider: WorkPoolProvider, pool: dict[str, Any]
    ) -> None:
        provider.create(pool)

        assert provider.create(pool).id == pool["name"]

    def test_one_that_is_there_already_can_be_adopted(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        work_pools.create(client, pool["name"], "process", base_job_template=TEMPLATE)

        provider.create({**pool, "adopt": True})

        assert live_pool(client, pool)["concurrency_limit"] == 2
        assert live_pool(client, pool)["base_job_template"] == TEMPLATE, "none was given, so it is left alone"

    def test_one_of_another_type_cannot_be_adopted(self, provider: WorkPoolProvider, pool: dict[str, Any]) -> None:
        provider.create(pool)

        with pytest.raises(ValueError, match="cannot change to 'docker'"):
            provider.create({**pool, "type": "docker", "adopt": True})

    def test_one_deleted_by_hand_is_gone_after_a_refresh_and_deleting_it_succeeds(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create(pool)
        work_pools.delete(client, pool["name"])

        read = provider.read(created.id, outputs(created))
        assert (read.id, read.outs) == ("", {})
        with pytest.raises(PrefectApiError, match="run pulumi refresh"):
            provider.update(created.id, outputs(created), pool)
        provider.delete(created.id, outputs(created))


class TestSecretBlock:
    @pytest.fixture
    def provider(self, server: PrefectServer) -> SecretBlockProvider:
        return configured(SecretBlockProvider, server.auth_string)

    @pytest.fixture
    def block(self, server: PrefectServer, request: pytest.FixtureRequest) -> dict[str, Any]:
        name = request.node.name.replace("_", "-")
        return {"api_url": server.api_url, "name": name, "value": "first", "adopt": False}

    def test_it_lives_as_the_stack_says(
        self, provider: SecretBlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create(block)
        document = blocks.find_secret(client, block["name"], with_value=True)
        assert document is not None
        assert document["data"] == {"value": "first"}
        assert created.id == f"secret/{block['name']}"
        assert outputs(created)["block_document_id"] == document["id"]
        assert_no_drift(provider, created, block)

        provider.delete(created.id, outputs(created))
        assert blocks.find_secret(client, block["name"]) is None
        assert provider.read(created.id, outputs(created)).id == ""
        provider.delete(created.id, outputs(created))

    def test_a_value_changed_by_hand_is_seen_and_mended(
        self, provider: SecretBlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create(block)
        blocks.update_secret(client, outputs(created)["block_document_id"], "by hand")

        read = refreshed(provider, created)
        assert provider.diff(created.id, read, block).changes

        provider.update(created.id, read, block)
        assert_no_drift(provider, created, block)

    def test_one_that_is_there_already_is_only_taken_over_if_told_to(
        self, provider: SecretBlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        blocks.create_secret(client, block["name"], "older")

        with pytest.raises(ValueError, match="Set adopt=True") as caught:
            provider.create(block)
        assert "first" not in str(caught.value)

        created = provider.create({**block, "adopt": True})
        assert_no_drift(provider, created, {**block, "adopt": True})
        assert provider.create(block).id == created.id, "an interrupted create may be repeated"


class TestDiff:
    POOL: ClassVar[dict[str, Any]] = {
        "api_url": "http://a/api",
        "name": "etl",
        "type": "process",
        "paused": False,
        "adopt": False,
    }
    UNKNOWN = object()

    @pytest.mark.parametrize(
        ("change", "changes", "replaces"),
        [
            ({}, False, []),
            ({"paused": True}, True, []),
            ({"concurrency_limit": 3}, True, []),
            ({"description": UNKNOWN}, True, []),
            ({"name": "elt"}, True, ["name"]),
            ({"name": UNKNOWN, "type": "docker"}, True, ["name", "type"]),
            ({"api_url": "http://b/api"}, True, []),
            ({"adopt": True}, False, []),
            ({"__provider": "other bytes"}, False, []),
        ],
    )
    def test_of_a_work_pool(self, change: dict[str, Any], changes: bool, replaces: list[str]) -> None:
        result = WorkPoolProvider().diff("etl", self.POOL, {**self.POOL, **change})

        assert (result.changes, result.replaces) == (changes, replaces)

    def test_a_canary_is_replaced_for_another_pool_only(self) -> None:
        olds = {"api_url": "http://a/api", "work_pool": "etl", "path": "/flows", "triggers": ["1"]}

        def replaces(**change: Any) -> Any:
            return CanaryRunProvider().diff("canary/canary-etl", olds, {**olds, **change}).replaces

        assert replaces(work_pool="ml") == ["work_pool"]
        assert replaces(path="/other", triggers=["2"], api_url="http://b/api") == []


class TestCheck:
    @pytest.mark.parametrize(
        ("provider", "name", "reason"),
        [
            (WorkPoolProvider(), "prefect-pool", "rename"),
            (WorkPoolProvider(), "a/b", "none of"),
            (SecretBlockProvider(), "API_KEY", "lowercase"),
        ],
    )
    def test_a_name_that_the_server_would_refuse_fails_the_preview(
        self, provider: dynamic.ResourceProvider, name: str, reason: str
    ) -> None:
        (failure,) = provider.check({}, {"name": name}).failures

        assert failure.property == "name"
        assert reason in failure.reason

    def test_a_name_that_is_not_known_yet_passes(self) -> None:
        assert WorkPoolProvider().check({}, {"name": TestDiff.UNKNOWN}).failures == []


def test_without_the_right_credentials_the_error_says_which_key_to_set(server: PrefectServer) -> None:
    provider = configured(WorkPoolProvider, None)

    with pytest.raises(PrefectApiError, match="set authString of the stack"):
        provider.read("etl", {"api_url": server.api_url, "name": "etl", "type": "process"})


def outputs(created: dynamic.CreateResult) -> dict[str, Any]:
    assert created.outs is not None
    return created.outs


def refreshed(provider: dynamic.ResourceProvider, created: dynamic.CreateResult) -> dict[str, Any]:
    """Give the outputs after a refresh. The engine keeps no None."""
    read = provider.read(created.id, outputs(created))
    assert read.outs is not None
    assert read.inputs is not None, "a refresh without inputs shows each input as changed"
    assert read.inputs.items() <= read.outs.items()
    return {key: value for key, value in read.outs.items() if value is not None}


def assert_no_drift(provider: dynamic.ResourceProvider, created: dynamic.CreateResult, props: dict[str, Any]) -> None:
    read = refreshed(provider, created)
    assert read == {**outputs(created)}
    assert not provider.diff(created.id, read, props).changes


def live_pool(client: PrefectClient, props: dict[str, Any]) -> dict[str, Any]:
    found = work_pools.find(client, props["name"])
    assert found is not None, f"there is no work pool {props['name']!r}"
    return found
