"""Limits on how much of a kind runs at once.

Global ones, which code asks for by name: https://docs.prefect.io/v3/concepts/global-concurrency-limits; and those
of a tag, which every task run with the tag obeys: https://docs.prefect.io/v3/concepts/tag-based-concurrency-limits.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from components.prefect_api import names
from components.prefect_api.client import PrefectClient


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name or tag for a limit, None if it would not."""
    return names.problem("concurrency limit", name)


def limit_problem(limit: float) -> str | None:
    """Say why a limit is none, None if it is one."""
    return None if limit >= 0 and limit == int(limit) else f"a limit is a whole number from 0 on, not {limit:g}"


def decay_problem(slots: float) -> str | None:
    """Say why a number of slots per second is none, None if it is one."""
    return None if slots >= 0 else f"slots per second are a number from 0 on, not {slots:g}"


def find_global(client: PrefectClient, name: str) -> dict[str, Any] | None:
    """Give a global limit as the server describes it (GlobalConcurrencyLimitResponse), None if there is none."""
    limit: dict[str, Any] | None = client.find(_global_path(name))
    return limit


def create_global(
    client: PrefectClient, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0
) -> None:
    """Create a global limit.

    Raises:
        PrefectApiError: among others with `says_conflict` if there is one of this name.
    """
    body = {"name": name, "limit": limit, "active": active, "slot_decay_per_second": slot_decay_per_second}
    client.request("POST", "/v2/concurrency_limits/", body)


def update_global(
    client: PrefectClient, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0
) -> None:
    """Change all that may change of a global limit; slots that are taken stay taken."""
    body = {"limit": limit, "active": active, "slot_decay_per_second": slot_decay_per_second}
    client.request("PATCH", _global_path(name), body)


def delete_global(client: PrefectClient, name: str) -> None:
    """Delete a global limit; that there is none is a success."""
    client.remove(_global_path(name))


def find_of_tag(client: PrefectClient, tag: str) -> dict[str, Any] | None:
    """Give the limit of a tag as the server describes it (ConcurrencyLimit), None if there is none."""
    limit: dict[str, Any] | None = client.find(_tag_path(tag))
    return limit


def set_of_tag(client: PrefectClient, tag: str, limit: int) -> None:
    """Create the limit of a tag, or change the one that is there."""
    client.request("POST", "/concurrency_limits/", {"tag": tag, "concurrency_limit": limit}, repeatable=True)


def delete_of_tag(client: PrefectClient, tag: str) -> None:
    """Delete the limit of a tag; that there is none is a success."""
    client.remove(_tag_path(tag))


def _global_path(name: str) -> str:
    return f"/v2/concurrency_limits/{quote(name, safe='')}"


def _tag_path(tag: str) -> str:
    return f"/concurrency_limits/tag/{quote(tag, safe='')}"
