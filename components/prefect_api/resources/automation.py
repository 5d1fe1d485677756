"""An automation as a Pulumi resource."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi import dynamic

from components.prefect_api import automations
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import PrefectProvider, Properties, as_json, canonical_json, delete_first


class AutomationProvider(PrefectProvider):
    """Creates, reads, updates and deletes automations.

    The server adds defaults to what is declared. So the state keeps, beside the declaration, what the server held
    when it was last looked at; whatever differs from that was changed by hand.
    """

    kind = "automation"
    identity = frozenset({"name"})
    settings = frozenset({"description", "enabled", "tags", *automations.PARTS})

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the automation, by its id once that is known."""
        known = props.get("automation_id")
        live = automations.read(client, known) if known else automations.find(client, props["name"])
        if live is None:
            return None
        parts = automations.parts(live)
        return {
            "description": live["description"] or None,
            "enabled": live["enabled"],
            "tags": sorted(live["tags"]),
            "automation_id": live["id"],
            "recorded": canonical_json(parts),
            **{part: canonical_json(parts[part]) for part in _changed_by_hand(client, props, parts)},
        }

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the automation; if the server does not take all of it, leave none behind."""
        declared = _known(client, props)
        automation_id = automations.create(client, props["name"], declared, **_settings(props))
        try:
            return _told(client, automation_id, props["name"], declared)
        except ValueError:
            automations.delete(client, automation_id)
            raise

    def change(self, client: PrefectClient, olds: Properties, news: Properties) -> Properties:
        """Let the automation be what is declared."""
        automation_id, declared = olds["automation_id"], _known(client, news)
        automations.update(client, automation_id, news["name"], declared, **_settings(news))
        return _told(client, automation_id, news["name"], declared)

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the automation."""
        automations.delete(client, props["automation_id"])


class Automation(dynamic.Resource, module="prefect", name="Automation"):
    """Actions that Prefect takes by itself when something happens, or does not happen in time.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the automation; a change replaces it.
        trigger: an event, compound or sequence trigger, as a table of Prefect's; durations in seconds.
        actions: tables of Prefect's, e.g. `{"type": "cancel-flow-run"}`; what they act on may be named instead of
            given by its id, see components/prefect_api/automations.py.
        actions_on_trigger: taken when the trigger fires, beside `actions`.
        actions_on_resolve: taken when what fired it is over.
        description: text for the UI.
        enabled: whether it does anything.
        tags: for filters in the UI.
        adopt: take over an automation of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    automation_id: pulumi.Output[str]
    """UUID by which other automations refer to this one."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        name: pulumi.Input[str],
        trigger: Mapping[str, Any],
        actions: Sequence[Mapping[str, Any]],
        actions_on_trigger: Sequence[Mapping[str, Any]] = (),
        actions_on_resolve: Sequence[Mapping[str, Any]] = (),
        description: pulumi.Input[str] | None = None,
        enabled: pulumi.Input[bool] = True,
        tags: Sequence[str] = (),
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "name": name,
            "trigger": as_json(trigger),
            "actions": as_json([*actions]),
            "actions_on_trigger": as_json([*actions_on_trigger]),
            "actions_on_resolve": as_json([*actions_on_resolve]),
            "description": description,
            "enabled": enabled,
            "tags": sorted(tags),
            "adopt": adopt,
            "automation_id": None,
            "recorded": None,
        }
        super().__init__(AutomationProvider(), resource_name, properties, delete_first(opts))


def _declared(client: PrefectClient, props: Properties) -> dict[str, Any]:
    """Give what is declared, with ids for names."""
    parts = {part: json.loads(props.get(part) or "[]") for part in automations.PARTS}
    return {part: value if part == "trigger" else automations.with_ids(client, value) for part, value in parts.items()}


def _known(client: PrefectClient, props: Properties) -> dict[str, Any]:
    """Give what is declared, with ids for names.

    Raises:
        ValueError: the server knows no object of a name.
    """
    declared = _declared(client, props)
    unknown = [
        name
        for part in automations.PARTS
        if part != "trigger"
        for name in automations.unknown_names(json.loads(props.get(part) or "[]"), declared[part])
    ]
    if unknown:
        raise ValueError(
            f"Automation {props['name']!r} acts on what the Prefect server does not know: {', '.join(unknown)}."
            " Correct the name, or let the automation depend on the resource that makes it."
        )
    return declared


def _changed_by_hand(client: PrefectClient, props: Properties, live: Mapping[str, Any]) -> list[str]:
    """Name the parts that are not as they were last seen, or not as they are declared.

    The latter is so where they were never seen, and where what they act on was deleted or made anew.
    """
    recorded = json.loads(props["recorded"]) if "recorded" in props else live
    return [
        part
        for part, declared in _declared(client, props).items()
        if recorded[part] != live[part] or [*automations.ignored(declared, live[part])]
    ]


def _settings(props: Properties) -> Properties:
    return {
        "description": props.get("description") or "",
        "enabled": props.get("enabled", True),
        "tags": props.get("tags", []),
    }


def _told(client: PrefectClient, automation_id: str, name: str, declared: Mapping[str, Any]) -> Properties:
    """Give what the server made of an automation.

    Raises:
        ValueError: it left something out.
    """
    live = automations.read(client, automation_id)
    parts = automations.parts(live) if live else {}
    ignored = [
        f"{part}{path}" for part, wished in declared.items() for path in automations.ignored(wished, parts.get(part))
    ]
    if ignored:
        raise ValueError(
            f"Prefect does not know these parts of automation {name!r}, or took them otherwise:"
            f" {', '.join(ignored)}. See https://docs.prefect.io/v3/concepts/automations for what there is."
        )
    return {"automation_id": automation_id, "recorded": canonical_json(parts)}
