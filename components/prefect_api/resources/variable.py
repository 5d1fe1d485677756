"""A variable as a Pulumi resource."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi import dynamic

from components.prefect_api import variables
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, Properties, canonical_json, delete_first


class VariableProvider(PrefectProvider):
    """Creates, reads, updates and deletes variables."""

    kind = "variable"
    identity = frozenset({"name"})
    settings = frozenset({"value", "tags"})
    rules = MappingProxyType(
        {"name": variables.name_problem, "value": lambda text: variables.value_problem(json.loads(text))}
    )

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the variable."""
        variable = variables.find(client, props["name"])
        if variable is None:
            return None
        return {"value": canonical_json(variable["value"]), "tags": sorted(variable["tags"])}

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the variable."""
        variables.create(client, props["name"], json.loads(props["value"]), tags=props.get("tags", ()))
        return {}

    def change(self, client: PrefectClient, _olds: Properties, news: Properties) -> Properties:
        """Set value and tags."""
        variables.update(client, news["name"], json.loads(news["value"]), tags=news.get("tags", ()))
        return {}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the variable."""
        variables.delete(client, props["name"])


class Variable(dynamic.Resource, module="prefect", name="Variable"):
    """A variable, which flows read as `Variable.get("NAME")`. It is stored and shown in clear.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the variable, of lowercase letters, digits, dashes and underscores; a change replaces it.
        value: anything that JSON knows.
        tags: for filters in the UI.
        adopt: take over a variable of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        name: pulumi.Input[str],
        value: pulumi.Input[Any],
        tags: Sequence[str] = (),
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "name": name,
            "value": pulumi.Output.from_input(value).apply(canonical_json),
            "tags": sorted(tags),
            "adopt": adopt,
        }
        super().__init__(VariableProvider(), resource_name, properties, delete_first(opts))
