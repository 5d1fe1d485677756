"""Variables, concurrency limits, blocks, deployments and automations on the Prefect server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.deployments import Deployments, DeploymentsArgs
from components.prefect_api.automations import named_work_pools
from components.prefect_api.resources import Automation, Block, GlobalConcurrencyLimit, TagConcurrencyLimit, Variable
from components.prefect_server_host import PrefectServerHost
from components.settings.deployments import DeploymentSettings
from components.settings.prefect_objects import BlockSettings
from components.settings.prefect_objects import PrefectObjects as PrefectObjectsSettings
from components.work_pool import WorkPool


@dataclass(frozen=True, kw_only=True)
class PrefectObjectsArgs:
    """What `settings` name, on `server`."""

    server: PrefectServerHost
    settings: PrefectObjectsSettings
    secret_fields: Mapping[str, pulumi.Input[str]]
    """Values of secret fields of blocks, by the names that the blocks' settings give them."""
    pools: Mapping[str, WorkPool]
    """Of the stack, by name."""
    deployments: Sequence[DeploymentSettings] = ()
    secrets: Sequence[pulumi.Resource] = ()
    """What deployments may read besides variables and blocks."""


class PrefectObjects(pulumi.ComponentResource):
    """What flows and other objects find in the server by name."""

    blocks: dict[str, pulumi.Output[str]]
    """Ids of the blocks' documents, by TYPE/NAME."""

    def __init__(self, name: str, args: PrefectObjectsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PrefectObjects", name, None, opts)
        settings, api_url, held = args.settings, args.server.api_url_here, args.server.holds(self)
        variables = [
            Variable(
                f"{name}-variable-{variable.name}",
                api_url=api_url,
                name=variable.name,
                value=variable.value,
                tags=variable.tags,
                adopt=variable.adopt,
                opts=held,
            )
            for variable in settings.variables
        ]
        for limit in settings.global_concurrency_limits:
            GlobalConcurrencyLimit(
                f"{name}-limit-{limit.name}",
                api_url=api_url,
                name=limit.name,
                limit=limit.limit,
                active=limit.active,
                slot_decay_per_second=limit.slot_decay_per_second,
                adopt=limit.adopt,
                opts=held,
            )
        for tag_limit in settings.tag_concurrency_limits:
            TagConcurrencyLimit(
                f"{name}-tag-limit-{tag_limit.tag}",
                api_url=api_url,
                tag=tag_limit.tag,
                limit=tag_limit.limit,
                adopt=tag_limit.adopt,
                opts=held,
            )
        self.blocks = {}
        blocks = [self._block(f"{name}-block-{block.key}", block, args, held) for block in settings.blocks]
        found_by_flows = [*args.secrets, *variables, *blocks]
        deployments = [self._deployments(args, found_by_flows)] if args.deployments else []
        for automation in settings.automations:
            named = named_work_pools(automation.actions)
            Automation(
                f"{name}-automation-{automation.name}",
                api_url=api_url,
                name=automation.name,
                trigger=automation.trigger,
                actions=[self._action(action) for action in automation.actions],
                description=automation.description,
                enabled=automation.enabled,
                tags=automation.tags,
                adopt=automation.adopt,
                opts=args.server.holds(self, *deployments, *(pool for key, pool in args.pools.items() if key in named)),
            )
        self.register_outputs({"blocks": self.blocks})

    def _block(self, name: str, block: BlockSettings, args: PrefectObjectsArgs, opts: pulumi.ResourceOptions) -> Block:
        made = Block(
            name,
            api_url=args.server.api_url_here,
            type=block.type,
            name=block.name,
            data=block.data,
            secrets={path: args.secret_fields[secret] for path, secret in block.secrets.items()},
            references={path: self.blocks[other] for path, other in block.references.items()},
            adopt=block.adopt,
            opts=opts,
        )
        self.blocks[block.key] = made.block_document_id
        return made

    def _deployments(self, args: PrefectObjectsArgs, after: Sequence[pulumi.Resource]) -> Deployments:
        found = DeploymentsArgs(server=args.server, settings=args.deployments, pools=args.pools, after=after)
        return Deployments("deployments", found, pulumi.ResourceOptions(parent=self))

    def _action(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """Put the id of a block in the place of its name."""
        rest = {key: value for key, value in action.items() if key != "block"}
        return {**rest, "block_document_id": self.blocks[action["block"]]} if "block" in action else rest
