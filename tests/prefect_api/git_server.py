"""A Git server on loopback that speaks TLS and asks for a token, as forges do."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.hosts.certificates import issue
from tests.loopback_server import LoopbackServer

UNAUTHORIZED = 401


class GitServer(LoopbackServer):
    """Serves the bare repositories below a directory, by Git's own CGI program, to who knows a token.

    Its certificate is of an authority whose own is the file `authority`.
    """

    def __init__(self, repositories: Path, token: str) -> None:
        certificate = issue("127.0.0.1")
        self.authority = repositories / "authority.pem"
        self.authority.write_text(certificate.authority)
        pair = repositories / "server.pem"
        pair.write_text(certificate.chain + certificate.key)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair)
        super().__init__(self._handler(repositories, token), tls=tls)

    def _handler(self, repositories: Path, token: str) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not _knows(self.headers.get("Authorization", ""), token):
                    self.send_response(UNAUTHORIZED)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                answer = subprocess.run(
                    ["git", "http-backend"], input=body, env=self.environment(), stdout=subprocess.PIPE, check=True
                ).stdout
                head, _, content = answer.partition(b"\r\n\r\n")
                headers = BytesHeaderParser().parsebytes(head)
                self.send_response(int(headers.get("Status", "200").split()[0]))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def environment(self) -> dict[str, str]:
                asked = urlsplit(self.path)
                return {
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(repositories),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": asked.path,
                    "QUERY_STRING": asked.query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }

            do_GET = do_POST = handle_any  # noqa: N815 - the names http.server calls

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        return Handler


def _knows(authorization: str, token: str) -> bool:
    kind, _, coded = authorization.partition(" ")
    return kind == "Basic" and token in base64.b64decode(coded).decode().split(":")
