"""What the resources' constructors ask of the engine."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, rpc, settings

from components.prefect_api.resources import (
    Automation,
    Block,
    CanaryRun,
    Deployment,
    GlobalConcurrencyLimit,
    SecretBlock,
    TagConcurrencyLimit,
    Variable,
    WorkPool,
    WorkQueue,
)

API = "http://127.0.0.1:4200/api"


Registered = Callable[[Callable[[], pulumi.Resource]], Any]
"""Runs a program of one resource and returns the request that registers it."""


class Mocks(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return args.name, dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"these resources call no function, but {args.token} was")


class Recorder(mocks.MockMonitor):
    """Keeps the request by which each resource was registered; the stack's own is left out."""

    def __init__(self) -> None:
        super().__init__(Mocks())
        self.requests: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name in Pulumi's protocol
        if request.custom:
            self.requests.append(request)
        # Called in a thread, where Pulumi's mock would make a loop and leave it open.
        with event_loop():
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def event_loop() -> Iterator[None]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture
def registered() -> Iterator[Registered]:
    recorder = Recorder()

    def run(program: Callable[[], pulumi.Resource]) -> Any:
        pulumi.runtime.test(lambda: program().urn)()  # type: ignore[no-untyped-call]
        (request,) = recorder.requests
        return request

    with event_loop():
        settings.reset_options()
        mocks.set_mocks(recorder.mocks, monitor=recorder, project="prefect-selfhost", stack="test")
        yield run
        settings.reset_options()


@pytest.mark.parametrize(
    ("program", "token"),
    [
        (lambda: WorkPool("r", api_url=API, name="etl", type="process"), "WorkPool"),
        (lambda: SecretBlock("r", api_url=API, name="token", value="s3cret"), "SecretBlock"),
        (lambda: Block("r", api_url=API, type="aws-credentials", name="lake"), "Block"),
        (lambda: Automation("r", api_url=API, name="a", trigger={}, actions=[]), "Automation"),
        (lambda: Variable("r", api_url=API, name="region", value="eu"), "Variable"),
        (lambda: GlobalConcurrencyLimit("r", api_url=API, name="db", limit=3), "GlobalConcurrencyLimit"),
        (lambda: TagConcurrencyLimit("r", api_url=API, tag="db", limit=3), "TagConcurrencyLimit"),
        (lambda: WorkQueue("r", api_url=API, work_pool="etl", name="urgent"), "WorkQueue"),
        (
            lambda: CanaryRun("r", api_url=API, work_pool="etl", path="/flows", entrypoint="canary.py:canary"),
            "CanaryRun",
        ),
        (lambda: deployment(tags=["a"]), "Deployment"),
    ],
)
def test_a_replacement_is_made_after_the_old_one_is_gone(
    registered: Registered, program: Callable[[], pulumi.Resource], token: str
) -> None:
    request = registered(program)

    assert request.type == f"pulumi-python:dynamic/prefect:{token}"
    assert request.deleteBeforeReplace, "names are unique in Prefect"
    assert isinstance(inputs(request)["__provider"], str), "the provider stands in the state in clear"


def test_the_value_of_a_secret_block_is_secret_though_the_program_did_not_say_so(registered: Registered) -> None:
    request = registered(lambda: SecretBlock("r", api_url=API, name="token", value="s3cret"))

    assert list(request.additionalSecretOutputs) == ["value"]
    assert rpc.is_rpc_secret(inputs(request)["value"])
    assert not rpc.is_rpc_secret(inputs(request)["name"])


def test_the_secrets_of_a_block_are_secret_and_the_rest_is_not(registered: Registered) -> None:
    request = registered(
        lambda: Block(
            "r",
            api_url=API,
            type="database-credentials",
            name="dwh",
            data={"host": "dwh", "port": None},
            secrets={"password": "s3cret", "auth.token": pulumi.Output.from_input("t0ken")},
            references={"account": pulumi.Output.from_input("id-1")},
        )
    )

    assert list(request.additionalSecretOutputs) == ["secrets"]
    sent = inputs(request)
    assert json.loads(sent["data"]) == {"host": "dwh", "port": None}, "a null is told, not dropped"
    assert sent["references"] == {"account": "id-1"}
    secrets = json.loads(rpc.unwrap_rpc_secret(sent["secrets"]))
    assert rpc.is_rpc_secret(sent["secrets"])
    assert secrets == {"password": "s3cret", "auth.token": "t0ken"}


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, None, ["a", None], {"b": {"c": None}, "a": [1]}])
def test_a_variable_may_be_anything_that_json_knows(registered: Registered, value: object) -> None:
    request = registered(lambda: Variable("r", api_url=API, name="v", value=value))

    assert json.loads(inputs(request)["value"]) == value


def test_secret_triggers_stay_secret(registered: Registered) -> None:
    triggers: list[pulumi.Input[str]] = ["1", pulumi.Output.secret("2")]
    request = registered(
        lambda: CanaryRun("r", api_url=API, work_pool="etl", path="/flows", entrypoint="c.py:c", triggers=triggers)
    )

    assert rpc.is_rpc_secret(inputs(request)["triggers"])


def test_a_job_template_travels_as_json_so_that_its_nulls_survive(registered: Registered) -> None:
    template = {"variables": {"properties": {"image": {"default": None}}}, "job_configuration": {}}
    request = registered(lambda: WorkPool("r", api_url=API, name="etl", type="docker", base_job_template=template))

    assert json.loads(inputs(request)["base_job_template"]) == template


def test_what_is_not_given_is_not_sent(registered: Registered) -> None:
    request = registered(lambda: WorkPool("r", api_url=API, name="etl", type="process"))

    assert set(inputs(request)) == {"api_url", "name", "type", "paused", "adopt", "__provider"}


def test_a_deployment_sends_its_tables_as_json_and_takes_names_of_other_resources(registered: Registered) -> None:
    queue = pulumi.Output.from_input("urgent")
    sent = inputs(registered(lambda: deployment(work_queue=queue, parameters={"a": None}, tags=["b", "a"])))

    assert (sent["work_queue"], sent["tags"]) == ("urgent", ["a", "b"])
    assert json.loads(sent["parameters"]) == {"a": None}
    assert {key: json.loads(sent[key]) for key in ("pull_steps", "schedules", "job_variables")} == {
        "pull_steps": [],
        "schedules": {},
        "job_variables": {},
    }


def deployment(**more: Any) -> Deployment:
    named: dict[str, Any] = {
        "flow_name": "f",
        "name": "d",
        "entrypoint": "f.py:f",
        "work_pool": pulumi.Output.from_input("etl"),
    }
    return Deployment("r", api_url=API, **named, **more)


def inputs(request: Any) -> dict[str, Any]:
    values: dict[str, Any] = rpc.deserialize_properties(request.object)
    return values
