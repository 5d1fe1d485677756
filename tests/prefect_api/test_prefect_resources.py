"""What is particular to each kind of resource, against a real Prefect server; test_lifecycles.py has what all do."""

import json
from typing import Any, ClassVar

import pytest
from pulumi import dynamic
from pulumi.runtime import rpc

from components.prefect_api import blocks, work_pools, work_queues
from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from components.prefect_api.provider import canonical_json
from components.prefect_api.resources import (
    BlockProvider,
    CanaryRunProvider,
    GlobalConcurrencyLimitProvider,
    SecretBlockProvider,
    VariableProvider,
    WorkPoolProvider,
    WorkQueueProvider,
)
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer

TEMPLATE = {
    "job_configuration": {"command": "{{ command }}"},
    "variables": {"type": "object", "properties": {"command": {"type": "string", "default": None}}},
}


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give a name of the test's own."""
    return str(request.node.name).replace("_", "-")


class TestWorkPool:
    @pytest.fixture
    def provider(self, server: PrefectServer) -> WorkPoolProvider:
        return configured(WorkPoolProvider, server.auth_string)

    @pytest.fixture
    def pool(self, server: PrefectServer, name: str) -> dict[str, Any]:
        return {"api_url": server.api_url, "name": name, "type": "process", "concurrency_limit": 2.0}

    def test_it_gets_the_default_job_template_of_its_type(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        provider.create(pool)

        found = live_pool(client, pool)
        assert found["base_job_template"] == work_pools.default_base_job_template(client, "process")
        assert found["concurrency_limit"] == 2

    def test_a_given_job_template_is_kept_with_its_nulls(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create({**pool, "base_job_template": json.dumps(TEMPLATE)})
        assert live_pool(client, pool)["base_job_template"] == TEMPLATE

        work_pools.update(client, pool["name"], base_job_template={})
        read = provider.read(created.id, outputs(created))
        assert read.outs is not None
        assert read.outs["base_job_template"] == "{}"

    @pytest.mark.parametrize(
        "given", [{"base_job_template": json.dumps(TEMPLATE)}, {"job_variables": json.dumps({"working_dir": "/flows"})}]
    )
    def test_a_job_template_no_longer_given_becomes_the_default_again(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient, given: dict[str, str]
    ) -> None:
        pool["name"] = f"back-to-default-{len(json.dumps(given))}"
        default = work_pools.default_base_job_template(client, "process")
        created = provider.create({**pool, **given})
        assert live_pool(client, pool)["base_job_template"] != default

        provider.update(created.id, outputs(created), pool)

        assert live_pool(client, pool)["base_job_template"] == default

    def test_job_variables_are_defaults_in_the_servers_template(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        provider.create({**pool, "job_variables": json.dumps({"working_dir": "/flows"})})

        default = work_pools.default_base_job_template(client, "process")
        default["variables"]["properties"]["working_dir"]["default"] = "/flows"
        assert live_pool(client, pool)["base_job_template"] == default

    def test_job_variables_that_the_template_does_not_know_are_all_named_and_nothing_is_made(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        wrong = {"workingdir": "/flows", "stream_output": "perhaps"}
        with pytest.raises(ValueError, match=r"stream_output must be of type boolean.*did you mean working_dir\?"):
            provider.create({**pool, "job_variables": json.dumps(wrong)})

        assert work_pools.find(client, pool["name"]) is None

    def test_with_a_template_given_the_preview_already_names_them(self, pool: dict[str, Any]) -> None:
        given = {**pool, "base_job_template": json.dumps(TEMPLATE), "job_variables": json.dumps({"image": "x"})}

        (failure,) = WorkPoolProvider().check({}, given).failures

        assert (failure.property, failure.reason) == ("job_variables", "image is unknown, unlike command")

    def test_an_adopted_pool_keeps_its_template_if_none_is_given(
        self, provider: WorkPoolProvider, pool: dict[str, Any], client: PrefectClient
    ) -> None:
        work_pools.create(client, pool["name"], "process", base_job_template=TEMPLATE)

        provider.create({**pool, "adopt": True})

        assert live_pool(client, pool)["base_job_template"] == TEMPLATE

    def test_one_of_another_type_cannot_be_adopted(self, provider: WorkPoolProvider, pool: dict[str, Any]) -> None:
        provider.create(pool)

        with pytest.raises(ValueError, match="cannot change to 'docker'"):
            provider.create({**pool, "type": "docker", "adopt": True})


class TestWorkQueue:
    @pytest.fixture
    def provider(self, server: PrefectServer) -> WorkQueueProvider:
        return configured(WorkQueueProvider, server.auth_string)

    @pytest.fixture
    def queue(self, server: PrefectServer, client: PrefectClient, name: str) -> dict[str, Any]:
        work_pools.create(client, name, "process", base_job_template={})
        return {"api_url": server.api_url, "work_pool": name, "name": "default"}

    def test_the_default_one_comes_with_its_pool_and_is_taken_over_unasked(
        self, provider: WorkQueueProvider, queue: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create({**queue, "concurrency_limit": 4.0, "priority": 7.0})
        assert created.id == f"{queue['work_pool']}/default"
        assert live_queue(client, queue, "concurrency_limit", "priority") == (4, 7)

        provider.delete(created.id, outputs(created))
        assert live_queue(client, queue, "concurrency_limit", "priority") == (None, 1), "Prefect lets nobody delete it"

    def test_made_in_the_order_of_their_priorities_queues_have_those_they_were_given(
        self, provider: WorkQueueProvider, queue: dict[str, Any], client: PrefectClient
    ) -> None:
        wished = {"urgent": 1, "usual": 2, "default": 3}
        for one, priority in wished.items():
            provider.create({**queue, "name": one, "priority": float(priority)})

        found = {one: live_queue(client, {**queue, "name": one}, "priority") for one in wished}
        assert found == {one: (priority,) for one, priority in wished.items()}

    def test_without_a_priority_the_servers_choice_is_left_alone(
        self, provider: WorkQueueProvider, queue: dict[str, Any], client: PrefectClient
    ) -> None:
        created = provider.create({**queue, "name": "other"})
        work_queues.update(client, queue["work_pool"], "other", priority=8)

        read = provider.read(created.id, outputs(created))
        assert read.outs is not None
        assert not provider.diff(created.id, read.outs, {**queue, "name": "other", "paused": False}).changes

    def test_in_a_pool_that_is_not_there_it_cannot_be(self, provider: WorkQueueProvider, server: PrefectServer) -> None:
        with pytest.raises(PrefectApiError, match=r"(?i)work pool .*not found"):
            provider.create({"api_url": server.api_url, "work_pool": "nowhere", "name": "urgent"})


class TestBlock:
    @pytest.fixture
    def provider(self, server: PrefectServer) -> BlockProvider:
        return configured(BlockProvider, server.auth_string)

    @pytest.fixture
    def block(self, server: PrefectServer, name: str) -> dict[str, Any]:
        return {"api_url": server.api_url, "type": "minio-credentials", "name": name[:60]}

    def test_fields_that_do_not_fit_the_type_are_all_named_and_nothing_is_made(
        self, provider: BlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        wrong = {"minio_root_usr": "admin", "aws_client_parameters": {"use_ssl": "no"}}
        with pytest.raises(ValueError, match="minio-credentials/") as caught:
            provider.create({**block, "data": json.dumps(wrong)})

        for problem in (
            "aws_client_parameters.use_ssl must be of type boolean",
            "minio_root_user is missing",
            "minio_root_password is missing",
            "minio_root_usr is unknown; did you mean minio_root_user?",
        ):
            assert problem in str(caught.value)
        assert blocks.find(client, block["type"], block["name"]) is None

    def test_a_secret_field_among_the_others_is_refused(self, provider: BlockProvider, block: dict[str, Any]) -> None:
        data = {"minio_root_user": "admin", "minio_root_password": "dont-show-me"}

        with pytest.raises(ValueError, match="minio_root_password is secret: give it among the secrets") as caught:
            provider.create({**block, "data": json.dumps(data)})
        assert "dont-show-me" not in str(caught.value)

    def test_a_type_that_the_server_lacks_is_an_error_with_the_nearest(
        self, provider: BlockProvider, block: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match=r"no block type 'minio-credential'; did you mean minio-credentials\?"):
            provider.create({**block, "type": "minio-credential", "data": "{}"})

    def test_it_holds_other_blocks_by_reference(
        self, provider: BlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        credentials = [
            outputs(provider.create({**block, "name": f"{block['name']}-{user}", **minio(user)}))["block_document_id"]
            for user in ("first", "second")
        ]
        bucket = {
            **block,
            "type": "s3-bucket",
            "data": json.dumps({"bucket_name": "lake"}),
            "references": {"credentials": credentials[0]},
        }
        created = provider.create(bucket)
        document = blocks.find(client, "s3-bucket", bucket["name"], with_secrets=True)
        assert document is not None
        assert document["data"]["credentials"]["minio_root_user"] == "first"
        read = provider.read(created.id, outputs(created))
        assert read.outs is not None
        assert kept(read.outs) == kept(outputs(created)), "what the other block holds is the other block's"

        provider.update(created.id, outputs(created), {**bucket, "references": {"credentials": credentials[1]}})
        document = blocks.find(client, "s3-bucket", bucket["name"], with_secrets=True)
        assert document is not None
        assert document["data"]["credentials"]["minio_root_user"] == "second"

    def test_a_secret_that_somebody_else_set_is_seen_and_stays_among_the_secrets(
        self, provider: BlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        aws = {**block, "type": "aws-credentials", "data": "{}"}
        created = provider.create(aws)
        schema = blocks.schema(client, "aws-credentials")
        blocks.update(client, schema, outputs(created)["block_document_id"], {"aws_secret_access_key": "dont-show-me"})

        read = provider.read(created.id, outputs(created))

        assert read.outs is not None
        assert "dont-show-me" not in read.outs["data"]
        assert json.loads(read.outs["secrets"]) == {"aws_secret_access_key": "dont-show-me"}
        assert provider.diff(created.id, read.outs, aws).changes

    def test_a_table_of_secrets_is_one_secret(
        self, provider: BlockProvider, block: dict[str, Any], client: PrefectClient
    ) -> None:
        info = {"type": "service_account", "private_key": "dont-show-me"}
        gcp = {
            **block,
            "type": "gcp-credentials",
            "data": json.dumps({"project": "lake"}),
            "secrets": canonical_json({"service_account_info": info}),
        }
        created = provider.create(gcp)

        document = blocks.find(client, "gcp-credentials", gcp["name"], with_secrets=True)
        assert document is not None
        assert document["data"] == {"project": "lake", "service_account_info": info}
        read = provider.read(created.id, outputs(created))
        assert read.outs is not None
        assert not provider.diff(created.id, read.outs, gcp).changes


class TestDiff:
    POOL: ClassVar[dict[str, Any]] = {
        "api_url": "http://a/api",
        "name": "etl",
        "type": "process",
        "paused": False,
        "adopt": False,
    }
    UNKNOWN = rpc.UNKNOWN

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
            (BlockProvider(), "API_KEY", "lowercase"),
            (VariableProvider(), "Region", "lowercase"),
            (WorkQueueProvider(), "a&b", "none of"),
            (GlobalConcurrencyLimitProvider(), " ", "needs a name"),
        ],
    )
    def test_a_name_that_the_server_would_refuse_fails_the_preview(
        self, provider: dynamic.ResourceProvider, name: str, reason: str
    ) -> None:
        (failure,) = provider.check({}, {"name": name}).failures

        assert failure.property == "name"
        assert reason in failure.reason

    @pytest.mark.parametrize(
        ("provider", "input_", "value", "reason"),
        [
            (GlobalConcurrencyLimitProvider(), "limit", -1.0, "from 0 on"),
            (GlobalConcurrencyLimitProvider(), "limit", 1.5, "whole number"),
            (GlobalConcurrencyLimitProvider(), "slot_decay_per_second", -0.5, "from 0 on"),
            (WorkQueueProvider(), "priority", 0.0, "from 1"),
            (VariableProvider(), "value", json.dumps("x" * 5000), "at most 5000"),
            (SecretBlockProvider(), "value", "********", "eight asterisks"),
            (BlockProvider(), "secrets", json.dumps({"password": "********"}), "eight asterisks"),
        ],
    )
    def test_so_does_a_value_that_it_would_refuse(
        self, provider: dynamic.ResourceProvider, input_: str, value: object, reason: str
    ) -> None:
        (failure,) = provider.check({}, {input_: value}).failures

        assert failure.property == input_
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


def kept(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if value is not None}


def minio(user: str) -> dict[str, str]:
    return {
        "data": json.dumps({"minio_root_user": user}),
        "secrets": json.dumps({"minio_root_password": "dont-show-me"}),
    }


def live_pool(client: PrefectClient, props: dict[str, Any]) -> dict[str, Any]:
    found = work_pools.find(client, props["name"])
    assert found is not None, f"there is no work pool {props['name']!r}"
    return found


def live_queue(client: PrefectClient, props: dict[str, Any], *keys: str) -> tuple[Any, ...]:
    found = work_queues.find(client, props["work_pool"], props["name"])
    assert found is not None, f"there is no work queue {props['name']!r}"
    return tuple(found[key] for key in keys)
