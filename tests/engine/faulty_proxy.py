"""A proxy on loopback between Pulumi and a Prefect server, at which a test lets answers go wrong."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

import httpx

from tests.loopback_server import LoopbackServer

_DROPPED = {"connection", "content-length", "date", "server", "transfer-encoding", "content-encoding"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        status: answered in place of the server's answer; 0 hangs up, None lets the server's answer pass.
        arrives: whether the server gets the request.
        retry_after: header of that name.
        cut_short: whether the connection ends in the middle of the server's answer.
    """

    status: int | None = None
    arrives: bool = False
    retry_after: str = ""
    cut_short: bool = False


Script = Callable[[str, int], "Fault | None"]
"""Tells what goes wrong with a request, such as `GET /api/variables/`, and knows with how many something has."""


class FaultyProxy(LoopbackServer):
    """Passes requests on to a server, save those with which something goes wrong.

    Args:
        server_url: base of the server's API.
        path: below which the server is shown.
        tls: certificate and key with which the proxy speaks TLS; None for plain HTTP.
    """

    def __init__(self, server_url: str, *, path: str = "", tls: ssl.SSLContext | None = None) -> None:
        self._script: Script = lambda _request, _before: None
        self._before = 0
        self._lock = threading.Lock()
        # the server may close a kept connection while a request is on its way, a fault that no test asked for
        self._server = httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
        self._server_url = server_url.removesuffix("/api")
        self._path = path
        super().__init__(self._handler(), tls=tls)
        self.api_url = f"{self.url}{path}/api"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._server.close()

    def follow(self, script: Script) -> None:
        """Let this go wrong from now on."""
        with self._lock:
            self._before = 0
            self._script = script

    def _fault(self, request: str) -> Fault:
        # not under the lock: a script may wait for another request
        fault = self._script(request, self._before)
        with self._lock:
            self._before += fault is not None
        return fault or Fault(arrives=True)

    def _pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "accept-encoding"}}
        target = self._server_url + path.removeprefix(self._path)
        return self._server.request(method, target, headers=kept, content=body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy._fault(f"{self.command} {self.path}")
                answer = None
                if fault.arrives:
                    answer = proxy._pass_on(self.command, self.path, dict(self.headers), body)
                if fault.status == 0 or (fault.status is None and answer is None):
                    self.close_connection = True
                elif fault.status is not None or answer is None:
                    self._tell(
                        fault.status or 500, {"Retry-After": fault.retry_after} if fault.retry_after else {}, b""
                    )
                else:
                    kept = {name: value for name, value in answer.headers.items() if name not in _DROPPED}
                    self._tell(answer.status_code, kept, answer.content, cut_short=fault.cut_short)

            def _tell(self, status: int, headers: dict[str, str], content: bytes, *, cut_short: bool = False) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if cut_short else content)
                self.close_connection = cut_short

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815 - the names http.server calls

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        return Handler
