"""Transport to Prefect's REST API: authentication, time limits, repeats and errors that say what to do.

The API is described by the server itself at /openapi.json, and by
https://docs.prefect.io/v3/api-ref/rest-api. What it offers per kind of object stands in the modules beside.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any

import httpx
import tenacity

from components.prefect_api.errors import (
    PrefectApiError,
    error_of_response,
    error_without_response,
    has_untrusted_certificate,
)

_Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
_REPEATABLE_METHODS = frozenset({"GET", "PUT", "PATCH", "DELETE"})


class PrefectClient:
    """A connection to one Prefect server. May be shared between threads; close it, or use it in a `with`.

    A call that found no server, or that the server says it has not carried out, is repeated until `patience`
    seconds have passed, as a server that was just restarted needs some. So is a call cut off midway or
    answered 5xx, if repeating it cannot do its work twice. The proxy variables of the environment apply,
    except to a loopback address.

    Args:
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        auth_string: `user:password` (PREFECT_SERVER_API_AUTH_STRING of the server), None if it has none.
        headers: sent with every request, say for a gateway before the server; they may be secret.
        ca_certificate: certificates in PEM of a private authority, trusted beside the usual ones.
        connect_timeout: seconds for one attempt to connect.
        read_timeout: seconds for the server to answer one request.
        patience: seconds after which no call is repeated any more.

    Raises:
        ValueError: `api_url`, `auth_string`, `headers` or `ca_certificate` is not of the form above.
    """

    def __init__(
        self,
        api_url: str,
        auth_string: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        ca_certificate: str | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
        patience: float = 30.0,
    ) -> None:
        self.api_url = _checked_url(api_url)
        self._patience = patience
        self._csrf = _CsrfToken()
        self._http = httpx.Client(
            base_url=self.api_url,
            auth=_basic_auth(auth_string),
            headers=_checked_headers(headers or {}),
            verify=_trust(ca_certificate),
            timeout=httpx.Timeout(read_timeout, connect=connect_timeout),
            # A kept connection may be closed by the server while a POST is on its way, and nobody would know
            # whether it happened.
            limits=httpx.Limits(max_keepalive_connections=0),
            mounts=_past_proxies(httpx.URL(self.api_url).host),
        )

    def __enter__(self) -> PrefectClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        body: _Body | None = None,
        *,
        query: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Any:
        """Send one request and give the decoded JSON of the answer, None if it has no content.

        Args:
            method: `GET`, `POST`, `PATCH` or `DELETE`.
            path: below the API's URL, e.g. `/work_pools/etl`. Names in it must be quoted.
            body: sent as JSON.
            query: parameters of the URL.
            repeatable: whether a request that may have reached the server may be sent again. By default
                that holds for every method but POST; say True for a POST that only reads or that upserts.

        Raises:
            PrefectApiError: there was no answer, or one that is not a success with JSON.
        """
        may_repeat = method in _REPEATABLE_METHODS if repeatable is None else repeatable

        def worth_repeating(error: BaseException) -> bool:
            if isinstance(error, PrefectApiError):
                return error.did_nothing or (may_repeat and error.is_server_fault)
            if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
                return not has_untrusted_certificate(error)
            return may_repeat and isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))

        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_repeating),
            stop=tenacity.stop_before_delay(self._patience),
            wait=_wait,
            reraise=True,
        )
        try:
            return attempts(self._send, method, path, body, query)
        except httpx.HTTPError as error:
            raise error_without_response(method, path, self.api_url, error) from error

    def find(self, path: str, *, query: Mapping[str, str] | None = None) -> Any:
        """GET one object; None if the server says that there is none.

        Raises:
            PrefectApiError: as in `request`, except for 404.
        """
        try:
            return self.request("GET", path, query=query)
        except PrefectApiError as error:
            if error.says_not_found:
                return None
            raise

    def remove(self, path: str) -> None:
        """DELETE one object; that it is gone already is a success.

        Raises:
            PrefectApiError: as in `request`, except for 404.
        """
        try:
            self.request("DELETE", path)
        except PrefectApiError as error:
            if not error.says_not_found:
                raise

    def _send(self, method: str, path: str, body: _Body | None, query: Mapping[str, str] | None) -> Any:
        token = self._csrf.value
        answer = self._exchange(method, path, body, query)
        if _demands_csrf_token(answer):
            # The server refused before it did anything, so that sending even a POST again is safe.
            self._csrf.renew(token, self._fetch_csrf_token)
            answer = self._exchange(method, path, body, query)
        return _decoded(method, path, answer)

    def _exchange(self, method: str, path: str, body: _Body | None, query: Mapping[str, str] | None) -> httpx.Response:
        return self._http.request(method, path, json=body, params=query, headers=self._csrf.headers())

    def _fetch_csrf_token(self, client: str) -> str:
        path = "/csrf-token"
        answer = self._http.request("GET", path, params={"client": client})
        return str(_decoded("GET", path, answer)["token"])


class _CsrfToken:
    """The token that a server with CSRF protection wants on each change; absent until it asks for one."""

    def __init__(self) -> None:
        self.value: str | None = None
        self._client = str(uuid.uuid4())
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        token = self.value
        return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": self._client} if token else {}

    def renew(self, refused: str | None, fetch: Callable[[str], str]) -> None:
        """Fetch a token unless another thread has replaced the refused one already."""
        with self._lock:
            if self.value == refused:
                self.value = fetch(self._client)


def _checked_url(api_url: str) -> str:
    url = httpx.URL(api_url)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"api_url must look like https://prefect.example.com/api, not {api_url!r}")
    if url.userinfo:
        raise ValueError("api_url must not hold a user or password; give them as auth_string (user:password)")
    return api_url.rstrip("/")


def _basic_auth(auth_string: str | None) -> httpx.BasicAuth | None:
    if auth_string is None:
        return None
    user, colon, password = auth_string.partition(":")
    if not colon:
        raise ValueError("auth_string must have the form user:password; there is no colon in it")
    return httpx.BasicAuth(user, password)


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Refuse what HTTP cannot carry, without showing the value."""
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[ -~]*", value):
            raise ValueError(f"headers must hold names and values of printable ASCII characters, unlike {name!r}")
    return dict(headers)


def _trust(ca_certificate: str | None) -> ssl.SSLContext | bool:
    if ca_certificate is None:
        return True
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(cadata=ca_certificate)
    except ssl.SSLError as error:
        raise ValueError("ca_certificate must hold certificates in PEM, from -----BEGIN CERTIFICATE----- on") from error
    return context


def _past_proxies(host: str) -> dict[str, httpx.BaseTransport | None]:
    """Keep httpx from sending requests for this very machine to a proxy, whatever NO_PROXY holds."""
    if not _is_loopback(host):
        return {}
    return {f"all://[{host}]" if ":" in host else f"all://{host}": None}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _wait(state: tenacity.RetryCallState) -> float:
    """Wait 0.2 s, 0.4 s, ... up to 2 s, or as long as the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, PrefectApiError) else None
    return asked if asked is not None else min(0.1 * 2**state.attempt_number, 2.0)


def _demands_csrf_token(answer: httpx.Response) -> bool:
    return answer.status_code == HTTPStatus.FORBIDDEN and "CSRF token" in answer.text


def _decoded(method: str, path: str, answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise error_of_response(method, path, answer)
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return None
    try:
        return answer.json()
    except ValueError:
        raise error_of_response(method, path, answer) from None
