"""What the server under test says of its own API, to hold each request against."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator


class ServerDescription:
    """The OpenAPI document of a server."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = _with_seconds(document)
        # Prefect before 3.6.20 or so describes them below /api
        self._paths = {
            re.compile(re.sub(r"\{[^/]+\}", "[^/]+", template.removeprefix("/api"))): operations
            for template, operations in self._document["paths"].items()
        }

    @classmethod
    def fetch(cls, api_url: str, auth_string: str) -> ServerDescription:
        user, _, password = auth_string.partition(":")
        url = f"{api_url.removesuffix('/api')}/openapi.json"
        # it is put together when it is first asked for, which takes a busy machine its time
        answer = httpx.get(url, auth=(user, password), trust_env=False, timeout=60)
        return cls(answer.raise_for_status().json())

    def problems(self, method: str, path: str, query: Mapping[str, str], body: Any) -> list[str]:
        """Say what of a request is not as the server describes it."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"the server describes no {method} {path}"]
        known = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
        unknown = [f"the server describes no parameter {name}" for name in sorted(query.keys() - known)]
        if "requestBody" not in operation:
            return unknown + (["the server wants no body"] if body is not None else [])
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": self._document["components"]})
        return unknown + [error.message for error in validator.iter_errors({} if body is None else body)]

    def _operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        for pattern, operations in self._paths.items():
            if pattern.fullmatch(path) and method.lower() in operations:
                return dict(operations[method.lower()])
        return None

    @contextlib.contextmanager
    def checking(self, api_url: str) -> Iterator[None]:
        """Fail whoever sends this server, with success, a request that it does not describe."""
        send = httpx.Client.send

        def checked(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
            answer = send(client, request, **options)
            if answer.is_success and str(request.url).startswith(f"{api_url}/"):
                path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api")
                body = json.loads(request.content) if request.content else None
                problems = self.problems(request.method, path, dict(request.url.params), body)
                assert not problems, f"{request.method} {path} is not as /openapi.json describes it: {problems}"
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(httpx.Client, "send", checked)
            yield


def _with_seconds(description: Any) -> Any:
    """Let durations be numbers of seconds as well.

    Prefect sends itself such, and fails with 500 on the texts that it describes (prefect 3.8.8, proactive triggers).
    """
    if isinstance(description, list):
        return [_with_seconds(element) for element in description]
    if not isinstance(description, Mapping):
        return description
    if description.get("format") == "duration":
        return {"type": ["string", "number"]}
    return {key: _with_seconds(value) for key, value in description.items()}
