"""Prefect `secret` blocks, their values taken from the stack's secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.prefect_api.resources import SecretBlock
from components.prefect_server_host import PrefectServerHost


@dataclass(frozen=True, kw_only=True)
class SecretBlocksArgs:
    """A block for each name in `values`."""

    server: PrefectServerHost
    values: Mapping[str, pulumi.Input[str]]


class SecretBlocks(pulumi.ComponentResource):
    """Secret blocks that flows load by name: `Secret.load("NAME")`."""

    names: list[str]

    def __init__(self, name: str, args: SecretBlocksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:SecretBlocks", name, None, opts)
        self.names = sorted(args.values)
        for block in self.names:
            SecretBlock(
                f"{name}-{block}",
                api_url=args.server.api_url_here,
                name=block,
                value=args.values[block],
                opts=args.server.holds(self),
            )
        self.register_outputs({"names": self.names})
