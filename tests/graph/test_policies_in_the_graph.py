"""What the program asks for breaks none of the rules, secrets looked into."""

from typing import Any

from policies.resources import Resource, Secret
from policies.rules import findings
from tests.graph.recorder import Graph, is_secret, record
from tests.settings.stack_file import stack_file

SERVERS: dict[str, Any] = {
    "hosts": {
        name: {"platform": "linux", "address": address, "hostKey": "ssh-ed25519 AAAA"}
        for name, address in {"data": "10.0.0.10", "web": "10.0.0.11", "work": "10.0.0.12"}.items()
    },
    "postgres": {"host": "data"},
    "server": {"hosts": ["web"]},
    "workers": {"default": {"host": "work"}},
    "secretBlock-warehouse": "warehouse-31f0a9c2",
}


def seen(value: Any) -> Any:
    if is_secret(value):
        return Secret(seen(value["value"]))
    if isinstance(value, dict):
        return {key: seen(inner) for key, inner in value.items()}
    return [seen(inner) for inner in value] if isinstance(value, list) else value


def resources(graph: Graph) -> list[Resource]:
    return [
        Resource(
            type=one.type,
            name=one.name,
            inputs=seen(one.inputs),
            protect=one.protect,
            parent=one.parent,
            depends_on=one.depends_on,
        )
        for one in graph.resources.values()
    ]


def test_a_stack_on_this_machine_breaks_no_rule_when_all_is_known() -> None:
    found = findings(resources(record(stack_file(), preview=False)))

    assert [str(finding) for finding in found] == []


def test_a_stack_on_servers_breaks_no_rule() -> None:
    found = findings(resources(record(stack_file(**SERVERS), preview=True)))

    assert [str(finding) for finding in found] == []


def test_servers_without_protection_and_backups_are_found() -> None:
    graph = record(stack_file(**SERVERS, protect="false", backups={"enabled": False}), preview=True)

    found = {(finding.rule, finding.resource) for finding in findings(resources(graph))}

    assert {("data-is-protected", "postgres-cluster"), ("data-is-protected", "postgres-database")} <= found
    assert ("backups-are-on", "postgres-cluster") in found


def test_a_default_password_is_found_behind_its_secrecy() -> None:
    graph = record(stack_file(), preview=True)
    weak = [
        Resource(type=one.type, name=one.name, inputs={**one.inputs, "password": Secret("postgres")})
        for one in resources(graph)
        if one.name == "postgres-role"
    ]

    assert [finding.rule for finding in findings(weak)] == ["no-default-password"]
