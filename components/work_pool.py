"""A work pool on the Prefect server."""

from dataclasses import dataclass

import pulumi

from components.prefect_api import resources
from components.prefect_server_host import PrefectServerHost


@dataclass(frozen=True, kw_only=True)
class WorkPoolArgs:
    """A pool called `pool_name` whose flow runs are processes on its workers' hosts."""

    server: PrefectServerHost
    pool_name: str
    concurrency_limit: int | None = None
    """How many of its flow runs may run at once; None for no limit."""


class WorkPool(pulumi.ComponentResource):
    """A work pool."""

    pool_name: str
    type: str
    ready: pulumi.Resource
    """The pool is there."""

    def __init__(self, name: str, args: WorkPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:WorkPool", name, None, opts)
        self.pool_name = args.pool_name
        self.type = "process"
        self.ready = resources.WorkPool(
            f"{name}-pool",
            api_url=args.server.api_url_here,
            name=args.pool_name,
            type=self.type,
            concurrency_limit=args.concurrency_limit,
            opts=args.server.holds(self),
        )
        self.register_outputs({"pool_name": self.pool_name, "type": self.type})
