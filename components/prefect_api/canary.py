"""A canary: one small flow run that shows that a work pool's workers do their work."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from components.prefect_api import deployments, work_pools
from components.prefect_api.client import PrefectClient

FLOW_NAME = "canary"
"""Name of the flow that every canary's deployment belongs to."""

_POLL_SECONDS = 0.5
_LOG_LINES = 40
# A run ships its last log records a little after its last state.
_LOG_SECONDS = 5.0
_TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class CanaryError(Exception):
    """A canary that did not complete; the text shows its state, its logs and where to look."""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A flow file on the workers of one pool.

    Attributes:
        work_pool: name of the pool.
        path: directory on the worker that holds the file.
        entrypoint: `file.py:function`.
    """

    work_pool: str
    path: str
    entrypoint: str

    @property
    def deployment_name(self) -> str:
        """Name of the deployment that the runs are made from."""
        return f"canary-{self.work_pool}"


@dataclass(frozen=True, kw_only=True)
class CanaryResult:
    """A completed run.

    Attributes:
        flow_run_id: UUID.
        flow_run_name: name that the server made up.
        state: `COMPLETED`.
        state_message: what Prefect says of the state, may be empty.
        duration_seconds: time that the flow ran, without waiting for a worker.
        ui_path: page of the run below the UI's URL.
    """

    flow_run_id: str
    flow_run_name: str
    state: str
    state_message: str
    duration_seconds: float
    ui_path: str


def run(client: PrefectClient, canary: Canary, *, timeout_seconds: float) -> CanaryResult:
    """Run a canary until it completes. Its deployment is made or changed first.

    Raises:
        CanaryError: the pool cannot run anything, the run ended otherwise, or took too long.
        PrefectApiError: see PrefectClient.request.
    """
    _require_active_pool(client, canary.work_pool)
    deployment_id = deployments.ensure(
        client,
        FLOW_NAME,
        canary.deployment_name,
        work_pool=canary.work_pool,
        path=canary.path,
        entrypoint=canary.entrypoint,
    )
    flow_run = deployments.create_flow_run(client, deployment_id)
    flow_run = _wait_until_terminal(client, flow_run, timeout_seconds)
    state = flow_run["state"]
    if state["type"] != "COMPLETED":
        failure = _failure(client, canary, flow_run, timeout_seconds)
        if state["type"] not in _TERMINAL:
            deployments.cancel_flow_run(client, flow_run["id"])
        raise CanaryError(failure)
    return CanaryResult(
        flow_run_id=flow_run["id"],
        flow_run_name=flow_run["name"],
        state=state["type"],
        state_message=state["message"] or "",
        duration_seconds=flow_run["total_run_time"],
        ui_path=_ui_path(flow_run),
    )


def exists(client: PrefectClient, canary: Canary) -> bool:
    """Say whether the canary's deployment is there."""
    return deployments.find(client, FLOW_NAME, canary.deployment_name) is not None


def remove(client: PrefectClient, canary: Canary) -> None:
    """Delete the canary's deployment; its past runs stay in Prefect's history."""
    deployment = deployments.find(client, FLOW_NAME, canary.deployment_name)
    if deployment is not None:
        deployments.delete(client, deployment["id"])


def _require_active_pool(client: PrefectClient, name: str) -> None:
    pool = work_pools.find(client, name)
    if pool is None:
        raise CanaryError(f"There is no work pool {name!r} to run a canary in: create it before the canary.")
    if pool["is_paused"]:
        raise CanaryError(
            f"Work pool {name!r} is paused, so no worker would run its canary:"
            " resume the pool, or leave its canary out."
        )


def _wait_until_terminal(client: PrefectClient, flow_run: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout_seconds
    while flow_run["state"]["type"] not in _TERMINAL and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        flow_run = deployments.read_flow_run(client, flow_run["id"])
    return flow_run


def _failure(client: PrefectClient, canary: Canary, flow_run: dict[str, Any], timeout_seconds: float) -> str:
    state = flow_run["state"]
    if state["type"] in _TERMINAL:
        outcome = f"ended {state['name']}"
    else:
        outcome = f"was still {state['name']} after {timeout_seconds:g} s and was cancelled"
    lines = [
        f"The canary of work pool {canary.work_pool!r}, flow run {flow_run['name']!r}, {outcome}.",
        f"State message: {state['message'] or '(none)'}",
        f"Last logs (of all, in the UI: {_ui_path(flow_run)}):",
        *(f"  {line}" for line in _log_lines(client, flow_run)),
        _advice(client, canary, state["type"]),
    ]
    return "\n".join(lines)


def _advice(client: PrefectClient, canary: Canary, state_type: str) -> str:
    if state_type == "FAILED":
        return f"The worker works, the flow raised an error: mend {canary.entrypoint!r} in {canary.path!r}."
    if state_type == "CRASHED":
        return (
            f"The worker could not run the flow: see that {canary.entrypoint!r} lies in {canary.path!r} on each"
            " worker and that the worker's user may read it, then read the worker's own log."
        )
    if state_type == "CANCELLED":
        return "Somebody cancelled it: run the update again."
    if state_type not in {"SCHEDULED", "PENDING"}:
        return "The flow hangs or its host is slow: see what the logs wait for, or raise timeout_seconds."
    if work_pools.count_online_workers(client, canary.work_pool) == 0:
        return (
            f"No worker polls work pool {canary.work_pool!r}: see that the worker's service runs, and read its log"
            " (a wrong API URL, auth string or pool name shows there)."
        )
    return (
        f"Workers of pool {canary.work_pool!r} are online but did not start it: check the concurrency limits of"
        " the pool, its queues and its workers, and read the workers' logs."
    )


def _log_lines(client: PrefectClient, flow_run: dict[str, Any]) -> list[str]:
    """Give the last lines of a run's logs, once the error that ended it is among them."""
    deadline = time.monotonic() + _LOG_SECONDS
    records = deployments.last_logs(client, flow_run["id"], _LOG_LINES)
    ended = flow_run["state"]["type"] in _TERMINAL
    while ended and time.monotonic() < deadline and not any(_is_error(record) for record in records):
        time.sleep(_POLL_SECONDS)
        records = deployments.last_logs(client, flow_run["id"], _LOG_LINES)
    text = "\n".join(f"{record['timestamp']} {record['message']}" for record in records)
    return text.splitlines()[-_LOG_LINES:] or ["(none)"]


def _is_error(record: dict[str, Any]) -> bool:
    return bool(record["level"] >= logging.ERROR)


def _ui_path(flow_run: dict[str, Any]) -> str:
    return f"/runs/flow-run/{flow_run['id']}"
