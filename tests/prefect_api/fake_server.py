"""An HTTP server on loopback that gives scripted answers and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback_server import LoopbackServer


@dataclass(frozen=True)
class Answer:
    """One answer: `body` is sent as JSON, or as HTML if it is text.

    After `delay` seconds; status 0 hangs up, and so does the server in the middle of a body that is `cut_short`.
    """

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut_short: bool = False


@dataclass(frozen=True)
class Request:
    """One request: `target` is the path, or the whole URL if the server is used as a proxy."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Any


class FakeServer(LoopbackServer):
    """Gives `answers` one by one, the last one for ever. A function gets the request and gives the answer."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.answers: list[Answer | Callable[[Request], Answer]] = [Answer()]
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        super().__init__(self._handler(), port=port, tls=tls)
        self.api_url = f"{self.url}/api"

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            scripted = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return scripted if isinstance(scripted, Answer) else scripted(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.loads(text) if text else None
                answer = server.answer(Request(self.command, self.path, dict(self.headers), body))
                time.sleep(answer.delay)
                if answer.status:
                    self.send(answer)
                else:
                    self.close_connection = True

            def send(self, answer: Answer) -> None:
                is_html = isinstance(answer.body, str)
                content = (answer.body if is_html else json.dumps(answer.body)).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "text/html" if is_html else "application/json")
                self.send_header("Content-Length", str(len(content) + answer.cut_short))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = answer.cut_short

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names http.server calls

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        return Handler
