"""A server that asks for CSRF tokens gets them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from tests.prefect_api.fake_server import Answer, FakeServer, Request


@pytest.fixture
def api(fake: FakeServer) -> Iterator[PrefectClient]:
    with PrefectClient(fake.api_url, "admin:password", read_timeout=5, patience=5) as client:
        yield client


class CsrfServer:
    """Answers like a server with CSRF protection; `expire` makes the token handed out last worthless."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.changes = 0
        self._lock = threading.Lock()

    def expire(self) -> None:
        self.tokens.clear()

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            return self._answer(request)

    def _answer(self, request: Request) -> Answer:
        if request.target.startswith("/api/csrf-token?client="):
            client = request.target.partition("=")[2]
            self.tokens[client] = f"token-{len(self.tokens)}-{time.monotonic_ns()}"
            return Answer(200, {"token": self.tokens[client]})
        token = request.headers.get("Prefect-Csrf-Token")
        if token is None:
            return Answer(403, {"detail": "Missing CSRF token."})
        if self.tokens.get(request.headers["Prefect-Csrf-Client"]) != token:
            return Answer(403, {"detail": "Invalid CSRF token or client identifier."})
        self.changes += 1
        return Answer(201)


def test_a_token_is_fetched_when_it_is_asked_for_and_kept(fake: FakeServer, api: PrefectClient) -> None:
    fake.answers = [CsrfServer()]

    api.request("POST", "/work_pools/", {})
    api.request("POST", "/work_pools/", {})

    asked = [request.method for request in fake.requests]
    assert asked == ["POST", "GET", "POST", "POST"], "refused, token, repeated; then at once"


def test_an_expired_token_is_renewed(fake: FakeServer, api: PrefectClient) -> None:
    protection = CsrfServer()
    fake.answers = [protection]
    api.request("POST", "/work_pools/", {})
    protection.expire()

    api.request("POST", "/work_pools/", {})

    assert protection.changes == 2


def test_threads_share_one_token(fake: FakeServer, api: PrefectClient) -> None:
    protection = CsrfServer()
    fake.answers = [protection]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: api.request("POST", "/work_pools/", {}), range(32)))

    assert protection.changes == 32
    assert len(protection.tokens) == 1


def test_a_server_that_never_accepts_a_token_is_an_error(fake: FakeServer, api: PrefectClient) -> None:
    fake.answers = [
        Answer(403, {"detail": "Missing CSRF token."}),
        Answer(200, {"token": "t"}),
        Answer(403, {"detail": "Invalid CSRF token or client identifier."}),
    ]

    with pytest.raises(PrefectApiError) as refused:
        api.request("POST", "/work_pools/", {})

    assert refused.value.status == 403
    assert len(fake.requests) == 3
