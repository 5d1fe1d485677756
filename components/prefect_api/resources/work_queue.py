"""A work queue as a Pulumi resource."""

from __future__ import annotations

from types import MappingProxyType

import pulumi
from pulumi import dynamic

from components.prefect_api import work_queues
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, Properties, delete_first, whole_number


class WorkQueueProvider(PrefectProvider):
    """Creates, reads, updates and deletes the queues of work pools."""

    kind = "work queue"
    identity = frozenset({"work_pool", "name"})
    settings = frozenset({"description", "concurrency_limit", "priority", "paused"})
    rules = MappingProxyType({"name": work_queues.name_problem, "priority": work_queues.priority_problem})

    def id_of(self, props: Properties) -> str:
        """Give the names of pool and queue."""
        return f"{props['work_pool']}/{props['name']}"

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the queue. Its priority counts only if one was given here."""
        queue = work_queues.find(client, props["work_pool"], props["name"])
        if queue is None:
            return None
        found = {
            "description": queue["description"] or None,
            "concurrency_limit": queue["concurrency_limit"],
            "paused": queue["is_paused"],
        }
        if props.get("priority") is not None:
            found["priority"] = queue["priority"]
        return found

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the queue."""
        work_queues.create(client, props["work_pool"], props["name"], **_settings(props))
        return {}

    def change(self, client: PrefectClient, _olds: Properties, news: Properties) -> Properties:
        """Change the queue."""
        work_queues.update(client, news["work_pool"], news["name"], **_settings(news))
        return {}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the queue; the default one only gets its first settings back."""
        work_queues.delete(client, props["work_pool"], props["name"])

    def require_adoption(self, found: Properties, props: Properties) -> None:
        """Take the default queue over unasked: it comes with the pool."""
        if props["name"] != work_queues.DEFAULT:
            super().require_adoption(found, props)


class WorkQueue(dynamic.Resource, module="prefect", name="WorkQueue"):
    """A queue of a work pool. The one called `default` comes with the pool and is taken over.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        work_pool: name of the pool; a change replaces the queue.
        name: name of the queue, unique in its pool; a change replaces it.
        description: text for the UI.
        concurrency_limit: most flow runs at a time; None is unlimited.
        priority: 1 is served first. No two queues of a pool have the same: whoever comes second moves the first
            back, so let queues of one pool depend on each other in the order of their priorities. None takes a free
            one when the queue is created, and leaves it alone afterwards.
        paused: whether the delivery of flow runs is halted.
        adopt: take over a queue of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    work_pool: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        work_pool: pulumi.Input[str],
        name: pulumi.Input[str],
        description: pulumi.Input[str] | None = None,
        concurrency_limit: pulumi.Input[int] | None = None,
        priority: pulumi.Input[int] | None = None,
        paused: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "work_pool": work_pool,
            "name": name,
            "description": description,
            "concurrency_limit": concurrency_limit,
            "priority": priority,
            "paused": paused,
            "adopt": adopt,
        }
        super().__init__(WorkQueueProvider(), resource_name, properties, delete_first(opts))


def _settings(props: Properties) -> Properties:
    return {
        "description": props.get("description") or "",
        "concurrency_limit": whole_number(props.get("concurrency_limit")),
        "priority": whole_number(props.get("priority")),
        "paused": props.get("paused", False),
    }
