"""Deployments on the Prefect server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.prefect_api.resources import Deployment
from components.prefect_server_host import PrefectServerHost
from components.settings.deployments import DeploymentSettings
from components.work_pool import WorkPool


@dataclass(frozen=True, kw_only=True)
class DeploymentsArgs:
    """What `settings` name, on `server`."""

    server: PrefectServerHost
    settings: Sequence[DeploymentSettings]
    pools: Mapping[str, WorkPool]
    """Of the stack, by name."""
    after: Sequence[pulumi.Resource] = ()
    """What a flow finds in the server by name."""


class Deployments(pulumi.ComponentResource):
    """Flows that run by themselves or by hand, each in a work pool of the stack."""

    ids: dict[str, pulumi.Output[str]]
    """By FLOW/NAME."""

    def __init__(self, name: str, args: DeploymentsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:Deployments", name, None, opts)
        self.ids = {}
        for deployment in args.settings:
            pool = args.pools[deployment.work_pool]
            self.ids[deployment.key] = Deployment(
                f"{name}-{deployment.key}",
                api_url=args.server.api_url_here,
                flow_name=deployment.flow_name,
                name=deployment.name,
                entrypoint=deployment.entrypoint,
                work_pool=pool.pool_name,
                work_queue=deployment.work_queue,
                pull_steps=deployment.pull_steps,
                schedules=deployment.schedules,
                parameters=deployment.parameters,
                parameter_schema=deployment.parameter_schema,
                enforce_parameters=deployment.enforce_parameters,
                job_variables=deployment.job_variables,
                concurrency_limit=deployment.concurrency_limit,
                collision_strategy=deployment.collision_strategy,
                grace_period_seconds=deployment.grace_period_seconds,
                description=deployment.description,
                version=deployment.version,
                tags=deployment.tags,
                paused=deployment.paused,
                adopt=deployment.adopt,
                opts=args.server.holds(self, pool.complete, *args.after),
            ).deployment_id
        self.register_outputs({"ids": self.ids})
