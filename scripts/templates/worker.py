"""A Prefect worker that lets its flow runs finish before it stops.

`prefect worker start` kills them, and the server believes for ever that they run: prefect#22528, prefect#16746. Here,
SIGTERM makes the worker take no more flow runs, and end when the last one has, or when --drain-seconds are over. What
still runs then is terminated, and is reported crashed. A container goes on without its worker.
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
from prefect.logging import get_logger
from prefect.workers.base import BaseWorker

UNWIND_SECONDS = 20
"""How long a terminated flow run has to unwind and to report itself crashed."""

REPORT_SECONDS = 20
"""How long the worker has to report a killed one."""

logger = get_logger("worker")


async def work(worker: BaseWorker[Any, Any, Any], drain_seconds: float) -> None:
    """Run `worker` until it is told to stop and its flow runs have ended; a failure of the worker is raised."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in {"SIGTERM", "SIGINT", "SIGBREAK"} & {*dir(signal)}:
        signal.signal(getattr(signal, name), lambda *_: loop.call_soon_threadsafe(told.set))
    working = asyncio.create_task(worker.start(with_healthcheck=True))
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        if worker.is_setup:
            await drain(worker, drain_seconds)
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


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
    asyncio.run(work(worker, arguments.drain_seconds))


if __name__ == "__main__":
    main()
