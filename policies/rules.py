"""All the rules, and what each found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from policies import data, network, secrecy, versions
from policies.resources import Resource


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A resource breaks a rule."""

    rule: str
    resource: str
    message: str
    """Why that is bad, and what to change; begins so that the resource's name fits before it."""

    def __str__(self) -> str:
        return f"{self.resource}: {self.message} [{self.rule}]"


ResourceRule = Callable[[Resource], Iterator[str]]
StackRule = Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]

RESOURCE_RULES: dict[str, ResourceRule] = {
    "encrypted-and-authenticated": network.encrypted_and_authenticated,
    "ssh-host-keys-are-pinned": network.ssh_host_keys_are_pinned,
    "no-default-password": secrecy.no_default_password,
    "no-secret-in-clear": secrecy.no_secret_in_clear,
    "retention-is-on": data.retention_is_on,
    "versions-are-pinned": versions.versions_are_pinned,
}
"""Rules that look at one resource."""

STACK_RULES: dict[str, StackRule] = {
    "servers-have-a-password": network.servers_have_a_password,
    "private-ports-are-closed": network.private_ports_are_closed,
    "data-is-protected": data.data_is_protected,
    "backups-are-on": data.backups_are_on,
}
"""Rules that look at all the resources together."""


def findings(resources: Sequence[Resource]) -> list[Finding]:
    """Return what the resources of a stack break, rule by rule."""
    ones = [
        Finding(rule=name, resource=resource.name, message=message)
        for name, rule in RESOURCE_RULES.items()
        for resource in resources
        for message in dict.fromkeys(rule(resource))
    ]
    wholes = [
        Finding(rule=name, resource=resource.name, message=message)
        for name, rule in STACK_RULES.items()
        for resource, message in rule(resources)
    ]
    return [*ones, *wholes]
