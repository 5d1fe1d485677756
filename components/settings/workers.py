"""Work pools and workers of a stack file."""

from dataclasses import dataclass

from components.prefect_api import work_pools
from components.settings.hosts import HostSettings
from components.settings.table import Table, only


@dataclass(frozen=True, kw_only=True)
class WorkPoolSettings:
    """A work pool of type `process`."""

    name: str
    concurrency_limit: int | None
    """How many of its flow runs may run at once; None for no limit."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """A worker that runs the flow runs of one work pool on one host."""

    name: str
    host: str
    work_pool: str
    health_port: int
    """PREFECT_WORKER_WEBSERVER_PORT; unique on its host, default 4210."""


def read_work_pools(table: Table) -> tuple[WorkPoolSettings, ...]:
    """Return the work pools, in the order of their names."""
    pools = []
    for name, entry in table.tables(work_pools.name_problem):
        entry.choice("type", ["process"], "process")
        limit = entry.optional_integer("concurrencyLimit", minimum=0, maximum=100_000)
        entry.finish()
        pools.append(WorkPoolSettings(name=name, concurrency_limit=limit))
    return tuple(pools)


def read_workers(
    table: Table, hosts: tuple[HostSettings, ...], pools: tuple[WorkPoolSettings, ...]
) -> tuple[WorkerSettings, ...]:
    """Return the workers, each on one of `hosts` and for one of `pools`, in the order of their names."""
    host_names, pool_names = [host.name for host in hosts], [pool.name for pool in pools]
    workers = []
    for name, entry in table.tables():
        worker = WorkerSettings(
            name=name,
            host=entry.choice("host", host_names, only(host_names)),
            work_pool=entry.choice("workPool", pool_names, only(pool_names)),
            health_port=entry.port("healthPort", 4210),
        )
        entry.finish()
        workers.append(worker)
    return tuple(workers)
