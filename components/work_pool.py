"""A work pool on the Prefect server, with its queues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.platforms import Linux
from components.prefect_api import resources
from components.prefect_server_host import PrefectServerHost
from components.settings.workers import WorkPoolSettings


@dataclass(frozen=True, kw_only=True)
class WorkPoolArgs:
    """The pool that `settings` tell of, on `server`."""

    server: PrefectServerHost
    settings: WorkPoolSettings
    is_served: bool
    """Whether it has workers in this stack."""


class WorkPool(pulumi.ComponentResource):
    """A work pool and those of its queues that the stack file names."""

    pool_name: str
    type: str
    ready: pulumi.Resource
    """The pool is there."""
    complete: pulumi.Resource
    """Its queues are there, too."""

    def __init__(self, name: str, args: WorkPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:WorkPool", name, None, opts)
        pool, server = args.settings, args.server
        self.pool_name = pool.name
        self.type = pool.type
        self.ready = resources.WorkPool(
            f"{name}-pool",
            api_url=server.api_url_here,
            name=pool.name,
            type=pool.type,
            description=pool.description,
            concurrency_limit=pool.concurrency_limit,
            paused=pool.paused,
            job_variables=container_variables(pool) if args.is_served and pool.runs_containers else pool.job_variables,
            base_job_template=pool.base_job_template,
            adopt=pool.adopt,
            opts=server.holds(self),
        )
        # One after the other, as each that takes a priority moves those behind it.
        self.complete = self.ready
        for queue in pool.queues:
            self.complete = resources.WorkQueue(
                f"{name}-queue-{queue.name}",
                api_url=server.api_url_here,
                work_pool=pool.name,
                name=queue.name,
                description=queue.description,
                concurrency_limit=queue.concurrency_limit,
                priority=queue.priority,
                paused=queue.paused,
                adopt=queue.adopt,
                opts=server.holds(self, self.complete),
            )
        self.register_outputs({"pool_name": self.pool_name, "type": self.type})


def container_variables(pool: WorkPoolSettings) -> Mapping[str, Any]:
    """Return the job variables of a pool whose workers here start containers.

    Containers find what their worker finds, unless the stack file or a deployment says otherwise: the API, maybe on the
    host's loopback, the authority that signed for it, and the canary.
    """
    flows = Linux().path("configuration", "flows")
    given = pool.job_variables or {}
    return {"network_mode": "host", **given, "volumes": [f"{flows}:{flows}:ro", *given.get("volumes", [])]}
