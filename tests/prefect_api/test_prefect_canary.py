"""A canary in a real work pool: it completes, or the error tells why it did not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.prefect_api import work_pools
from components.prefect_api.canary import Canary, CanaryError, exists
from components.prefect_api.client import PrefectClient
from components.prefect_api.resources import CanaryRunProvider
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer, process_worker

FLOWS = """
from prefect import flow

@flow
def canary():
    print("it sings")

@flow
def broken():
    raise RuntimeError("the reason it failed")
"""


@pytest.fixture(scope="module")
def worked_pool(server: PrefectServer) -> Iterator[str]:
    """Name of a pool that a process worker polls."""
    with PrefectClient(server.api_url, server.auth_string) as client:
        work_pools.create(client, "worked", "process", base_job_template={})
    with process_worker(server, "worked"):
        yield "worked"


@pytest.fixture
def provider(server: PrefectServer) -> CanaryRunProvider:
    return configured(CanaryRunProvider, server.auth_string)


@pytest.fixture
def props(server: PrefectServer, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "canary.py").write_text(FLOWS)
    return {
        "api_url": server.api_url,
        "work_pool": "worked",
        "path": str(tmp_path),
        "entrypoint": "canary.py:canary",
        "triggers": ["1"],
        "timeout_seconds": 60.0,
    }


@pytest.mark.usefixtures("worked_pool")
class TestWithAWorker:
    def test_it_runs_when_created_and_when_a_trigger_changes_and_only_then(
        self, provider: CanaryRunProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        canary = Canary(work_pool="worked", path=props["path"], entrypoint=props["entrypoint"])
        created = provider.create(props)
        outs = created.outs
        assert outs is not None
        assert created.id == "canary/canary-worked"
        assert outs["state"] == "COMPLETED"
        assert outs["duration_seconds"] > 0
        assert outs["ui_path"] == f"/runs/flow-run/{outs['flow_run_id']}"

        read = provider.read(created.id, outs)
        assert (read.id, read.outs, read.inputs) == (created.id, outs, props)

        elsewhere = {**props, "api_url": props["api_url"].replace("127.0.0.1", "localhost")}
        same = provider.update(created.id, outs, elsewhere).outs
        assert same == {**outs, "api_url": elsewhere["api_url"]}, "another address is no reason to run again"

        again = provider.update(created.id, outs, {**props, "triggers": ["2"]}).outs
        assert again is not None
        assert again["flow_run_id"] != outs["flow_run_id"]

        provider.delete(created.id, again)
        assert not exists(client, canary)
        provider.delete(created.id, again)
        assert provider.read(created.id, again).id == ""

    def test_a_flow_that_fails_is_reported_with_its_logs_and_leaves_no_deployment(
        self, provider: CanaryRunProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        props["entrypoint"] = "canary.py:broken"

        text = canary_error(provider, props)

        assert "of work pool 'worked'" in text
        assert "ended Failed" in text
        assert "State message: Flow run encountered an exception: RuntimeError" in text
        assert "the reason it failed" in text.partition("Last logs")[2]
        assert "The worker works, the flow raised an error" in text
        assert len(text.splitlines()) < 50, "only the end of the logs is shown"
        assert not exists(client, Canary(work_pool="worked", path="", entrypoint=""))

    def test_a_flow_file_that_is_not_there_is_reported_as_such(
        self, provider: CanaryRunProvider, props: dict[str, Any]
    ) -> None:
        props["entrypoint"] = "missing.py:canary"

        text = canary_error(provider, props)

        assert "ended Crashed" in text
        assert "FileNotFoundError" in text
        assert f"'missing.py:canary' lies in {props['path']!r}" in text


class TestWithoutAWorker:
    def test_a_run_that_nobody_takes_is_cancelled_and_the_missing_worker_named(
        self, provider: CanaryRunProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        work_pools.create(client, "deserted", "process", base_job_template={})

        text = canary_error(provider, {**props, "work_pool": "deserted", "timeout_seconds": 1.0})

        assert "was still Scheduled after 1 s and was cancelled" in text
        assert "No worker polls work pool 'deserted'" in text
        runs = client.request("POST", "/flow_runs/filter", {"work_pools": {"name": {"any_": ["deserted"]}}})
        assert [run["state"]["type"] for run in runs] == ["CANCELLED"], "no worker may take it up later"

    def test_a_paused_pool_is_named_at_once(
        self, provider: CanaryRunProvider, props: dict[str, Any], client: PrefectClient
    ) -> None:
        work_pools.create(client, "asleep", "process", base_job_template={}, paused=True)

        assert "is paused" in canary_error(provider, {**props, "work_pool": "asleep"})

    def test_a_missing_pool_is_named_at_once(self, provider: CanaryRunProvider, props: dict[str, Any]) -> None:
        assert "no work pool 'nowhere'" in canary_error(provider, {**props, "work_pool": "nowhere"})


def canary_error(provider: CanaryRunProvider, props: dict[str, Any]) -> str:
    with pytest.raises(CanaryError) as caught:
        provider.create(props)
    return str(caught.value)
