"""A block of type `secret` as a Pulumi resource."""

from __future__ import annotations

from types import MappingProxyType

import pulumi
from pulumi import dynamic

from components.prefect_api import blocks
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, Properties, delete_first


class SecretBlockProvider(PrefectProvider):
    """Creates, reads, updates and deletes blocks of type `secret`."""

    kind = "block"
    identity = frozenset({"name"})
    settings = frozenset({"value"})
    secret = frozenset({"value"})
    rules = MappingProxyType({"name": blocks.name_problem, "value": blocks.secret_problem})

    def id_of(self, props: Properties) -> str:
        """Give the block as Prefect's command line names it."""
        return f"{blocks.SECRET}/{props['name']}"

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the block with its value, which the engine keeps as secret as the input was."""
        document = blocks.find(client, blocks.SECRET, props["name"], with_secrets=True)
        if document is None:
            return None
        return {"value": document["data"]["value"], "block_document_id": document["id"]}

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the block."""
        schema = blocks.schema(client, blocks.SECRET)
        return {"block_document_id": blocks.create(client, schema, props["name"], {"value": props["value"]})}

    def change(self, client: PrefectClient, olds: Properties, news: Properties) -> Properties:
        """Set the value."""
        document_id = olds["block_document_id"]
        blocks.update(client, blocks.schema(client, blocks.SECRET), document_id, {"value": news["value"]})
        return {"block_document_id": document_id}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the block."""
        blocks.delete(client, props["block_document_id"])


class SecretBlock(dynamic.Resource, module="prefect", name="SecretBlock"):
    """A block of type `secret`, whose value stands encrypted in Pulumi's state.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the block, of lowercase letters, digits and dashes; a change replaces it.
        value: the secret.
        adopt: take over a secret block of this name that is there already, instead of failing.
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
        name: pulumi.Input[str],
        value: pulumi.Input[str],
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "name": name,
            "value": pulumi.Output.secret(value),
            "adopt": adopt,
            "block_document_id": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        opts = pulumi.ResourceOptions.merge(delete_first(opts), secret)
        super().__init__(SecretBlockProvider(), resource_name, properties, opts)
