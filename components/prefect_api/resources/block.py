"""A block of any type as a Pulumi resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi import dynamic

from components.prefect_api import blocks
from components.prefect_api.blocks import BlockParts, BlockSchema
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, Properties, as_json, canonical_json, delete_first


class BlockProvider(PrefectProvider):
    """Creates, reads, updates and deletes blocks."""

    kind = "block"
    identity = frozenset({"type", "name"})
    settings = frozenset({"data", "secrets", "references"})
    secret = frozenset({"secrets"})
    rules = MappingProxyType({"name": blocks.name_problem, "secrets": lambda text: _secrets_problem(json.loads(text))})

    def id_of(self, props: Properties) -> str:
        """Give the block as Prefect's command line names it."""
        return f"{props['type']}/{props['name']}"

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the block with its secrets, which the engine keeps as secret as the input was."""
        document = blocks.find(client, props["type"], props["name"], with_secrets=True)
        if document is None:
            return None
        found = blocks.parts(document, frozenset(_parts(props).secrets))
        return {
            "data": canonical_json(found.data),
            "secrets": canonical_json(found.secrets) if found.secrets or props.get("secrets") else None,
            "references": found.references or None,
            "block_document_id": document["id"],
        }

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the block, once its fields fit the server's schema."""
        schema = blocks.schema(client, props["type"])
        data = _checked_data(schema, props)
        return {"block_document_id": blocks.create(client, schema, props["name"], data)}

    def change(self, client: PrefectClient, olds: Properties, news: Properties) -> Properties:
        """Let the block hold what is declared and nothing else, once that fits the server's schema."""
        schema = blocks.schema(client, news["type"])
        blocks.update(client, schema, olds["block_document_id"], _checked_data(schema, news))
        return {"block_document_id": olds["block_document_id"]}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the block."""
        blocks.delete(client, props["block_document_id"])


class Block(dynamic.Resource, module="prefect", name="Block"):
    """A block of any type that the server knows, whose fields are checked against the server's schema of it.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        type: slug of the block's type, e.g. `aws-credentials`; a change replaces the block.
        name: name of the block, of lowercase letters, digits and dashes; a change replaces it.
        data: fields by name, shown in clear in previews and in Pulumi's state.
        secrets: fields that are secret, by name or, inside of others, by path: `auth.password`.
        references: per field that holds another block, that block's `block_document_id`.
        adopt: take over a block of this type and name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    block_document_id: pulumi.Output[str]
    """UUID by which other objects refer to the block."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        type: pulumi.Input[str],  # noqa: A002 - Prefect's own word
        name: pulumi.Input[str],
        data: pulumi.Input[Mapping[str, Any]] | None = None,
        secrets: Mapping[str, pulumi.Input[Any]] | None = None,
        references: Mapping[str, pulumi.Input[str]] | None = None,
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "type": type,
            "name": name,
            "data": as_json(data or {}),
            "secrets": as_json(pulumi.Output.secret(secrets)) if secrets else None,
            "references": references or None,
            "adopt": adopt,
            "block_document_id": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["secrets"])
        opts = pulumi.ResourceOptions.merge(delete_first(opts), secret)
        super().__init__(BlockProvider(), resource_name, properties, opts)


def _parts(props: Properties) -> BlockParts:
    return BlockParts(
        data=json.loads(props["data"]),
        secrets=json.loads(props.get("secrets") or "{}"),
        references=props.get("references") or {},
    )


def _checked_data(schema: BlockSchema, props: Properties) -> dict[str, Any]:
    parts = _parts(props)
    data = blocks.with_parts(parts)
    problems = blocks.field_problems(schema, data) + [
        f"{path} is secret: give it among the secrets" for path in blocks.open_secrets(schema, parts)
    ]
    if problems:
        raise ValueError(f"Block {props['type']}/{props['name']} does not fit its type: {'; '.join(problems)}.")
    return data


def _secrets_problem(secrets: Mapping[str, Any]) -> str | None:
    return next((problem for value in secrets.values() if (problem := blocks.secret_problem(value))), None)
