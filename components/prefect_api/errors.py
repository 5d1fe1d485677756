"""The one error of this package: what was asked, what came back, what to do about it."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

_REMEDIES = {
    401: "The server wants another user and password: set authString of the stack to the server's"
    " PREFECT_SERVER_API_AUTH_STRING (pulumi config set --secret authString user:password).",
    403: "The server, or a proxy before it, forbids this to the user of authString.",
    404: "If it was deleted by hand, run pulumi refresh; else check that the API URL ends in /api.",
    409: "Another object has the name already: delete it, or choose another name.",
    422: "The server runs another Prefect version than this program knows, or a value above is not allowed.",
    429: "The server or a proxy before it limits the rate of requests: wait a minute and repeat.",
}
# Prefect's answers in these two cases: prefect.server.api.server (3.8.8).
_FAILED_TRANSACTION = {"exception_message": "Service Unavailable"}
_UNKNOWN_PATH = {"detail": "Not Found"}
_REMEDY_REDIRECT = "Set the API URL to the address that the server redirects to."
_REMEDY_SERVER = "Read the log of the Prefect server; its database may be down or still migrating."
_REMEDY_NOT_JSON = (
    "Check that the API URL ends in /api, and that it leads to Prefect itself and not to a login page"
    " or another server."
)
_REMEDY_CERTIFICATE = (
    "Let the server send its whole certificate chain for the host name in the URL;"
    " for a private authority give its certificate as apiCaCertificate, or set SSL_CERT_FILE to it."
)
_REMEDY_PROXY = "Check HTTPS_PROXY and HTTP_PROXY, or list the server's host name in NO_PROXY."
_REMEDY_NO_ANSWER = (
    "Check that the Prefect server runs (its log, and GET /health under this URL),"
    " and that this machine may reach the address through firewalls and proxies."
)


class PrefectApiError(Exception):
    """A call to Prefect's REST API that failed.

    Attributes:
        method: HTTP method.
        path: path below the API's URL.
        status: HTTP status, None if there was no answer.
        detail: what the server said, without what was sent to it.
        remedy: what to do about it.
        retry_after: seconds that the server asked to wait, None if it did not.
        did_nothing: whether the answer says that the request had no effect and may be sent again: 429, or the
            503 by which Prefect itself tells of a failed database transaction (a busy SQLite does so).
        says_not_found: whether Prefect itself said that there is no such object. A 404 of a proxy, or for a
            path that Prefect does not serve, is no word on the object.
    """

    def __init__(
        self,
        method: str,
        path: str,
        status: int | None,
        detail: str,
        remedy: str,
        *,
        retry_after: float | None = None,
        did_nothing: bool = False,
        says_not_found: bool = False,
    ) -> None:
        super().__init__(method, path, status, detail, remedy)
        self.method = method
        self.path = path
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.retry_after = retry_after
        self.did_nothing = did_nothing
        self.says_not_found = says_not_found

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else str(self.status)
        return f"{self.method} {self.path}: {answer}: {self.detail.rstrip('.')}. {self.remedy}"

    @property
    def is_server_fault(self) -> bool:
        """Whether the server, or a proxy before it, failed (5xx) and may do better the next time."""
        return self.status is not None and self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def says_conflict(self) -> bool:
        """Whether there is an object of that name already."""
        return self.status == HTTPStatus.CONFLICT


def error_of_response(method: str, path: str, answer: httpx.Response) -> PrefectApiError:
    """Tell of an answer that is no success, or no JSON."""
    status = answer.status_code
    body = _json_object(answer)
    if answer.is_redirect:
        detail, remedy = f"redirected to {answer.headers.get('Location')}", _REMEDY_REDIRECT
    elif answer.is_success or (body is None and status in {401, 403, 404, 405}):
        kind = answer.headers.get("Content-Type", "no content type")
        detail, remedy = f"{answer.url} answered {kind}, not JSON", _REMEDY_NOT_JSON
    else:
        detail = _detail(body) or answer.reason_phrase
        remedy = _REMEDIES.get(status, _REMEDY_SERVER)
    return PrefectApiError(
        method,
        path,
        status,
        detail,
        remedy,
        retry_after=_retry_after(answer),
        did_nothing=status == HTTPStatus.TOO_MANY_REQUESTS or body == _FAILED_TRANSACTION,
        says_not_found=status == HTTPStatus.NOT_FOUND and body not in (None, _UNKNOWN_PATH),
    )


def error_without_response(method: str, path: str, api_url: str, error: httpx.HTTPError) -> PrefectApiError:
    """Tell of a request that got no answer."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ProxyError):
        remedy = _REMEDY_PROXY
    elif has_untrusted_certificate(error):
        remedy = _REMEDY_CERTIFICATE
    else:
        remedy = _REMEDY_NO_ANSWER
    return PrefectApiError(method, path, None, f"{api_url}: {reason}", remedy)


def has_untrusted_certificate(error: BaseException | None) -> bool:
    """Whether a connection failed on the server's certificate, which waiting does not mend."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _detail(body: dict[str, Any] | None) -> str:
    """Give Prefect's own words. A 422 also repeats the request with its secrets, which is left out."""
    if not body:
        return ""
    detail = body.get("detail") or body.get("exception_message")
    problems = body.get("exception_detail")
    if isinstance(problems, list):
        return "; ".join(f"{_field(problem)}: {problem.get('msg')}" for problem in problems)
    return str(detail or "")


def _field(problem: dict[str, Any]) -> str:
    return ".".join(str(part) for part in problem.get("loc", ()) if part != "body")


def _retry_after(answer: httpx.Response) -> float | None:
    """Give the seconds to wait, told as such or as a date."""
    told = answer.headers.get("Retry-After", "")
    if told.isdecimal():
        return float(told)
    try:
        date = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(timezone.utc)).total_seconds())
