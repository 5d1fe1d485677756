"""The section `firewall` of a stack file."""

from typing import Any

import pytest

from components.firewall_rules import Opening
from components.settings.firewall import FirewallSettings, read_firewall
from components.settings.table import Problem, Problems, Table


def read(**values: Any) -> tuple[FirewallSettings, list[Problem]]:
    problems = Problems("prod")
    return read_firewall(Table(problems, "firewall", values)), problems.found


def test_it_is_on_and_lets_in_nothing_else_unless_told() -> None:
    assert read() == (FirewallSettings(enabled=True, allow=()), [])


def test_it_can_be_left_to_whoever_runs_the_hosts() -> None:
    assert read(enabled=False) == (FirewallSettings(enabled=False), [])


def test_more_can_be_let_in() -> None:
    allow = ["51820/udp", "9100/tcp from 10.0.0.9", "9100/tcp from 2001:db8::/64"]
    assert read(allow=allow) == (
        FirewallSettings(
            allow=(
                Opening(port=51820, protocol="udp"),
                Opening(port=9100, sources=("10.0.0.9",)),
                Opening(port=9100, sources=("2001:db8::/64",)),
            )
        ),
        [],
    )


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "443",
        "443/http",
        "0/tcp",
        "65536/tcp",
        "443/tcp from",
        "443/tcp from db.example.com",
        "443/tcp from 10.0.0.9/24",
        "443/tcp  from 10.0.0.9",
        "443/tcp from 10.0.0.9 10.0.0.8",
        443,
        {"port": 443},
    ],
)
def test_an_entry_that_is_no_opening_is_told_with_what_is_allowed(entry: Any) -> None:
    settings, (problem,) = read(allow=["80/tcp", entry])
    assert settings.allow == ()
    assert problem.key == "firewall.allow"
    assert "PORT/tcp or PORT/udp, alone or followed by: from ADDRESS" in problem.allowed
    assert problem.command.endswith(
        "pulumi config set --stack prod --path 'firewall.allow[0]' '9100/tcp from 10.0.0.9'"
    )


def test_what_nobody_knows_is_told() -> None:
    _, (problem,) = read(alow=["80/tcp"])
    assert (problem.key, "did you mean allow?" in problem.given) == ("firewall.alow", True)
