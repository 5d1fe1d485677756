"""Work pools and workers of a stack file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components import prefect_job_variables
from components.prefect_api import work_pools, work_queues
from components.settings.hosts import HostSettings
from components.settings.table import Table, only
from components.settings.worker_accounts import read_account

PROCESS, DOCKER = "process", "docker"
"""Types of the pools that workers here serve: flow runs are processes on their hosts, or containers there.

A pool of another type is for workers that somebody else runs.
"""

_LARGEST_LIMIT = 100_000
_LOWEST_PRIORITY = 1000


@dataclass(frozen=True, kw_only=True)
class WorkQueueSettings:
    """A queue of a work pool."""

    name: str
    description: str | None
    concurrency_limit: int | None
    priority: int | None
    """1 is served first; None leaves it to the server."""
    paused: bool
    adopt: bool


@dataclass(frozen=True, kw_only=True)
class WorkPoolSettings:
    """A work pool."""

    name: str
    type: str
    description: str | None
    concurrency_limit: int | None
    """How many of its flow runs may run at once; None for no limit."""
    paused: bool
    job_variables: Mapping[str, Any] | None
    """Defaults of variables of its job template, in place of the template's own."""
    base_job_template: Mapping[str, Any] | None
    """Its job template; None for the server's of the type."""
    queues: tuple[WorkQueueSettings, ...]
    adopt: bool

    @property
    def runs_containers(self) -> bool:
        """Whether its workers run each flow run in a container."""
        return self.type == DOCKER


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """A worker that runs the flow runs of one work pool on one host."""

    name: str
    host: str
    work_pool: str
    health_port: int
    """PREFECT_WORKER_WEBSERVER_PORT; unique on its host, default 4210."""
    limit: int | None
    """How many flow runs it may run at once; None for no limit."""
    drain_seconds: int
    """How long flow runs may go on when the worker is stopped; default 600, 30 on this machine."""
    memory_max: str
    """How much memory it and its flow runs may use, as systemd's MemoryMax=; empty for all there is."""
    account: str = ""
    r"""The account of a Windows host or its domain that it logs on as, as `DOMAIN\NAME`; empty for one of its own."""


def read_work_pools(table: Table) -> tuple[WorkPoolSettings, ...]:
    """Return the work pools, in the order of their names."""
    pools = []
    for name, entry in table.tables(work_pools.name_problem):
        queues = entry.table("workQueues")
        pool = WorkPoolSettings(
            name=name,
            type=entry.choice("type", work_pools.TYPES, PROCESS),
            description=entry.optional_text("description"),
            concurrency_limit=entry.optional_integer("concurrencyLimit", minimum=0, maximum=_LARGEST_LIMIT),
            paused=entry.boolean("paused", default=False),
            job_variables=entry.values("jobVariables"),
            base_job_template=entry.values("baseJobTemplate"),
            queues=_read_work_queues(queues) if queues else (),
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        _check_job_variables(entry, pool)
        pools.append(pool)
    return tuple(pools)


def _check_job_variables(entry: Table, pool: WorkPoolSettings) -> None:
    template = pool.base_job_template or prefect_job_variables.template(pool.type)
    for problem in work_pools.job_variable_problems(template, pool.job_variables or {}):
        name = problem.split()[0]
        allowed = "what the job template of the pool knows"
        entry.problems.add_needless(f"{entry.path('jobVariables')}.{name}", f"does not fit: {problem}", allowed)


def _read_work_queues(table: Table) -> tuple[WorkQueueSettings, ...]:
    """Return the queues of one pool, the one that is served first at the head."""
    queues: list[WorkQueueSettings] = []
    for name, entry in table.entries(work_queues.name_problem):
        queue = WorkQueueSettings(
            name=name,
            description=entry.optional_text("description"),
            concurrency_limit=entry.optional_integer("concurrencyLimit", minimum=0, maximum=_LARGEST_LIMIT),
            priority=entry.optional_integer("priority", minimum=1, maximum=_LOWEST_PRIORITY),
            paused=entry.boolean("paused", default=False),
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        taken = {other.priority for other in queues if other.priority is not None}
        if queue.priority in taken:
            free = next(number for number in range(1, _LOWEST_PRIORITY) if number not in taken)
            table.problems.add(
                entry.path("priority"), "is that of another queue", "a priority that no other queue has", str(free)
            )
        queues.append(queue)
    return tuple(sorted(queues, key=lambda queue: (queue.priority or _LOWEST_PRIORITY + 1, queue.name)))


def accounts_of(workers: Iterable[WorkerSettings]) -> dict[str, str]:
    """Return the account of each worker, by its name; empty for one of its own."""
    return {worker.name: worker.account for worker in workers}


def _memory_max(worker: Table) -> str:
    allowed = "an amount such as 4G or 800M, or a share of the host's memory such as 75%"
    return worker.text("memoryMax", "", allowed=allowed, example="75%", pattern="([1-9][0-9]*[MGT]|[1-9][0-9]?%)?")


def read_workers(
    table: Table, hosts: tuple[HostSettings, ...], pools: tuple[WorkPoolSettings, ...]
) -> tuple[WorkerSettings, ...]:
    """Return the workers, each on one of `hosts` and for one of `pools` that it can serve, by name."""
    host_names, pool_names = [host.name for host in hosts], [pool.name for pool in pools]
    served = [pool.name for pool in pools if pool.type in {PROCESS, DOCKER}]
    platforms = {host.name: host.platform for host in hosts}
    here = {host.name for host in hosts if host.is_here}
    workers = []
    for name, entry in table.tables():
        host = entry.choice("host", host_names, only(host_names))
        # on this machine somebody waits for it: `make down`
        drain, longest_drain = (30, 30) if host in here else (600, 7 * 86_400)
        worker = WorkerSettings(
            name=name,
            host=host,
            work_pool=entry.choice("workPool", pool_names, only(served) or only(pool_names)),
            health_port=entry.port("healthPort", 4210),
            limit=entry.optional_integer("limit", minimum=1, maximum=10_000),
            drain_seconds=entry.integer("drainSeconds", drain, minimum=0, maximum=longest_drain),
            memory_max=_memory_max(entry) if platforms.get(host, "linux") == "linux" else "",
            account=read_account(entry, on_windows=platforms.get(host, "windows") == "windows"),
        )
        entry.finish()
        if served and worker.work_pool in {*pool_names} - {*served}:
            allowed = f"a work pool of type {PROCESS} or {DOCKER}, which the workers of a stack serve"
            table.problems.add(entry.path("workPool"), "is a pool of another type", allowed, served[0])
        workers.append(worker)
    without_engine = {worker.work_pool for worker in workers if platforms.get(worker.host, "linux") != "linux"}
    for pool in pools:
        key = f"workPools.{pool.name}.type"
        if not served and pool.name in {worker.work_pool for worker in workers}:
            table.problems.add(key, f"is {pool.type!r}, which no worker of a stack serves", PROCESS, PROCESS)
        elif pool.runs_containers and pool.name in without_engine:
            allowed = f"{PROCESS}, or workers on Linux servers alone"
            table.problems.add(key, f"is {DOCKER!r}, and a worker of it is not on a Linux server", allowed, PROCESS)
    return tuple(workers)
