"""What a PostgreSQL resource is made of: typed properties and four operations."""

from __future__ import annotations

import abc
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from toolchain.plugins.postgresql.connections import Connections
from toolchain.plugins.properties import Properties

Type = Literal["string", "bool", "int", "list", "set"]


@dataclass(frozen=True)
class Property:
    """One property of a resource, as its Terraform schema declares it."""

    type: Type = "string"
    required: bool = False
    default: str | bool | int | None = None
    computed: bool = False
    """The server chooses a value if the user does not."""
    replaces: bool = False
    """A change cannot be made in place."""
    secret: bool = False
    minimum: int | None = None
    allowed: tuple[str, ...] = ()
    followed: bool = True
    """False for a property of the real plugin that this one refuses."""
    terraform_name: str = ""
    """Where it is not the name in snake case."""

    @property
    def is_collection(self) -> bool:
        """Whether the value is a list; a set is one too, with an order of no meaning."""
        return self.type in {"list", "set"}


class Resource(abc.ABC):
    """One type of resource.

    `wanted` and `old` hold a value for every property, None where there is none. Operations raise
    `ProviderError` or `psycopg.Error`.
    """

    token: ClassVar[str]
    properties: ClassVar[Mapping[str, Property]]
    autonamed: ClassVar[bool] = False
    """Whether `name` is made up from the name of the Pulumi resource if the user gives none."""
    delete_before_replace: ClassVar[bool] = False

    @abc.abstractmethod
    def create(self, connections: Connections, wanted: Properties) -> str:
        """Make it; return its id."""

    @abc.abstractmethod
    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:
        """Tell the properties that the server knows, or None if it is gone. `state` may lack any property."""

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:
        """Change it in place; return its id."""
        raise NotImplementedError(f"every change of {self.token} replaces")

    @abc.abstractmethod
    def delete(self, connections: Connections, old: Properties) -> None:
        """Remove it."""


def terraform_name(name: str, declared: Property | None) -> str:
    """Return the name that a property has in error texts of the real plugin."""
    if declared is not None and declared.terraform_name:
        return declared.terraform_name
    return re.sub(r"([A-Z])", lambda match: f"_{match[0].lower()}", name)


def changed(old: Properties, wanted: Properties, name: str) -> bool:
    """Whether a property is to change; no value, "", 0, False and an empty list are alike."""
    return (old.get(name) or None) != (wanted.get(name) or None)
