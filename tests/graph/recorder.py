"""Runs the program against Pulumi's mock engine and keeps every request that it makes."""

import asyncio
import contextlib
import json
import re
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks
from pulumi.runtime.config import set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import get_root_resource, reset_options
from pulumi.runtime.stack import Stack

from components.tunnel import Tunnel
from tests.settings.stack_file import CHECKOUT, PROJECT, secret_keys

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How Pulumi's protocol marks a secret: an object with this value under that key, https://github.com/pulumi/pulumi."""

REPORT = "-----BEGIN CERTIFICATE-----\nMOCK\n-----END CERTIFICATE-----\nchanged: by the mock; memory_mib=4096"
"""What every script answers: enough for all that the program reads from answers."""
FILE_REPORT = "changed: by the mock"
"""What the writing of a file answers, which is one line."""


@dataclass(frozen=True)
class Resource:
    """A resource as the program asked for it; other resources are told by name."""

    type: str
    name: str
    parent: str | None
    inputs: Mapping[str, Any]
    """With each secret as an object, see `is_secret`."""
    depends_on: frozenset[str]
    deleted_with: str | None
    replace_with: frozenset[str]
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    additional_secret_outputs: tuple[str, ...]
    custom: bool


@dataclass
class Graph:
    """What one run of the program asked for."""

    resources: dict[str, Resource] = field(default_factory=dict)
    """By name: no two of this program have the same."""
    registered_outputs: list[str] = field(default_factory=list)
    """Names of the components, once for each time they told their outputs."""
    exports: dict[str, Any] = field(default_factory=dict)
    secret_exports: set[str] = field(default_factory=set)

    def children(self, parent: str) -> set[str]:
        return {resource.name for resource in self.resources.values() if resource.parent == parent}

    def of_type(self, type_: str) -> set[str]:
        return {resource.name for resource in self.resources.values() if resource.type == type_}

    def before(self, name: str) -> set[str]:
        """Return everything that is done before `name` is, near or far."""
        seen: set[str] = set()
        open_ = [name]
        while open_:
            for earlier in self.resources[open_.pop()].depends_on - seen:
                seen.add(earlier)
                open_.append(earlier)
        return seen


class Engine(mocks.Mocks):
    """Answers as Pulumi does: in a preview nothing but the inputs is known, afterwards everything is."""

    def __init__(self, *, preview: bool) -> None:
        self._preview = preview

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program calls {args.token}: a preview contacts nobody")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if self._preview:
            return "", dict(args.inputs)
        # done again, and told with another time
        again = re.findall(r" (repair-\d+)$", str(args.inputs.get("create")))
        report = FILE_REPORT if "write-file" in args.inputs.get("create", "") else REPORT
        outputs = {"stdout": " ".join([report, *again]), "state": "COMPLETED"}
        return f"{args.name}-id", {**outputs, **args.inputs, **_by_azure(args)}


def _by_azure(args: mocks.MockResourceArgs) -> dict[str, Any]:
    """Return what Azure alone knows of a resource, and other resources are told."""
    if not args.typ.startswith("azure-native:"):
        return {}
    identity = args.inputs.get("identity")
    return {"name": f"{args.name}-name", **({"identity": {**identity, "principalId": "known"}} if identity else {})}


class Recorder(mocks.MockMonitor):
    """Keeps the requests. Two resources of one name are an error, which the stock monitor overlooks."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.graph = Graph()
        self._names: dict[str, str] = {}

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> Any:  # noqa: N802 - Pulumi's name
        with _event_loop_of_this_thread():
            response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            if request.name in self.graph.resources:
                raise AssertionError(f"there are two resources of the name {request.name}")
            self._names[response.urn] = request.name
            self.graph.resources[request.name] = self._resource(request)
        return response

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Any:  # noqa: N802
        if request.urn in self._names:
            self.graph.registered_outputs.append(self._names[request.urn])
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def _resource(self, request: resource_pb2.RegisterResourceRequest) -> Resource:
        return Resource(
            type=request.type,
            name=request.name,
            parent=self._names.get(request.parent),
            inputs=MessageToDict(request.object),
            depends_on=frozenset(self._names[urn] for urn in request.dependencies),
            deleted_with=self._names[request.deletedWith] if request.deletedWith else None,
            replace_with=frozenset(self._names[urn] for urn in request.replace_with),
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            custom=request.custom,
        )


@contextlib.contextmanager
def _event_loop_of_this_thread() -> Iterator[None]:
    """Give the stock monitor the event loop that it would else leave open in each of Pulumi's threads."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@contextlib.contextmanager
def running_program(
    values: Mapping[str, str], monitor: mocks.MockMonitor, *, preview: bool, secrets: set[str] | None = None
) -> Iterator[None]:
    """Make Pulumi believe that it runs this project's stack `dev`, and forget it afterwards."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reset_options()
    project = PROJECT["name"]
    mocks.set_mocks(monitor.mocks, project=project, stack="dev", preview=preview, monitor=monitor)
    keys = secret_keys(values) if secrets is None else secrets
    set_all_config({f"{project}:{key}": value for key, value in values.items()}, [f"{project}:{key}" for key in keys])
    try:
        yield
    finally:
        set_all_config({}, [])
        reset_options()
        asyncio.set_event_loop(None)
        loop.close()


def record(values: Mapping[str, str], *, preview: bool = False) -> Graph:
    """Run `__main__.py` with a stack's configuration and return what it asked for."""
    recorder = Recorder(Engine(preview=preview))
    graph = recorder.graph

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> Any:
        runpy.run_path(str(CHECKOUT / "__main__.py"))
        root = get_root_resource()
        assert isinstance(root, Stack)

        async def exports() -> None:
            for name, value in root.outputs.items():
                output = pulumi.Output.from_input(value)
                graph.exports[name] = await output.future()
                if await output.is_secret():
                    graph.secret_exports.add(name)

        return exports()

    with pytest.MonkeyPatch.context() as patch, running_program(values, recorder, preview=preview):
        # an Output inside an f-string gives prose; let it raise
        patch.setenv("PULUMI_ERROR_OUTPUT_STRING", "true")
        # there is no host; whoever runs the program at the same time would find the port taken
        patch.setattr(Tunnel, "listen", lambda *_: None)
        program()
    return graph


def is_secret(value: Any) -> bool:
    """Tell whether an input travels as a secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def without_secrets(value: Any) -> Any:
    """Return an input as anybody may read it: secrets blackened."""
    if is_secret(value):
        return "[secret]"
    if isinstance(value, dict):
        return {key: without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    return value


def text(value: Any) -> str:
    """Return an input as text: what it says, secret or not."""
    return str(value["value"] if is_secret(value) else value)


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
