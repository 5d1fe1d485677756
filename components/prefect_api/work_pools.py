"""Work pools: https://docs.prefect.io/v3/concepts/work-pools."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from components.prefect_api import json_schema, names
from components.prefect_api.client import PrefectClient

TYPES = (
    "process",
    "docker",
    "kubernetes",
    "ecs",
    "azure-container-instance",
    "cloud-run",
    "cloud-run-v2",
    "vertex-ai",
)
"""Types of pools for which a server has a job template to propose; the one for plain hosts first."""


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a work pool, None if it would not."""
    if problem := names.problem("work pool", name):
        return problem
    if name.lower().startswith("prefect"):
        return f"Prefect keeps names that start with 'prefect' to itself: rename work pool {name!r}"
    return None


def path(name: str) -> str:
    """Return where the API has a work pool."""
    return f"/work_pools/{quote(name, safe='')}"


def find(client: PrefectClient, name: str) -> dict[str, Any] | None:
    """Give a work pool as the server describes it (WorkPoolResponse), None if there is none."""
    pool: dict[str, Any] | None = client.find(path(name))
    return pool


def create(
    client: PrefectClient,
    name: str,
    pool_type: str,
    *,
    base_job_template: dict[str, Any],
    description: str | None = None,
    concurrency_limit: int | None = None,
    paused: bool = False,
) -> None:
    """Create a work pool.

    Raises:
        PrefectApiError: among others with `says_conflict` if there is one of this name.
    """
    body = {
        "name": name,
        "type": pool_type,
        "base_job_template": base_job_template,
        "description": description,
        "concurrency_limit": concurrency_limit,
        "is_paused": paused,
    }
    client.request("POST", "/work_pools/", body)


def update(
    client: PrefectClient,
    name: str,
    *,
    base_job_template: dict[str, Any] | None = None,
    description: str | None = None,
    concurrency_limit: int | None = None,
    paused: bool = False,
) -> None:
    """Change all that may change of a work pool; its job template only if one is given."""
    body: dict[str, Any] = {
        "description": description,
        "concurrency_limit": concurrency_limit,
        "is_paused": paused,
    }
    if base_job_template is not None:
        body["base_job_template"] = base_job_template
    client.request("PATCH", path(name), body)


def delete(client: PrefectClient, name: str) -> None:
    """Delete a work pool with its queues; that there is none is a success."""
    client.remove(path(name))


def count_online_workers(client: PrefectClient, name: str) -> int:
    """Count the workers that poll a work pool now."""
    body = {"workers": {"status": {"any_": ["ONLINE"]}}}
    return len(client.request("POST", f"{path(name)}/workers/filter", body, repeatable=True))


def default_base_job_template(client: PrefectClient, pool_type: str) -> dict[str, Any]:
    """Give the job template that the server proposes for a type of work pool.

    Raises:
        ValueError: the server knows no such type.
        PrefectApiError: see PrefectClient.request.
    """
    view = client.request("GET", "/collections/views/aggregate-worker-metadata")
    templates = {
        worker["type"]: worker["default_base_job_configuration"]
        for collection in view.values()
        for worker in collection.values()
    }
    if pool_type not in templates:
        raise ValueError(
            f"The Prefect server knows no work pool type {pool_type!r}, only {', '.join(sorted(templates))}."
            " For another type give base_job_template as well."
        )
    template: dict[str, Any] = templates[pool_type]
    return template


def with_job_variables(template: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Give a job template whose variables have other defaults.

    Raises:
        ValueError: the template has no such variable, or a value does not fit it; all that is wrong is named.
    """
    problems = job_variable_problems(template, variables)
    if problems:
        raise ValueError(f"These job variables do not fit the template of the work pool: {'; '.join(problems)}.")
    changed = copy.deepcopy(dict(template))
    for name, value in variables.items():
        changed["variables"]["properties"][name]["default"] = value
    return changed


def job_variable_problems(template: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Say of each job variable why it does not fit a job template."""
    return json_schema.problems(variables, template.get("variables", {}), partial=True)
