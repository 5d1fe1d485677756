"""Serves a `Provider` to the Pulumi engine over gRPC, and ends with the engine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from toolchain.plugins import properties
from toolchain.plugins.provider import Call, Checked, Difference, Interruption, Provider, ProviderError, State

_MAX_CALLS = 1000
"""Calls at once: more than the engine makes, so that a Cancel is never queued behind what it should end."""

_NO_MESSAGE_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def serve(provider: Provider, engine_address: str | None) -> None:
    """Print the port, then answer calls until SIGTERM, SIGINT or the end of the engine (its pipe closes)."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    servicer = _Servicer(provider, _EngineLog(engine_address))
    server = grpc.server(futures.ThreadPoolExecutor(_MAX_CALLS), options=_NO_MESSAGE_LIMIT)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_wait_for_end_of_input, args=[stopping], daemon=True).start()
    stopping.wait()
    servicer.cancel_all()
    server.stop(grace=5).wait()


def _wait_for_end_of_input(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    ended.set()


class _EngineLog:
    """Sends lines to the engine's log; silent without an engine."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._engine: engine_pb2_grpc.EngineStub | None = None

    def connect(self, address: str) -> None:
        """Log to this engine from now on."""
        self._address, self._engine = address, None

    def line(self, urn: str, text: str) -> None:
        """Show one line in the status column of a resource."""
        if self._address is None:
            return
        if self._engine is None:
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address))
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text, urn=urn, ephemeral=True)
        with contextlib.suppress(grpc.RpcError):  # a lost line of progress must not fail the work
            self._engine.Log(request)


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates calls from and to the wire. Method names are the protocol's."""

    def __init__(self, provider: Provider, log: _EngineLog) -> None:
        self._provider = provider
        self._log = log
        self._lock = threading.Lock()
        self._running: set[Interruption] = set()
        self._cancelled = False

    def cancel_all(self) -> None:
        """End all work under way; what comes later fails at once."""
        with self._lock:
            self._cancelled = True
            running = list(self._running)
        for interruption in running:
            interruption.interrupt("context canceled")

    @contextlib.contextmanager
    def _call(self, request: Any, context: grpc.ServicerContext) -> Iterator[Call]:
        interruption = Interruption(getattr(request, "timeout", 0))
        with self._lock:
            self._running.add(interruption)
            cancelled = self._cancelled
        if cancelled:
            interruption.interrupt("context canceled")
        try:
            yield Call(
                token=request.type or request.urn.split("::")[2].split("$")[-1],
                name=request.name or request.urn.split("::", 3)[3],
                urn=request.urn,
                log=lambda text: self._log.line(request.urn, text),
                interruption=interruption,
                preview=getattr(request, "preview", False),
            )
        except ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        finally:
            with self._lock:
                self._running.discard(interruption)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        self._log.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=self._provider.accepts_secrets)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        self._log.connect(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        self.cancel_all()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with _errors(context):
            return _checked(self._provider.check_config(request.urn.split("::", 3)[3], properties.decode(request.news)))

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with _errors(context):
            old, new = properties.decode(request.old_inputs), properties.decode(request.news)
            return _difference(self._provider.diff_config(old, new))

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with _errors(context):
            self._provider.configure(properties.decode(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=self._provider.accepts_secrets, supportsPreview=True)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        real = f"pulumi-resource-{self._provider.name}"
        message = f"the stand-in follows no functions such as {request.tok}; install the real {real} to use it"
        context.abort(grpc.StatusCode.UNKNOWN, message)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._call(request, context) as call:
            old, new = properties.decode(request.olds), properties.decode(request.news)
            return _checked(self._provider.check(call, old, new))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._call(request, context) as call:
            new, ignored = properties.decode(request.news), list(request.ignoreChanges)
            return _difference(self._provider.diff(call, _state(request), new, ignored))

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._call(request, context) as call:
            state = self._provider.create(call, properties.decode(request.properties))
            return provider_pb2.CreateResponse(id=state.id, properties=properties.encode(state.outputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._call(request, context) as call:
            old = State(request.id, properties.decode(request.properties), properties.decode(request.inputs))
            state = self._provider.read(call, old)
            outputs, inputs = properties.encode(state.outputs), properties.encode(state.inputs)
            return provider_pb2.ReadResponse(id=state.id, properties=outputs, inputs=inputs)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._call(request, context) as call:
            new, ignored = properties.decode(request.news), list(request.ignoreChanges)
            outputs = self._provider.update(call, _state(request), new, ignored)
            return provider_pb2.UpdateResponse(properties=properties.encode(outputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._call(request, context) as call:
            state = State(request.id, properties.decode(request.properties))
            self._provider.delete(call, state)
        return empty_pb2.Empty()


@contextlib.contextmanager
def _errors(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _state(request: Any) -> State:
    return State(request.id, properties.decode(request.olds), properties.decode(request.old_inputs))


def _checked(checked: Checked) -> provider_pb2.CheckResponse:
    failures = [provider_pb2.CheckFailure(property=name, reason=why) for name, why in checked.failures]
    return provider_pb2.CheckResponse(inputs=properties.encode(checked.inputs), failures=failures)


def _difference(difference: Difference) -> provider_pb2.DiffResponse:
    details = difference.details
    replacing = [path for path, kind in details.items() if kind.endswith("REPLACE")]
    kinds = provider_pb2.PropertyDiff.Kind
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if details else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=_property_names(replacing),
        stables=difference.stables,
        diffs=_property_names(details),
        detailedDiff={path: provider_pb2.PropertyDiff(kind=kinds.Value(kind)) for path, kind in details.items()},
        hasDetailedDiff=True,
        deleteBeforeReplace=difference.delete_before_replace,
    )


def _property_names(paths: Iterable[str]) -> list[str]:
    """Return the properties that paths such as `environment.PATH` and `triggers[0]` begin with, each once."""
    return sorted({re.split(r"[.\[]", path, maxsplit=1)[0] for path in paths})
