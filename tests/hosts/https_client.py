"""A client of a site on a test host: reached by address, asked for by name, its certificate verified."""

import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx


class HttpsClient:
    """Asks `address` for `host`, trusting nobody but `authority`, a certificate in PEM."""

    def __init__(self, address: str, host: str, authority: str, port: int = 443) -> None:
        self._address, self._host, self._port = address, host, port
        self._context = ssl.create_default_context(cadata=authority)
        # as Python does from 3.13 on
        self._context.verify_flags |= ssl.VERIFY_X509_STRICT

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request over a connection of its own."""
        with httpx.Client(verify=self._context, trust_env=False, timeout=10) as client:
            extensions = {"sni_hostname": self._host}
            url = f"https://{self._address}:{self._port}{path}"
            headers = {"Host": self._host, **options.pop("headers", {})}
            return client.request(method, url, headers=headers, extensions=extensions, **options)

    def get(self, path: str) -> httpx.Response:
        """Get a page."""
        return self.request("GET", path)

    def certificate(self) -> dict[str, Any]:
        """Return what the server's verified certificate says, as `ssl.SSLSocket.getpeercert` does."""
        with self._connection() as connection:
            return dict(connection.getpeercert() or {})

    @contextmanager
    def web_socket(self, path: str) -> Iterator["WebSocket"]:
        """Open a web socket."""
        with self._connection() as connection:
            yield WebSocket(connection, self._host, path)

    @contextmanager
    def _connection(self) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection((self._address, self._port), timeout=10) as plain,
            self._context.wrap_socket(plain, server_hostname=self._host) as encrypted,
        ):
            yield encrypted


class WebSocket:
    """An open web socket, https://www.rfc-editor.org/rfc/rfc6455, for short texts."""

    def __init__(self, connection: ssl.SSLSocket, host: str, path: str) -> None:
        key = b64encode(os.urandom(16)).decode()
        headers = f"Host: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        connection.sendall(f"GET {path} HTTP/1.1\r\n{headers}Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self._reader = connection.makefile("rb")
        self._connection = connection
        self.status = int(self._reader.readline().split()[1])
        while self._reader.readline().strip():
            pass

    def echo(self, text: str) -> str:
        """Send a text and return the answer."""
        # masked, as a client's must be, with zeros, which change nothing
        self._connection.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode())
        _, length = self._reader.read(2)
        return self._reader.read(length).decode()
