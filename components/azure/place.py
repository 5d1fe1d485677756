"""Where everything of a stack in Azure is: its resource group, its region, its names and tags."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.azure.names import Names


@dataclass(frozen=True, kw_only=True)
class Place:
    """What every resource in Azure is told."""

    names: Names
    location: str
    tags: Mapping[str, str]
    resource_group: pulumi.Input[str]
    """Its name."""
