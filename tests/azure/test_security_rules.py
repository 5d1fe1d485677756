"""What network security groups let in, beside what the hosts' own firewalls do."""

import ipaddress

import pytest

from components.azure.names import Names
from components.azure.security_rules import DENY_ALL, SecurityRule, security_rules
from components.firewall_rules import Opening, firewall_rules


def lets_in(rules: list[SecurityRule], port: int, source: str) -> bool:
    """Judge as Azure does: the first rule that fits decides."""
    for rule in sorted(rules, key=lambda rule: rule.priority):
        fits = rule.port in ("*", str(port))
        comes = rule.sources == ("*",) or any(
            ipaddress.ip_address(source) in ipaddress.ip_network(network) for network in rule.sources
        )
        if fits and comes:
            return rule.access == "Allow"
    raise AssertionError("Azure's own rules would decide")


def test_what_is_open_in_the_hosts_firewall_is_open_and_nothing_else() -> None:
    openings = [Opening(port=443), Opening(port=5432, sources=("10.60.1.10",))]
    rules = security_rules(openings, ["10.60.0.4"])

    assert lets_in(rules, 443, "198.51.100.1")
    assert lets_in(rules, 5432, "10.60.1.10")
    assert not lets_in(rules, 5432, "10.60.1.11")
    assert not lets_in(rules, 4200, "10.60.1.10")
    written = firewall_rules(22, openings)
    assert "ip saddr { 10.60.1.10 } tcp dport 5432 accept" in written
    assert "tcp dport 443 accept" in written


def test_ssh_comes_only_from_where_it_is_due() -> None:
    rules = security_rules([], ["10.60.0.4"])

    assert lets_in(rules, 22, "10.60.0.4")
    assert not lets_in(rules, 22, "10.60.1.21")


def test_the_networks_own_members_are_denied_as_everybody_else() -> None:
    assert security_rules([], ["10.60.0.4"])[-1] == DENY_ALL
    assert DENY_ALL.priority < 65000, "Azure's rule AllowVnetInBound would come first"


def test_an_opening_for_nobody_is_no_rule() -> None:
    assert [rule.name for rule in security_rules([Opening(port=5432, sources=())], ["10.60.0.4"])] == [
        "allow-tcp-22",
        "deny-all",
    ]


def test_ssh_that_the_stack_file_opens_further_is_one_rule() -> None:
    rules = security_rules([Opening(port=22, sources=("10.60.1.0/24",))], ["10.60.0.4"])

    assert [(rule.name, rule.sources) for rule in rules[:-1]] == [("allow-tcp-22", ("10.60.0.4/32", "10.60.1.0/24"))]


def test_each_rule_has_a_name_and_a_priority_of_its_own() -> None:
    openings = [Opening(port=port, protocol=protocol) for port in (53, 443) for protocol in ("tcp", "udp")]
    rules = security_rules(openings, ["10.60.0.4"])

    assert len({rule.name for rule in rules}) == len({rule.priority for rule in rules}) == 6
    assert {rule.protocol for rule in rules} == {"Tcp", "Udp", "*"}


def test_a_host_name_is_no_source() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        security_rules([Opening(port=9100, sources=("monitoring",))], ["10.60.0.4"])


def test_everything_is_called_by_one_rule() -> None:
    names = Names("prefect-acme")

    assert names.of("rg") == "rg-prefect-acme"
    assert names.of("vm", "server-1") == "vm-prefect-acme-server-1"
    assert names.storage_account == "stprefectacme"
    assert names.public_name("jump", "westeurope") == "prefect-acme-jump.westeurope.cloudapp.azure.com"
    assert names.database_address == "psql-prefect-acme.postgres.database.azure.com"
    assert names.database_zone == "prefect-acme.private.postgres.database.azure.com"
