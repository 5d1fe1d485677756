"""Variables: https://docs.prefect.io/v3/concepts/variables."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from components.prefect_api.client import PrefectClient

# The server's own rules: prefect.types.
_LONGEST_NAME = 255
_LONGEST_VALUE = 5000


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a variable, None if it would not."""
    if not re.fullmatch(rf"[a-z0-9_-]{{1,{_LONGEST_NAME}}}", name):
        return (
            "the name of a variable holds only lowercase letters, digits, dashes and underscores, and at most"
            f" {_LONGEST_NAME} of them, unlike {name!r}"
        )
    return None


def value_problem(value: object) -> str | None:
    """Say why the server would refuse this value for a variable, None if it would not."""
    length = len(json.dumps(value))
    if length > _LONGEST_VALUE:
        return f"the value of a variable has at most {_LONGEST_VALUE} characters as JSON, not {length}"
    return None


def find(client: PrefectClient, name: str) -> dict[str, Any] | None:
    """Give a variable as the server describes it, None if there is none."""
    variable: dict[str, Any] | None = client.find(_path(name))
    return variable


def create(client: PrefectClient, name: str, value: object, *, tags: Sequence[str] = ()) -> None:
    """Create a variable; its value is anything that JSON knows.

    Raises:
        PrefectApiError: among others with `says_conflict` if there is one of this name.
    """
    client.request("POST", "/variables/", {"name": name, "value": value, "tags": [*tags]})


def update(client: PrefectClient, name: str, value: object, *, tags: Sequence[str] = ()) -> None:
    """Change value and tags of a variable."""
    client.request("PATCH", _path(name), {"value": value, "tags": [*tags]})


def delete(client: PrefectClient, name: str) -> None:
    """Delete a variable; that there is none is a success."""
    client.remove(_path(name))


def _path(name: str) -> str:
    return f"/variables/name/{name}"
