"""Concurrency limits as Pulumi resources: global ones, and those of a tag."""

from __future__ import annotations

from types import MappingProxyType

import pulumi
from pulumi import dynamic

from components.prefect_api import concurrency_limits
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, Properties, delete_first


class GlobalConcurrencyLimitProvider(PrefectProvider):
    """Creates, reads, updates and deletes global concurrency limits."""

    kind = "global concurrency limit"
    identity = frozenset({"name"})
    settings = frozenset({"limit", "active", "slot_decay_per_second"})
    rules = MappingProxyType(
        {
            "name": concurrency_limits.name_problem,
            "limit": concurrency_limits.limit_problem,
            "slot_decay_per_second": concurrency_limits.decay_problem,
        }
    )

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the limit; how many of its slots are taken is no concern of a stack."""
        limit = concurrency_limits.find_global(client, props["name"])
        return None if limit is None else {key: limit[key] for key in self.settings}

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the limit."""
        concurrency_limits.create_global(client, props["name"], int(props["limit"]), **_settings(props))
        return {}

    def change(self, client: PrefectClient, _olds: Properties, news: Properties) -> Properties:
        """Change the limit; slots that are taken stay taken."""
        concurrency_limits.update_global(client, news["name"], int(news["limit"]), **_settings(news))
        return {}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the limit."""
        concurrency_limits.delete_global(client, props["name"])


class TagConcurrencyLimitProvider(PrefectProvider):
    """Creates, reads, updates and deletes the concurrency limits of tags."""

    kind = "concurrency limit of the tag"
    identity = frozenset({"tag"})
    settings = frozenset({"limit"})
    rules = MappingProxyType({"tag": concurrency_limits.name_problem, "limit": concurrency_limits.limit_problem})

    def id_of(self, props: Properties) -> str:
        """Give the tag."""
        return str(props["tag"])

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the limit."""
        limit = concurrency_limits.find_of_tag(client, props["tag"])
        return None if limit is None else {"limit": limit["concurrency_limit"]}

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Set the limit."""
        concurrency_limits.set_of_tag(client, props["tag"], int(props["limit"]))
        return {}

    def change(self, client: PrefectClient, _olds: Properties, news: Properties) -> Properties:
        """Set the limit."""
        return self.make(client, news)

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the limit."""
        concurrency_limits.delete_of_tag(client, props["tag"])


class GlobalConcurrencyLimit(dynamic.Resource, module="prefect", name="GlobalConcurrencyLimit"):
    """A limit that flows obey where they ask for it: `with concurrency("NAME")` or `rate_limit("NAME")`.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the limit; a change replaces it.
        limit: number of slots.
        active: whether it holds anybody back.
        slot_decay_per_second: slots that free themselves per second, which `rate_limit` needs; 0 for none.
        adopt: take over a limit of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        name: pulumi.Input[str],
        limit: pulumi.Input[int],
        active: pulumi.Input[bool] = True,
        slot_decay_per_second: pulumi.Input[float] = 0,
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "name": name,
            "limit": limit,
            "active": active,
            "slot_decay_per_second": slot_decay_per_second,
            "adopt": adopt,
        }
        super().__init__(GlobalConcurrencyLimitProvider(), resource_name, properties, delete_first(opts))


class TagConcurrencyLimit(dynamic.Resource, module="prefect", name="TagConcurrencyLimit"):
    """A limit on how many task runs with a tag run at once.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        tag: the tag; a change replaces the limit.
        limit: most task runs at a time; 0 lets none run.
        adopt: take over a limit of this tag that is there already, instead of failing.
    """

    tag: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        tag: pulumi.Input[str],
        limit: pulumi.Input[int],
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {"api_url": api_url, "tag": tag, "limit": limit, "adopt": adopt}
        super().__init__(TagConcurrencyLimitProvider(), resource_name, properties, delete_first(opts))


def _settings(props: Properties) -> Properties:
    return {
        "active": props.get("active", True),
        "slot_decay_per_second": props.get("slot_decay_per_second", 0),
    }
