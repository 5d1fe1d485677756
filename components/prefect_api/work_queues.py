"""Work queues of a work pool: https://docs.prefect.io/v3/concepts/work-pools#work-queues."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from components.prefect_api import names, work_pools
from components.prefect_api.client import PrefectClient

DEFAULT = "default"
"""The queue that each pool is born with and cannot lose."""

_HIGHEST_PRIORITY = 1


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a queue, None if it would not."""
    return names.problem("work queue", name)


def priority_problem(priority: float) -> str | None:
    """Say why a priority is none, None if it is one."""
    is_good = priority >= _HIGHEST_PRIORITY and priority == int(priority)
    return None if is_good else f"a priority is a whole number from 1, the highest, on, not {priority:g}"


def find(client: PrefectClient, work_pool: str, name: str) -> dict[str, Any] | None:
    """Give a queue as the server describes it (WorkQueueResponse), None if there is no such queue or no such pool."""
    queue: dict[str, Any] | None = client.find(_path(work_pool, name))
    return queue


def create(
    client: PrefectClient,
    work_pool: str,
    name: str,
    *,
    description: str = "",
    concurrency_limit: int | None = None,
    priority: int | None = None,
    paused: bool = False,
) -> None:
    """Create a queue. A queue that has its priority already, and those behind, move one back.

    Raises:
        PrefectApiError: among others with `says_conflict` if there is one of this name.
    """
    body = {
        "name": name,
        "description": description,
        "concurrency_limit": concurrency_limit,
        "priority": priority,
        "is_paused": paused,
    }
    client.request("POST", f"{work_pools.path(work_pool)}/queues", body)


def update(
    client: PrefectClient,
    work_pool: str,
    name: str,
    *,
    description: str = "",
    concurrency_limit: int | None = None,
    priority: int | None = None,
    paused: bool = False,
) -> None:
    """Change all that may change of a queue; its priority only if one is given."""
    body = {"description": description, "concurrency_limit": concurrency_limit, "is_paused": paused}
    if priority is not None:
        body["priority"] = priority
    client.request("PATCH", _path(work_pool, name), body)


def delete(client: PrefectClient, work_pool: str, name: str) -> None:
    """Delete a queue; that there is none is a success. The default one is only made as it was at its birth."""
    if name != DEFAULT:
        client.remove(_path(work_pool, name))
    elif find(client, work_pool, name) is not None:
        update(client, work_pool, name, priority=_HIGHEST_PRIORITY)


def _path(work_pool: str, name: str) -> str:
    return f"{work_pools.path(work_pool)}/queues/{quote(name, safe='')}"
