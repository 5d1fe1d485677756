"""A Prefect worker that lets its flow runs finish before it stops.

`prefect worker start` kills them, and the server believes for ever that they run: prefect#22528, prefect#16746. Here,
SIGTERM makes the worker take no more flow runs, and end when the last one has, or when --drain-seconds are over. So
does --stop-file, where signals reach flow runs too. What still runs then is terminated, and is reported crashed. A
container goes on without its worker.

Nobody reports the flow runs of a worker that was killed, or whose machine lost power: the next one of its name does.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

import prefect.main  # noqa: F401 - sets logging up
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging import get_logger
from prefect.states import Crashed
from prefect.workers.base import BaseWorker

UNWIND_SECONDS = 20
"""How long a terminated flow run has to unwind and to report itself crashed."""

REPORT_SECONDS = 20
"""How long the worker has to report a killed one."""

LOOK_SECONDS = 1
"""How often it looks whether the file that tells it to stop is there."""

GOING_ON = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]

logger = get_logger("worker")


async def work(worker: BaseWorker[Any, Any, Any], pool: str, drain_seconds: float, stop_file: Path | None) -> None:
    """Run `worker` until it is told to stop and its flow runs have ended; a failure of the worker is raised."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in {"SIGTERM", "SIGINT", "SIGBREAK"} & {*dir(signal)}:
        signal.signal(getattr(signal, name), lambda *_: loop.call_soon_threadsafe(told.set))
    watching = asyncio.create_task(watch(stop_file, told)) if stop_file else None
    working = asyncio.create_task(start(worker, pool))
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        if worker.is_setup:
            await drain(worker, drain_seconds)
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    if watching:
        watching.cancel()


async def watch(file: Path, told: asyncio.Event) -> None:
    """Tell the worker to stop as soon as the file is there."""
    while not file.exists():
        await asyncio.sleep(LOOK_SECONDS)
    told.set()


async def start(worker: BaseWorker[Any, Any, Any], pool: str) -> None:
    """Take flow runs, after what became of those before is known."""
    if os.name == "posix" and worker.type == "process":
        async with get_client() as client:
            for flow_run in await lost_flow_runs(client, worker.name, pool):
                logger.warning("Reports flow run %s crashed: its worker was killed.", flow_run.name)
                await client.set_flow_run_state(flow_run.id, Crashed(message="Its worker was killed, and it with it."))
    await worker.start(with_healthcheck=True)


async def lost_flow_runs(client: PrefectClient, worker: str, pool: str) -> list[FlowRun]:
    """Return the flow runs that a worker of this name took and that have not ended, but have no process."""
    of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    going_on = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=GOING_ON)))
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(
        flow_run_filter=going_on, work_pool_filter=of_pool, sort=FlowRunSort.ID_DESC, offset=len(found)
    ):
        found += page
    return [run for run in found if run.labels.get("prefect.worker.name") == worker and not has_process(run)]


def has_process(flow_run: FlowRun) -> bool:
    """Tell whether a flow run of this machine goes on without its worker."""
    # none of ours has it, or it had none yet
    with suppress(ProcessLookupError, PermissionError, TypeError, ValueError):
        os.kill(int(flow_run.infrastructure_pid), 0)
        return True
    return False


async def drain(worker: BaseWorker[Any, Any, Any], seconds: float) -> None:
    """Take no more flow runs, and see to it that those there are end in time."""
    worker.limiter.total_tokens = 0
    logger.info("Stopping: takes no more flow runs, and waits for %s to end.", worker.limiter.borrowed_tokens)
    await wait_for_flow_runs(worker, seconds)
    left: set[int] = set()
    for name, grace in (("SIGTERM", UNWIND_SECONDS), ("SIGKILL", REPORT_SECONDS)):
        # what a flow run leaves behind holds its output open, and the worker would wait for that
        left |= descendants()
        if left and worker.limiter.borrowed_tokens:
            logger.warning("Time is up: sends %s to all that flow runs have started.", name)
            for process in sorted(left):
                with suppress(ProcessLookupError):
                    os.kill(process, getattr(signal, name))
            await wait_for_flow_runs(worker, grace)


async def wait_for_flow_runs(worker: BaseWorker[Any, Any, Any], seconds: float) -> None:
    """Return when no flow run is left, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while worker.limiter.borrowed_tokens and time.monotonic() < deadline:
        await asyncio.sleep(0.2)


def descendants() -> set[int]:
    """Return the processes of the flow runs and what those started; of a container, and on Windows, there are none."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    generation = {os.getpid()}
    while generation := {process for process in parents if parents[process] in generation}:
        found |= generation
    return found


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser()
    for name in ("--name", "--pool", "--type"):
        parser.add_argument(name, required=True)
    parser.add_argument("--limit", type=int, default=inf)
    parser.add_argument("--drain-seconds", type=int, required=True)
    parser.add_argument("--stop-file", type=Path)
    return parser.parse_args()


def main() -> None:
    """Start the worker that the command line describes."""
    arguments = parse_arguments()
    worker_class = BaseWorker.get_worker_class_from_type(arguments.type)
    if worker_class is None:
        sys.exit(f"No worker of type {arguments.type} is installed here.")
    worker = worker_class(
        name=arguments.name, work_pool_name=arguments.pool, limit=arguments.limit, create_pool_if_not_found=False
    )
    asyncio.run(work(worker, arguments.pool, arguments.drain_seconds, arguments.stop_file))


if __name__ == "__main__":
    main()
