"""Blocks of any type: https://docs.prefect.io/v3/concepts/blocks.

What a block holds is told by three tables, which `with_parts` puts together and `parts` takes apart again: values that
anybody may see, secrets by the paths that the block's schema calls secret (`password`, `auth.token`), and the ids of
the blocks that it refers to.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.prefect_api import json_schema
from components.prefect_api.client import PrefectClient

SECRET = "secret"  # noqa: S105 - a type's slug
"""Type of a block that is one secret."""

_MASK = "********"
_MOST_PER_PAGE = 200


@dataclass(frozen=True, kw_only=True)
class BlockSchema:
    """What the server knows of a block type: its id, the id of its newest schema, and the schema itself."""

    slug: str
    type_id: str
    schema_id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class BlockParts:
    """What a block holds; see the module."""

    data: Mapping[str, Any]
    secrets: Mapping[str, Any]
    references: Mapping[str, str]


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a block, None if it would not."""
    if not re.fullmatch("[a-z0-9-]+", name):
        return f"the name of a block holds only lowercase letters, digits and dashes, unlike {name!r}"
    return None


def secret_problem(value: object) -> str | None:
    """Say why the server would not take a secret for one, None if it would."""
    if value == _MASK:
        return "a secret of eight asterisks is how Prefect shows any secret: give the secret itself"
    return None


def schema(client: PrefectClient, slug: str) -> BlockSchema:
    """Give the newest schema of a block type.

    Raises:
        ValueError: the server knows no such type.
        PrefectApiError: see PrefectClient.request.
    """
    block_type = client.find(f"/block_types/slug/{slug}")
    if block_type is None:
        raise ValueError(_unknown_type(client, slug))
    wanted = {"block_schemas": {"block_type_id": {"any_": [block_type["id"]]}}, "limit": 1}
    newest = client.request("POST", "/block_schemas/filter", wanted, repeatable=True)[0]
    return BlockSchema(slug=slug, type_id=block_type["id"], schema_id=newest["id"], fields=newest["fields"])


def field_problems(of: BlockSchema, data: Mapping[str, Any]) -> list[str]:
    """Say of each field of a block's data why it does not fit the schema; no value is shown."""
    return json_schema.problems(data, of.fields)


def open_secrets(of: BlockSchema, parts: BlockParts) -> list[str]:
    """Name the fields that the schema calls secret but that stand among those that anybody may see."""
    data = copy.deepcopy(dict(parts.data))
    paths = (path.removesuffix(".*") for path in of.fields.get("secret_fields", []))
    return sorted(path for path in paths if _take(data, path) is not None)


def find(client: PrefectClient, slug: str, name: str, *, with_secrets: bool = False) -> dict[str, Any] | None:
    """Give the document of a block, None if there is none.

    Its values are at `["data"]`, the secret ones in clear if `with_secrets`, as asterisks otherwise.
    """
    query = {"include_secrets": "true"} if with_secrets else None
    path = f"/block_types/slug/{slug}/block_documents/name/{name}"
    document: dict[str, Any] | None = client.find(path, query=query)
    return document


def create(client: PrefectClient, of: BlockSchema, name: str, data: Mapping[str, Any]) -> str:
    """Create a block and give the id of its document.

    Raises:
        PrefectApiError: among others with `says_conflict` if there is one of this type and name.
    """
    body = {"name": name, "data": data, "block_type_id": of.type_id, "block_schema_id": of.schema_id}
    return str(client.request("POST", "/block_documents/", body)["id"])


def update(client: PrefectClient, of: BlockSchema, document_id: str, data: Mapping[str, Any]) -> None:
    """Let a block hold this and nothing else."""
    body = {"data": data, "block_schema_id": of.schema_id, "merge_existing_data": False}
    client.request("PATCH", f"/block_documents/{document_id}", body)


def delete(client: PrefectClient, document_id: str) -> None:
    """Delete a block; that there is none is a success."""
    client.remove(f"/block_documents/{document_id}")


def with_parts(parts: BlockParts) -> dict[str, Any]:
    """Give the data of a block, as `create` and `update` want it."""
    data = copy.deepcopy(dict(parts.data))
    for path, value in parts.secrets.items():
        *tables, field = path.split(".")
        place = data
        for table in tables:
            place = place.setdefault(table, {})
        place[field] = value
    for field, document_id in parts.references.items():
        data[field] = {"$ref": {"block_document_id": document_id}}
    return data


def parts(document: Mapping[str, Any], secret_paths: frozenset[str]) -> BlockParts:
    """Take a document, read with its secrets, apart.

    What stands at `secret_paths` is secret, and what the schema says to be.
    """
    data = copy.deepcopy(dict(document["data"]))
    references = {
        field: str(reference["block_document"]["id"])
        for field, reference in document["block_document_references"].items()
    }
    for field in references:
        data.pop(field, None)
    declared = document["block_schema"]["fields"].get("secret_fields", [])
    paths = secret_paths | {path.removesuffix(".*") for path in declared}
    # A path before those below it, so that a secret table is taken out whole.
    secrets = {path: taken for path in sorted(paths) if (taken := _take(data, path)) is not None}
    return BlockParts(data=data, secrets=secrets, references=references)


def _take(data: dict[str, Any], path: str) -> Any:
    """Remove a value from nested tables and give it, None if there is none."""
    *tables, field = path.split(".")
    place: Any = data
    for table in tables:
        place = place.get(table) if isinstance(place, dict) else None
    return place.pop(field, None) if isinstance(place, dict) else None


def _unknown_type(client: PrefectClient, slug: str) -> str:
    known = client.request("POST", "/block_types/filter", {"limit": _MOST_PER_PAGE}, repeatable=True)
    slugs = sorted(block_type["slug"] for block_type in known)
    near = difflib.get_close_matches(slug, slugs, n=1)
    meant = f"did you mean {near[0]}?" if near else f"only {', '.join(slugs)}."
    return (
        f"The Prefect server knows no block type {slug!r}; {meant} For a type of your own, or of a library that the"
        " server lacks, run `prefect block register` first."
    )
