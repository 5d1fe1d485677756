"""Starts a Pulumi resource plugin and speaks the provider protocol to it, as the engine does."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from toolchain.plugins.properties import Properties, decode, encode, reveal

CALL_SECONDS = 30.0
"""No call in these tests may take longer."""


class PluginError(Exception):
    """A call that the plugin answered with an error; the text is what a user would read."""


class UnimplementedError(PluginError):
    """The plugin has no such call, or no such resource."""


@dataclass(frozen=True)
class Checked:
    """Inputs as the plugin completed them, and what it found wrong: pairs of property and reason."""

    inputs: Properties
    failures: list[tuple[str, str]]


@dataclass(frozen=True)
class Difference:
    """What would change: property path to kind ("UPDATE", "ADD_REPLACE", ...), and names of whole properties."""

    changed: bool
    details: dict[str, str]
    diffs: set[str]
    replaces: set[str]
    stables: set[str]
    delete_before_replace: bool


@dataclass(frozen=True)
class State:
    """What the engine keeps of a resource. An empty id means that it is gone."""

    id: str
    outputs: Properties
    inputs: Properties = field(default_factory=dict)


class EngineLog(engine_pb2_grpc.EngineServicer):
    """The engine's side of logging; keeps every message."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: ARG002, N802
        self.messages.append(request.message)
        return empty_pb2.Empty()


class PluginProcess:
    """One running plugin."""

    def __init__(self, process: subprocess.Popen[str], channel: grpc.Channel, log: EngineLog) -> None:
        self.process = process
        self.log = log
        self._provider = provider_pb2_grpc.ResourceProviderStub(channel)
        self._accepts_secrets = True

    def handshake(self, engine_address: str) -> None:
        request = provider_pb2.ProviderHandshakeRequest(
            engine_address=engine_address, configure_with_urn=True, invoke_with_preview=True
        )
        self._call("Handshake", request)

    def check_config(self, config: Properties) -> Checked:
        request = provider_pb2.CheckRequest(urn=_urn("pulumi:providers:test"), news=encode(config))
        return _checked(self._call("CheckConfig", request))

    def diff_config(self, old: Properties, new: Properties) -> Difference:
        request = provider_pb2.DiffRequest(
            urn=_urn("pulumi:providers:test"), olds=encode(old), news=encode(new), old_inputs=encode(old)
        )
        return _difference(self._call("DiffConfig", request))

    def configure(self, config: Properties) -> provider_pb2.ConfigureResponse:
        request = provider_pb2.ConfigureRequest(
            args=encode(config),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        answer: provider_pb2.ConfigureResponse = self._call("Configure", request)
        self._accepts_secrets = answer.acceptSecrets
        return answer

    def check(self, token: str, inputs: Properties, old: Properties | None = None) -> Checked:
        request = provider_pb2.CheckRequest(
            urn=_urn(token), type=token, name="test", news=self._encode(inputs), olds=self._encode(old or {})
        )
        return _checked(self._call("Check", request))

    def diff(self, token: str, state: State, inputs: Properties, ignore_changes: Sequence[str] = ()) -> Difference:
        request = provider_pb2.DiffRequest(
            id=state.id,
            urn=_urn(token),
            type=token,
            name="test",
            olds=self._encode(state.outputs),
            old_inputs=self._encode(state.inputs),
            news=self._encode(inputs),
            ignoreChanges=ignore_changes,
        )
        return _difference(self._call("Diff", request))

    def create(
        self, token: str, inputs: Properties, *, preview: bool = False, timeout: float = 0, name: str = "test"
    ) -> State:
        request = provider_pb2.CreateRequest(
            urn=_urn(token, name),
            type=token,
            name=name,
            properties=self._encode(inputs),
            preview=preview,
            timeout=timeout,
        )
        answer = self._call("Create", request)
        return State(answer.id, decode(answer.properties), inputs)

    def read(self, token: str, state: State) -> State:
        request = provider_pb2.ReadRequest(
            id=state.id,
            urn=_urn(token),
            type=token,
            name="test",
            properties=self._encode(state.outputs),
            inputs=self._encode(state.inputs),
        )
        answer = self._call("Read", request)
        return State(answer.id, decode(answer.properties), decode(answer.inputs))

    def update(
        self, token: str, state: State, inputs: Properties, *, preview: bool = False, timeout: float = 0
    ) -> State:
        request = provider_pb2.UpdateRequest(
            id=state.id,
            urn=_urn(token),
            type=token,
            name="test",
            olds=self._encode(state.outputs),
            old_inputs=self._encode(state.inputs),
            news=self._encode(inputs),
            preview=preview,
            timeout=timeout,
        )
        answer = self._call("Update", request)
        return State(state.id, decode(answer.properties), inputs)

    def delete(self, token: str, state: State, *, timeout: float = 0) -> None:
        request = provider_pb2.DeleteRequest(
            id=state.id,
            urn=_urn(token),
            type=token,
            name="test",
            properties=self._encode(state.outputs),
            old_inputs=self._encode(state.inputs),
            timeout=timeout,
        )
        self._call("Delete", request)

    def cancel(self) -> None:
        self._call("Cancel", empty_pb2.Empty())

    def invoke(self, token: str) -> None:
        self._call("Invoke", provider_pb2.InvokeRequest(tok=token))

    def plugin_info(self) -> str:
        """Ask for the version that the plugin follows."""
        return str(self._call("GetPluginInfo", empty_pb2.Empty()).version)

    def _encode(self, properties: Properties) -> struct_pb2.Struct:
        """Like the engine, show a plugin which values are secret only if it said that it cares."""
        return encode(properties if self._accepts_secrets else reveal(properties))

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._provider, method)(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            unimplemented = error.code() is grpc.StatusCode.UNIMPLEMENTED
            raise (UnimplementedError if unimplemented else PluginError)(error.details()) from error


@contextlib.contextmanager
def running(command: Sequence[str], environment: dict[str, str] | None = None) -> Iterator[PluginProcess]:
    """Start a plugin, shake hands, and end it with the block.

    Args:
        command: the program and its arguments; the engine's address is added.
        environment: the whole environment of the plugin; the tests' own if not given.
    """
    log = EngineLog()
    engine = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(log, engine)
    engine_address = f"127.0.0.1:{engine.add_insecure_port('127.0.0.1:0')}"
    engine.start()
    start = [*command, engine_address]
    try:
        with subprocess.Popen(
            start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                yield from _connected(process, log, engine_address)
            finally:
                process.kill()
    finally:
        engine.stop(None).wait()


def _connected(process: subprocess.Popen[str], log: EngineLog, engine_address: str) -> Iterator[PluginProcess]:
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port.isdigit(), f"the plugin printed {port!r} instead of its port"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        plugin = PluginProcess(process, channel, log)
        with contextlib.suppress(UnimplementedError):  # optional: the engine goes on without it, too
            plugin.handshake(engine_address)
        yield plugin


def _urn(token: str, name: str = "test") -> str:
    return f"urn:pulumi:dev::conformance::{token}::{name}"


def _checked(answer: provider_pb2.CheckResponse) -> Checked:
    return Checked(decode(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures])


def _difference(answer: provider_pb2.DiffResponse) -> Difference:
    kind = provider_pb2.PropertyDiff.Kind
    return Difference(
        changed=answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
        details={path: kind.Name(detail.kind) for path, detail in answer.detailedDiff.items()},
        diffs=set(answer.diffs),
        replaces=set(answer.replaces),
        stables=set(answer.stables),
        delete_before_replace=answer.deleteBeforeReplace,
    )
