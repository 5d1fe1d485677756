"""Parameters of deployments, against the schema of their flow."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from components.prefect_api import json_schema

OPEN_SCHEMA: Mapping[str, Any] = MappingProxyType({"type": "object", "properties": {}})
"""What the server holds of a flow whose parameters nobody told it."""


def problems(
    schema: Mapping[str, Any], parameters: Mapping[str, Any], schedules: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Say of each parameter why it does not fit, and of each active schedule what its runs would lack.

    Args:
        schema: JSON schema of the flow's parameters.
        parameters: of the deployment.
        schedules: of the deployment, by slug; each may have parameters of its own.
    """
    found = json_schema.problems(parameters, schema, partial=True)
    for slug, schedule in schedules.items():
        own = schedule.get("parameters") or {}
        found += [f"schedule {slug}: {problem}" for problem in json_schema.problems(own, schema, partial=True)]
        if schedule.get("active", True):
            missing = [name for name in schema.get("required", []) if name not in {**parameters, **own}]
            found += [f"{name} is missing, which the runs of schedule {slug} need" for name in missing]
    return found
