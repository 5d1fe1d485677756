"""Blocks of type `secret`: https://docs.prefect.io/v3/concepts/blocks."""

from __future__ import annotations

import re
from typing import Any

from components.prefect_api.client import PrefectClient

_SECRET_TYPE = "/block_types/slug/secret"  # noqa: S105 - a path


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a block, None if it would not."""
    if not re.fullmatch("[a-z0-9-]+", name):
        return f"the name of a block holds only lowercase letters, digits and dashes, unlike {name!r}"
    return None


def find_secret(client: PrefectClient, name: str, *, with_value: bool = False) -> dict[str, Any] | None:
    """Give the block document of a secret, None if there is none.

    Its value is at `["data"]["value"]`: in clear if `with_value`, as asterisks otherwise.
    """
    query = {"include_secrets": "true"} if with_value else None
    document: dict[str, Any] | None = client.find(f"{_SECRET_TYPE}/block_documents/name/{name}", query=query)
    return document


def create_secret(client: PrefectClient, name: str, value: str) -> str:
    """Create a secret and give the id of its block document.

    Raises:
        PrefectApiError: among others with `says_conflict` if there is one of this name.
    """
    type_id = client.request("GET", _SECRET_TYPE)["id"]
    wanted = {"block_schemas": {"block_type_id": {"any_": [type_id]}}, "limit": 1}
    schema = client.request("POST", "/block_schemas/filter", wanted, repeatable=True)[0]
    body = {
        "name": name,
        "data": {"value": value},
        "block_type_id": type_id,
        "block_schema_id": schema["id"],
    }
    return str(client.request("POST", "/block_documents/", body)["id"])


def update_secret(client: PrefectClient, document_id: str, value: str) -> None:
    """Give a secret another value."""
    client.request("PATCH", f"/block_documents/{document_id}", {"data": {"value": value}})


def delete_secret(client: PrefectClient, document_id: str) -> None:
    """Delete a secret; that there is none is a success."""
    client.remove(f"/block_documents/{document_id}")
