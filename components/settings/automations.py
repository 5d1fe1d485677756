"""Automations of a stack file: a preset by its name, or a trigger and actions as Prefect's own documents show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.prefect_api.automation_presets import PRESETS
from components.settings.table import Table

_BLOCK_RULE = "one of the blocks of the stack"


@dataclass(frozen=True, kw_only=True)
class AutomationSettings:
    """An automation."""

    name: str
    trigger: Mapping[str, Any]
    actions: tuple[Mapping[str, Any], ...]
    """As Prefect's, save that `block` stands for `block_document_id` and names a block of the stack as TYPE/NAME."""
    description: str | None
    enabled: bool
    tags: tuple[str, ...]
    adopt: bool


ZOMBIE = "flow-run-zombie"
"""The preset that reports flow runs whose process is gone."""


def with_zombie_automation(automations: tuple[AutomationSettings, ...]) -> tuple[AutomationSettings, ...]:
    """Return these and one that reports flow runs whose process is gone, unless there is one that looks for heartbeats.

    For workers on Windows: what ends them there at once, such as a restart of Windows, ends their flow runs untold.
    """
    preset = PRESETS[ZOMBIE]
    if any(one.name == ZOMBIE or one.trigger.get("after") == preset.trigger["after"] for one in automations):
        return automations
    added = AutomationSettings(
        name=ZOMBIE,
        trigger=preset.trigger,
        actions=preset.actions,
        description="Made for the workers on Windows of this stack.",
        enabled=True,
        tags=(),
        adopt=False,
    )
    return (*automations, added)


def read_automations(table: Table, blocks: Sequence[str]) -> tuple[AutomationSettings, ...]:
    """Return the automations, in the order of their names; `blocks` are those of the stack, as TYPE/NAME."""
    found = []
    for name, entry in table.entries(_name_problem):
        trigger, actions = _of_preset(entry, blocks) if entry.has("when") else _written_out(entry, blocks)
        automation = AutomationSettings(
            name=name,
            trigger=trigger,
            actions=actions,
            description=entry.optional_text("description"),
            enabled=entry.boolean("enabled", default=True),
            tags=entry.texts("tags", allowed="a text", example="alert", is_good=bool),
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        found.append(automation)
    return tuple(found)


def _name_problem(name: str) -> str | None:
    return None if name.strip() else "a name that is not blank"


def _of_preset(entry: Table, blocks: Sequence[str]) -> tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]:
    preset = PRESETS.get(entry.choice("when", sorted(PRESETS)))
    block = entry.optional_choice("notify", blocks, where_none=_BLOCK_RULE)
    for key in ("trigger", "actions"):
        entry.refuse(key, "where there is no `when`, which says both")
    if preset is None:
        return {}, ()
    if not entry.has("notify") and not preset.actions:
        entry.problems.add(entry.path("notify"), "is missing", _BLOCK_RULE, "TYPE/NAME")
    notification = [{**preset.notification(block.partition("/")[0]), "block": block}] if block else []
    return preset.trigger, (*preset.actions, *notification)


def _written_out(entry: Table, blocks: Sequence[str]) -> tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]:
    entry.refuse("notify", "beside `when`")
    trigger = entry.values("trigger")
    if trigger is None:
        known = sorted(PRESETS)
        entry.problems.add(entry.path("when"), "is missing", f"{', '.join(known)}; or trigger and actions", known[0])
    elif not entry.has("actions"):
        path = f"{entry.path('actions')}[0].type"
        entry.problems.add(path, "is missing", "what Prefect is to do, such as cancel-flow-run", "cancel-flow-run")
    actions = entry.list_of_tables("actions")
    for index, action in enumerate(actions):
        if "block" in action and action["block"] not in blocks:
            path = f"{entry.path('actions')}[{index}].block"
            entry.problems.add(path, f"is {action['block']!r}", _BLOCK_RULE, "TYPE/NAME")
    return trigger or {}, actions
