"""What the topology's picture shows: hosts, services, and who talks to whom."""

from dataclasses import dataclass
from typing import Literal

from toolchain.preview.plan import Operation

Role = Literal["jump", "worker", "proxy", "server", "database", "vault", "storage", "other"]


@dataclass(frozen=True, kw_only=True)
class ServiceNode:
    """A program that runs on a host, or something that a cloud runs."""

    name: str
    """Its unit, such as `prefect-server`."""
    host: str
    role: Role
    detail: str = ""
    """What it serves: a public URL, work pools, a version."""
    port: str = ""
    operation: Operation = "same"


@dataclass(frozen=True, kw_only=True)
class HostNode:
    """A machine of the stack that carries something, or a service of a cloud that the stack makes."""

    name: str
    address: str = ""
    platform: str = ""
    """Of a machine as in the stack file; of a service what its cloud calls it."""
    jump_host: str = ""
    schedules: tuple[str, ...] = ()
    """What runs at set times: `prefect-backup 02:30`."""
    openings: tuple[str, ...] = ()
    """What its firewall lets in: `443/tcp from anywhere`; none where there is no firewall."""
    facts: tuple[str, ...] = ()
    """What else a reviewer wants to know: `keeps backups for 14 days`."""
    operation: Operation = "same"

    @property
    def kind(self) -> str:
        """Its platform, in a reader's words."""
        return "this machine" if self.platform == "local" else self.platform

    @property
    def notes(self) -> tuple[str, ...]:
        """The small print: what its firewall lets in, what runs when."""
        lets = (f"lets in {opening}" for opening in self.openings)
        return (*self.facts, *lets, *(f"runs {schedule}" for schedule in self.schedules))


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A service talks to another, or people to it: then there is no `source`."""

    source: ServiceNode | None
    target: ServiceNode
    label: str


@dataclass(frozen=True, kw_only=True)
class Topology:
    """A stack, as a person would draw it."""

    hosts: tuple[HostNode, ...]
    services: tuple[ServiceNode, ...]
    flows: tuple[Flow, ...]
    work_pools: tuple[str, ...] = ()
    elsewhere: tuple[ServiceNode, ...] = ()
    """What the stack uses but does not run, such as a managed PostgreSQL; its `host` is its address."""

    @property
    def operations(self) -> set[Operation]:
        """What becomes of its hosts and services, all in all."""
        nodes: list[HostNode | ServiceNode] = [*self.hosts, *self.services]
        return {node.operation for node in nodes}

    @property
    def is_new(self) -> bool:
        """Whether nothing of it is there yet."""
        return self.operations == {"create"}


def of_parts(definition: Operation, *others: Operation) -> Operation:
    """Return what becomes of a whole: parts that come or go make a change of one that stays."""
    changed = any(operation != "same" for operation in others)
    return "update" if definition == "same" and changed else definition
