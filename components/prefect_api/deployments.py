"""Flows, deployments, and the runs made from them: https://docs.prefect.io/v3/concepts/deployments."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from components.prefect_api import names
from components.prefect_api.client import PrefectClient

COLLISION_STRATEGIES = ("ENQUEUE", "CANCEL_NEW")
"""What becomes of a run beyond the concurrency limit: it waits, or it is cancelled."""


def name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a deployment, None if it would not."""
    return names.problem("deployment", name)


def flow_name_problem(name: str) -> str | None:
    """Say why the server would refuse this name for a flow, None if it would not."""
    return names.problem("flow", name)


def find(client: PrefectClient, flow_name: str, name: str) -> dict[str, Any] | None:
    """Give a deployment as the server describes it (DeploymentResponse), None if there is none."""
    path = f"/deployments/name/{quote(flow_name, safe='')}/{quote(name, safe='')}"
    deployment: dict[str, Any] | None = client.find(path)
    return deployment


def ensure(client: PrefectClient, flow_name: str, name: str, *, work_pool: str, path: str, entrypoint: str) -> str:
    """Create a deployment of a flow file that lies on the workers, or change it; give its id.

    Args:
        client: connection to the server.
        flow_name: name of the flow; the server makes it if there is none.
        name: name of the deployment, unique for the flow.
        work_pool: existing pool whose workers run it.
        path: directory on the worker that the entrypoint is relative to.
        entrypoint: `file.py:function`.
    """
    return create(client, flow_name, name, {"work_pool_name": work_pool, "path": path, "entrypoint": entrypoint})


def create(client: PrefectClient, flow_name: str, name: str, settings: Mapping[str, Any]) -> str:
    """Create a deployment and, if there is none, its flow; give the deployment's id.

    One of the name that is there already is changed, its schedules are replaced. `settings` are as the server names
    them (DeploymentCreate).
    """
    flow = client.request("POST", "/flows/", {"name": flow_name}, repeatable=True)
    body = {"name": name, "flow_id": flow["id"], **settings}
    return str(client.request("POST", "/deployments/", body, repeatable=True)["id"])


def read(client: PrefectClient, deployment_id: str) -> dict[str, Any]:
    """Give a deployment that must be there, as the server describes it (DeploymentResponse)."""
    deployment: dict[str, Any] = client.request("GET", f"/deployments/{deployment_id}")
    return deployment


def update(client: PrefectClient, deployment_id: str, settings: Mapping[str, Any]) -> None:
    """Change of a deployment what `settings` name, as the server does (DeploymentUpdate)."""
    client.request("PATCH", f"/deployments/{deployment_id}", settings)


def delete(client: PrefectClient, deployment_id: str) -> None:
    """Delete a deployment; that there is none is a success."""
    client.remove(f"/deployments/{deployment_id}")


def create_flow_run(client: PrefectClient, deployment_id: str) -> dict[str, Any]:
    """Schedule a run of a deployment for now and give it as the server describes it (FlowRunResponse)."""
    # The key makes the server answer a repeated request with the run of the first.
    body = {"idempotency_key": str(uuid.uuid4())}
    path = f"/deployments/{deployment_id}/create_flow_run"
    run: dict[str, Any] = client.request("POST", path, body, repeatable=True)
    return run


def read_flow_run(client: PrefectClient, flow_run_id: str) -> dict[str, Any]:
    """Give a flow run as the server describes it (FlowRunResponse)."""
    run: dict[str, Any] = client.request("GET", f"/flow_runs/{flow_run_id}")
    return run


def cancel_flow_run(client: PrefectClient, flow_run_id: str) -> None:
    """Ask for a flow run to be cancelled; one that no worker took yet is so at once."""
    body = {"state": {"type": "CANCELLING"}}
    client.request("POST", f"/flow_runs/{flow_run_id}/set_state", body, repeatable=True)


def last_logs(client: PrefectClient, flow_run_id: str, count: int) -> list[dict[str, Any]]:
    """Give the last log records of a flow run, oldest first; each has `level`, `timestamp` and `message`."""
    body = {
        "logs": {"flow_run_id": {"any_": [flow_run_id]}},
        "sort": "TIMESTAMP_DESC",
        "limit": count,
    }
    records: list[dict[str, Any]] = client.request("POST", "/logs/filter", body, repeatable=True)
    return records[::-1]
