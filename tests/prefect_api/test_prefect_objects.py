"""What the client asks of a real Prefect server, which refuses any body that is not as its API wants it."""

import httpx
import pytest

from components.prefect_api import blocks, concurrency_limits, deployments, variables, work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from tests.prefect_runtime import PrefectServer


def test_the_server_of_these_tests_demands_credentials_and_csrf_tokens(server: PrefectServer) -> None:
    user, _, password = server.auth_string.partition(":")
    path = f"{server.api_url}/work_pools/"

    assert httpx.get(path, trust_env=False).status_code == 401
    refused = httpx.post(path, json={}, auth=(user, password), trust_env=False)
    assert refused.json() == {"detail": "Missing CSRF token."}


def test_a_wrong_password_is_reported_with_what_to_set(server: PrefectServer) -> None:
    with (
        PrefectClient(server.api_url, "tests:wrong") as client,
        pytest.raises(PrefectApiError, match="set authString of the stack"),
    ):
        work_pools.find(client, "etl")


def test_an_address_without_api_is_reported_as_such(server: PrefectServer) -> None:
    ui_url = server.api_url.removesuffix("/api")
    with (
        PrefectClient(ui_url, server.auth_string) as client,
        pytest.raises(PrefectApiError, match="ends in /api"),
    ):
        client.request("GET", "/admin/version")


class TestWorkPools:
    def test_a_pool_is_created_changed_and_deleted(self, client: PrefectClient) -> None:
        template = work_pools.default_base_job_template(client, "process")
        work_pools.create(
            client, "etl", "process", base_job_template=template, description="Nightly", concurrency_limit=4
        )
        assert_pool(client, "etl", description="Nightly", concurrency_limit=4, is_paused=False)

        work_pools.update(client, "etl", paused=True)
        assert_pool(client, "etl", description=None, concurrency_limit=None, is_paused=True)
        assert_pool(client, "etl", base_job_template=template)

        work_pools.delete(client, "etl")
        work_pools.delete(client, "etl")
        assert work_pools.find(client, "etl") is None

    def test_a_name_may_need_quoting(self, client: PrefectClient) -> None:
        name = "Tägliche Läufe #1?"
        work_pools.create(client, name, "process", base_job_template={})
        assert_pool(client, name, name=name)
        work_pools.delete(client, name)

    def test_a_taken_name_is_a_conflict(self, client: PrefectClient) -> None:
        work_pools.create(client, "taken", "process", base_job_template={})
        with pytest.raises(PrefectApiError, match="already exists") as caught:
            work_pools.create(client, "taken", "process", base_job_template={})
        assert caught.value.status == 409

    def test_an_unknown_type_is_an_error_that_lists_the_known_ones(self, client: PrefectClient) -> None:
        with pytest.raises(ValueError, match=r"no work pool type 'proces', only .*kubernetes, process"):
            work_pools.default_base_job_template(client, "proces")

    def test_the_types_that_a_stack_file_may_name_are_those_of_the_server(self, client: PrefectClient) -> None:
        for pool_type in work_pools.TYPES:
            assert work_pools.default_base_job_template(client, pool_type)
        with pytest.raises(ValueError, match=f"only {', '.join(sorted(work_pools.TYPES))}\\."):
            work_pools.default_base_job_template(client, "another")

    def test_a_fresh_pool_has_no_workers(self, client: PrefectClient) -> None:
        work_pools.create(client, "idle", "process", base_job_template={})
        assert work_pools.count_online_workers(client, "idle") == 0

    @pytest.mark.parametrize("name", ["Prefect-pool", "a/b", "50%", "a&b", "<a>", " "])
    def test_names_that_the_server_refuses_are_known_beforehand(self, client: PrefectClient, name: str) -> None:
        assert work_pools.name_problem(name)
        with pytest.raises(PrefectApiError):
            work_pools.create(client, name, "process", base_job_template={})


class TestBlocks:
    def test_a_secret_value_is_only_sent_when_asked_for(self, client: PrefectClient) -> None:
        schema = blocks.schema(client, "secret")
        blocks.create(client, schema, "masked", {"value": "hidden"})
        document = blocks.find(client, "secret", "masked")

        assert document is not None
        assert document["data"] == {"value": "********"}

    def test_an_error_over_a_secret_does_not_show_it(self, client: PrefectClient) -> None:
        schema = blocks.schema(client, "secret")
        with pytest.raises(PrefectApiError, match="name: Value error, Block document name must") as caught:
            blocks.create(client, schema, "Not Allowed", {"value": "dont-show-me"})
        assert "dont-show-me" not in str(caught.value) + repr(caught.value)

    @pytest.mark.parametrize("name", ["Upper", "under_score", "with space"])
    def test_names_that_the_server_refuses_are_known_beforehand(self, client: PrefectClient, name: str) -> None:
        assert blocks.name_problem(name)
        with pytest.raises(PrefectApiError):
            blocks.create(client, blocks.schema(client, "secret"), name, {"value": "x"})


