"""HTTP servers on loopback for tests."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TypeVar

Entered = TypeVar("Entered", bound="LoopbackServer")


class LoopbackServer:
    """Answers by a handler of the standard library while it is entered.

    Args:
        handler: what answers.
        port: TCP port; 0 for any that is free.
        tls: certificate and key with which the server speaks TLS; None for plain HTTP.
    """

    def __init__(
        self, handler: Callable[..., BaseHTTPRequestHandler], *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._http = _QuietServer(("127.0.0.1", port), handler)
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._http.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    def __enter__(self: Entered) -> Entered:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _QuietServer(ThreadingHTTPServer):
    """Clients that give up midway are what the tests are about, no news for their output."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""
