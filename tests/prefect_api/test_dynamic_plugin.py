"""What Pulumi makes of the resources: what it stores of the providers, and what its own plugin runs."""

import asyncio
import base64
import os
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components.prefect_api import resources, work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider
from components.prefect_api.resources import WorkPoolProvider
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = {
    "AutomationProvider": "automation",
    "BlockProvider": "block",
    "CanaryRunProvider": "canary_run",
    "DeploymentProvider": "deployment",
    "GlobalConcurrencyLimitProvider": "concurrency_limits",
    "SecretBlockProvider": "secret_block",
    "TagConcurrencyLimitProvider": "concurrency_limits",
    "VariableProvider": "variable",
    "WorkPoolProvider": "work_pool",
    "WorkQueueProvider": "work_queue",
}
"""Where each provider is, below components.prefect_api.resources. The state of stacks names these: none may move."""
PROVIDERS: list[type[PrefectProvider]] = [getattr(resources, name) for name in MODULES]


class TestSerializedProvider:
    def test_all_are_looked_at(self) -> None:
        assert {name for name in resources.__all__ if name.endswith("Provider")} == MODULES.keys()

    @pytest.mark.parametrize("kind", PROVIDERS)
    def test_it_is_a_mere_reference_to_the_class(self, kind: type[PrefectProvider]) -> None:
        serialized = base64.b64decode(serialize_provider(kind()))

        texts = [argument for _, argument, _ in pickletools.genops(serialized) if isinstance(argument, str)]
        assert texts == [f"components.prefect_api.resources.{MODULES[kind.__name__]}", kind.__name__]
        assert len(serialized) < 120

    def test_it_is_the_same_in_every_run(self) -> None:
        program = (
            "from pulumi.dynamic.dynamic import serialize_provider\n"
            "from components.prefect_api import resources\n"
            f"for name in {[*MODULES]}:\n"
            "    print(serialize_provider(getattr(resources, name)()))"
        )
        other_run = subprocess.run(
            [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )

        assert other_run.stdout.split() == [serialize_provider(kind()) for kind in PROVIDERS]

    @pytest.mark.parametrize("name", ["WorkPoolProvider", "SecretBlockProvider", "CanaryRunProvider"])
    def test_older_states_find_theirs_where_it_was(self, name: str) -> None:
        reference = f"ccomponents.prefect_api.resources\n{name}\n."

        assert pickle.loads(reference.encode()) is getattr(resources, name)  # noqa: S301 - text of our own

    @pytest.mark.parametrize("kind", PROVIDERS)
    def test_it_is_stored_in_clear_as_there_is_nothing_to_hide(self, kind: type[PrefectProvider]) -> None:
        provider = configured(kind, "tests:password")

        assert not provider.serialize_as_secret_always
        assert vars(kind()) == {}, "a provider made by the program holds nothing"


class Plugin:
    """Pulumi's plugin for dynamic providers, spoken to as the engine does."""

    def __init__(self, port: int) -> None:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._engine_side = provider_pb2_grpc.ResourceProviderStub(channel)
        self._reference = {"__provider": serialize_provider(WorkPoolProvider())}

    def configure(self, config: Mapping[str, Any]) -> None:
        self._engine_side.Configure(provider_pb2.ConfigureRequest(args=struct(config)))

    def create(self, inputs: Mapping[str, Any]) -> Any:
        return self._engine_side.Create(provider_pb2.CreateRequest(properties=self._full(inputs)))

    def read(self, created: Any) -> Any:
        return self._engine_side.Read(provider_pb2.ReadRequest(id=created.id, properties=created.properties))

    def diff(self, created: Any, inputs: Mapping[str, Any]) -> Any:
        return self._engine_side.Diff(
            provider_pb2.DiffRequest(id=created.id, olds=created.properties, news=self._full(inputs))
        )

    def update(self, created: Any, inputs: Mapping[str, Any]) -> Any:
        return self._engine_side.Update(
            provider_pb2.UpdateRequest(id=created.id, olds=created.properties, news=self._full(inputs))
        )

    def delete(self, created: Any) -> None:
        self._engine_side.Delete(provider_pb2.DeleteRequest(id=created.id, properties=created.properties))

    def _full(self, inputs: Mapping[str, Any]) -> struct_pb2.Struct:
        return struct({**inputs, **self._reference})


@pytest.fixture(scope="module")
def plugin(server: PrefectServer) -> Iterator[Plugin]:
    environment = {**os.environ, "PULUMI_PROJECT": "prefect-selfhost"}
    command = [sys.executable, "-u", "-m", "pulumi.dynamic"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            running = Plugin(int(process.stdout.readline()))
            running.configure({"prefect-selfhost:authString": server.auth_string})
            yield running
        finally:
            process.terminate()


class TestPlugin:
    def test_a_work_pool_lives_through_it(self, plugin: Plugin, server: PrefectServer, client: PrefectClient) -> None:
        inputs = {"api_url": server.api_url, "name": "plugged", "type": "process", "paused": False, "adopt": False}

        created = plugin.create(inputs)
        assert created.id == "plugged"
        read = plugin.read(created)
        assert (read.id, read.properties) == (created.id, created.properties)
        assert plugin.diff(created, inputs).changes == provider_pb2.DiffResponse.DIFF_NONE

        limited = {**inputs, "concurrency_limit": 3}
        difference = plugin.diff(created, limited)
        assert difference.changes == provider_pb2.DiffResponse.DIFF_SOME
        assert list(difference.replaces) == []
        updated = plugin.update(created, limited)
        assert updated.properties["concurrency_limit"] == 3
        found = work_pools.find(client, "plugged")
        assert found is not None
        assert found["concurrency_limit"] == 3

        plugin.delete(created)
        assert plugin.read(created).id == ""

    def test_a_value_that_is_not_known_yet_counts_as_changed(self, plugin: Plugin, server: PrefectServer) -> None:
        inputs = {"api_url": server.api_url, "name": "awaited", "type": "process", "paused": False, "adopt": False}
        created = plugin.create(inputs)

        difference = plugin.diff(created, {**inputs, "description": rpc.UNKNOWN})

        assert difference.changes == provider_pb2.DiffResponse.DIFF_SOME

    def test_its_errors_reach_the_user(self, plugin: Plugin, server: PrefectServer) -> None:
        inputs = {"api_url": server.api_url, "name": "mistyped", "type": "proces", "paused": False, "adopt": False}

        with pytest.raises(grpc.RpcError, match="no work pool type 'proces'"):
            plugin.create(inputs)


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return asyncio.run(rpc.serialize_properties(values, {}))