class TestVariables:
    @pytest.mark.parametrize("name", ["Upper", "with space", "a/b", "x" * 256])
    def test_names_that_the_server_refuses_are_known_beforehand(self, client: PrefectClient, name: str) -> None:
        assert variables.name_problem(name)
        with pytest.raises(PrefectApiError):
            variables.create(client, name, 1)

    def test_values_that_the_server_refuses_are_known_beforehand(self, client: PrefectClient) -> None:
        longest, too_long = "x" * 4998, "x" * 4999
        assert variables.value_problem(longest) is None
        variables.create(client, "longest", longest)

        assert variables.value_problem(too_long)
        with pytest.raises(PrefectApiError):
            variables.create(client, "too_long", too_long)

    def test_a_taken_name_is_a_conflict(self, client: PrefectClient) -> None:
        variables.create(client, "taken", 1)
        with pytest.raises(PrefectApiError, match="already exists") as caught:
            variables.create(client, "taken", 1)
        assert caught.value.says_conflict


class TestConcurrencyLimits:
    @pytest.mark.parametrize("name", ["a/b", "50%", "a&b", "<a>"])
    def test_names_that_the_server_refuses_are_known_beforehand(self, client: PrefectClient, name: str) -> None:
        assert concurrency_limits.name_problem(name)
        with pytest.raises(PrefectApiError):
            concurrency_limits.create_global(client, name, 1)

    def test_names_may_need_quoting(self, client: PrefectClient) -> None:
        name = "Datenbank #1?"
        concurrency_limits.create_global(client, name, 1)
        concurrency_limits.set_of_tag(client, name, 2)

        limit, limit_of_tag = (
            concurrency_limits.find_global(client, name),
            concurrency_limits.find_of_tag(client, name),
        )
        assert limit is not None
        assert limit_of_tag is not None
        assert (limit["limit"], limit_of_tag["concurrency_limit"]) == (1, 2)
        concurrency_limits.delete_global(client, name)
        concurrency_limits.delete_of_tag(client, name)
        assert concurrency_limits.find_global(client, name) is None
        assert concurrency_limits.find_of_tag(client, name) is None

    def test_a_taken_name_is_a_conflict(self, client: PrefectClient) -> None:
        concurrency_limits.create_global(client, "taken", 1)
        with pytest.raises(PrefectApiError) as caught:
            concurrency_limits.create_global(client, "taken", 1)
        assert caught.value.says_conflict


class TestDeployments:
    def test_ensuring_a_deployment_twice_changes_the_one(self, client: PrefectClient) -> None:
        work_pools.create(client, "deploying", "process", base_job_template={})

        first, second = (
            deployments.ensure(
                client, "sales", "nightly", work_pool="deploying", path=path, entrypoint="sales.py:sales"
            )
            for path in ("/old", "/new")
        )

        assert first == second
        deployment = deployments.find(client, "sales", "nightly")
        assert deployment is not None
        assert (deployment["path"], deployment["work_pool_name"]) == ("/new", "deploying")
        deployments.delete(client, first)
        deployments.delete(client, first)
        assert deployments.find(client, "sales", "nightly") is None

    def test_a_run_that_no_worker_took_is_cancelled_at_once(self, client: PrefectClient) -> None:
        work_pools.create(client, "unattended", "process", base_job_template={})
        deployment_id = deployments.ensure(
            client, "waiting", "w", work_pool="unattended", path="/flows", entrypoint="f.py:f"
        )
        run = deployments.create_flow_run(client, deployment_id)
        assert run["state"]["type"] == "SCHEDULED"

        deployments.cancel_flow_run(client, run["id"])

        assert deployments.read_flow_run(client, run["id"])["state"]["type"] == "CANCELLED"
        assert deployments.last_logs(client, run["id"], 10) == []


def assert_pool(client: PrefectClient, pool: str, **expected: object) -> None:
    found = work_pools.find(client, pool)
    assert found is not None, f"there is no work pool {pool!r}"
    assert {key: found[key] for key in expected} == expected
