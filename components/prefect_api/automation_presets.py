"""Automations that a team wants on its first day, each by one name.

What triggers can say: https://docs.prefect.io/v3/concepts/event-triggers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FLOW_RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
_EACH_ONE = ["prefect.resource.id"]
_ENDS = [f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")]

LIFELESS_SECONDS = 420
"""Without a heartbeat. By default each comes after 180 s: a healthy run that missed one is not to be touched."""

_OF_A_RUN = (
    "Flow run {{ flow.name }}/{{ flow_run.name }} is {{ flow_run.state.name }}.\n"
    "{{ flow_run.state.message }}\n"
    "{{ flow_run|ui_url }}"
)
_OF_A_POOL = "Work pool {{ work_pool.name }} has no worker that polls it.\n{{ work_pool|ui_url }}"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A trigger, what is told when it fires, and what is done beside telling it."""

    trigger: Mapping[str, Any]
    subject: str
    body: str = _OF_A_RUN
    actions: tuple[Mapping[str, Any], ...] = ()

    def notification(self, block_type: str) -> dict[str, Any]:
        """Give the action that tells of it, less the block: through a webhook as JSON, through others as a text."""
        if block_type == "webhook":
            return {"type": "call-webhook", "payload": json.dumps({"subject": self.subject, "body": self.body})}
        return {"type": "send-notification", "subject": self.subject, "body": self.body}


def _entered(state: str) -> dict[str, Any]:
    return {
        "type": "event",
        "posture": "Reactive",
        "match": _FLOW_RUNS,
        "expect": [f"prefect.flow-run.{state}"],
        "threshold": 1,
    }


PRESETS: dict[str, Preset] = {
    "flow-run-failed": Preset(trigger=_entered("Failed"), subject="A flow run failed"),
    "flow-run-crashed": Preset(trigger=_entered("Crashed"), subject="A flow run crashed"),
    "flow-run-late": Preset(trigger=_entered("Late"), subject="A flow run is late"),
    "flow-run-stuck-in-pending": Preset(
        trigger={
            "type": "event",
            "posture": "Proactive",
            "match": _FLOW_RUNS,
            "for_each": _EACH_ONE,
            "after": ["prefect.flow-run.Pending"],
            "expect": ["prefect.flow-run.Running", *_ENDS],
            "threshold": 1,
            "within": 300,
        },
        subject="A flow run has been pending for 5 minutes",
    ),
    "work-pool-without-worker": Preset(
        trigger={
            "type": "event",
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.work-pool.*"},
            "expect": ["prefect.work-pool.not-ready"],
            "threshold": 1,
        },
        subject="A work pool has no worker",
        body=_OF_A_POOL,
    ),
    "flow-run-zombie": Preset(
        trigger={
            "type": "event",
            "posture": "Proactive",
            "match": _FLOW_RUNS,
            "for_each": _EACH_ONE,
            "after": ["prefect.flow-run.heartbeat"],
            "expect": ["prefect.flow-run.heartbeat", *_ENDS],
            "threshold": 1,
            "within": LIFELESS_SECONDS,
        },
        subject="A flow run stopped giving signs of life",
        actions=(
            {
                "type": "change-flow-run-state",
                "state": "CRASHED",
                "name": "Crashed",
                "message": f"No heartbeat for {LIFELESS_SECONDS} seconds: its process is gone.",
            },
        ),
    ),
}
"""By name. The last needs flows with PREFECT_FLOWS_HEARTBEAT_FREQUENCY well below its time, as Prefect's default is."""
