"""Automations: https://docs.prefect.io/v3/concepts/automations.

A trigger or an action is a table as Prefect's own documents show it; durations are seconds. Where an action of
Prefect's holds an id, it may hold a name instead: `deployment: FLOW/NAME`, `work_pool: NAME`, `work_queue: POOL/NAME`,
`automation: NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.prefect_api import deployments, work_pools, work_queues
from components.prefect_api.client import PrefectClient

PARTS = ("trigger", "actions", "actions_on_trigger", "actions_on_resolve")
"""What an automation does, and when."""

# The server keeps these as sets, and tells their elements in any order.
_SETS = frozenset({"after", "expect", "for_each"})


def find(client: PrefectClient, name: str) -> dict[str, Any] | None:
    """Give the automation of a name as the server describes it, None if there is none.

    Raises:
        ValueError: several have the name, as Prefect allows.
    """
    body = {"automations": {"name": {"any_": [name]}}, "limit": 2}
    found: list[dict[str, Any]] = client.request("POST", "/automations/filter", body, repeatable=True)
    if len(found) > 1:
        raise ValueError(f"Prefect has several automations {name!r}: delete or rename all but one of them in its UI.")
    return found[0] if found else None


def read(client: PrefectClient, automation_id: str) -> dict[str, Any] | None:
    """Give an automation as the server describes it, None if there is none."""
    automation: dict[str, Any] | None = client.find(f"/automations/{automation_id}")
    return automation


def create(client: PrefectClient, name: str, parts: Mapping[str, Any], **settings: Any) -> str:
    """Create an automation of PARTS and give its id; `settings` are description, enabled and tags."""
    return str(client.request("POST", "/automations/", {"name": name, **settings, **parts})["id"])


def update(client: PrefectClient, automation_id: str, name: str, parts: Mapping[str, Any], **settings: Any) -> None:
    """Let an automation be this and nothing else."""
    client.request("PUT", f"/automations/{automation_id}", {"name": name, **settings, **parts})


def delete(client: PrefectClient, automation_id: str) -> None:
    """Delete an automation; that there is none is a success."""
    client.remove(f"/automations/{automation_id}")


def with_ids(client: PrefectClient, actions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put ids in the place of the names that actions hold, None where the server knows no object of a name."""
    return [_with_ids(client, action) for action in actions]


def unknown_names(actions: Sequence[Mapping[str, Any]], with_ids: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which names in actions became no id."""
    return [
        f"{kind.replace('_', ' ')} {action[kind]!r}"
        for action, known in zip(actions, with_ids, strict=True)
        for kind in _FINDERS
        if kind in action and known[f"{kind}_id"] is None
    ]


def _with_ids(client: PrefectClient, action: Mapping[str, Any]) -> dict[str, Any]:
    known = dict(action)
    for kind, find_named in _FINDERS.items():
        if kind in known:
            found = find_named(client, str(known.pop(kind)))
            known[f"{kind}_id"] = found["id"] if found else None
    return known


def _find_deployment(client: PrefectClient, path: str) -> dict[str, Any] | None:
    flow, _, name = path.partition("/")
    return deployments.find(client, flow, name)


def _find_queue(client: PrefectClient, path: str) -> dict[str, Any] | None:
    pool, _, name = path.partition("/")
    return work_queues.find(client, pool, name)


_FINDERS: Mapping[str, Callable[[PrefectClient, str], dict[str, Any] | None]] = {
    "deployment": _find_deployment,
    "work_pool": work_pools.find,
    "work_queue": _find_queue,
    "automation": find,
}
"""How an object is found that an action names, by the key of the name; the id's has `_id` at its end."""


def named_work_pools(actions: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the work pools that actions name, for themselves or as that of a queue."""
    names = (str(action[key]) for action in actions for key in ("work_pool", "work_queue") if key in action)
    return {name.partition("/")[0] for name in names}


def parts(automation: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an automation does, without what differs from one reading to the next."""
    return {part: _normal(automation[part]) for part in PARTS}


def ignored(declared: Any, live: Any, path: str = "") -> Iterator[str]:
    """Name what is declared and not there: Prefect drops fields that it does not know without a word."""
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        for key, value in declared.items():
            if key in live:
                yield from ignored(value, live[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}"
    elif _is_list(declared) and _is_list(live) and len(declared) == len(live):
        is_set = path.rpartition(".")[2] in _SETS
        pairs = zip(sorted(declared), sorted(live), strict=True) if is_set else zip(declared, live, strict=True)
        for index, (wished, found) in enumerate(pairs):
            yield from ignored(wished, found, f"{path}[{index}]")
    elif declared != live:
        yield path


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: sorted(inner) if key in _SETS and _is_list(inner) else _normal(inner)
            for key, inner in value.items()
            if key != "id"
        }
    return [_normal(element) for element in value] if _is_list(value) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
