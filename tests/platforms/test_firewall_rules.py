"""The nftables rules of a host: what they let in, said in the language of nft, and what they leave alone."""

import re

import pytest

from components.firewall_rules import Opening, firewall_rules, opening_words

WEB = Opening(port=443)
DATABASE = Opening(port=5432, sources=("10.0.0.5", "10.0.1.0/24", "fd00::5"))


def accepted(*openings: Opening) -> list[str]:
    """Return the rules that let in what is declared."""
    rules = firewall_rules(22, openings)
    return re.findall(r"^\t\t(.+)$", rules.partition("# what is declared\n")[2], re.MULTILINE)


def test_a_port_is_open_to_everybody_or_to_those_who_are_named() -> None:
    assert accepted(WEB) == ["tcp dport 443 accept"]
    assert accepted(Opening(port=51820, protocol="udp")) == ["udp dport 51820 accept"]
    assert accepted(DATABASE) == [
        "ip saddr { 10.0.0.5, 10.0.1.0/24 } tcp dport 5432 accept",
        "ip6 saddr { fd00::5 } tcp dport 5432 accept",
    ]


def test_a_port_for_nobody_stays_shut() -> None:
    assert accepted(Opening(port=5432, sources=())) == []


def test_a_port_that_several_ask_for_is_told_once() -> None:
    assert accepted(Opening(port=5432, sources=("10.0.0.5",)), Opening(port=5432, sources=("10.0.0.6",))) == [
        "ip saddr { 10.0.0.5, 10.0.0.6 } tcp dport 5432 accept"
    ]
    assert accepted(Opening(port=5432, sources=()), Opening(port=5432, sources=("10.0.0.6",))) == [
        "ip saddr { 10.0.0.6 } tcp dport 5432 accept"
    ]
    assert accepted(Opening(port=443, sources=("10.0.0.5",)), WEB) == ["tcp dport 443 accept"]
    assert accepted(WEB, Opening(port=443, sources=())) == ["tcp dport 443 accept"]


def test_networks_inside_others_are_left_out_as_nft_refuses_them() -> None:
    nested = Opening(port=5432, sources=("10.0.0.5", "10.0.0.0/24", "10.0.0.5"))
    assert accepted(nested) == ["ip saddr { 10.0.0.0/24 } tcp dport 5432 accept"]


def test_the_order_of_what_is_asked_for_changes_nothing() -> None:
    udp = Opening(port=53, protocol="udp")
    assert firewall_rules(22, [WEB, DATABASE, udp]) == firewall_rules(22, [udp, DATABASE, WEB])


@pytest.mark.parametrize("source", ["db.example.com", "10.0.0.5/24", "", "10.0.0"])
def test_a_source_that_is_no_address_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(source) if source else "''") + "|host bits set"):
        firewall_rules(22, [Opening(port=5432, sources=(source,))])


def test_ssh_comes_first_and_asks_for_no_connection() -> None:
    """The packets of a session prove that new sessions come in only as long as nothing else decides on them before."""
    rules = firewall_rules(2222, [])
    assert "elements = { 2222 }" in rules
    chain = rules.partition("policy drop;\n")[2]
    first = next(line.strip() for line in chain.splitlines() if not line.strip().startswith("#"))
    assert first == 'tcp dport @ssh_ports counter name "ssh" accept'


def test_only_what_comes_to_the_host_itself_is_filtered_in_our_own_table() -> None:
    rules = firewall_rules(22, [WEB, DATABASE])
    assert re.findall(r"hook (\w+)", rules) == ["input"], "forwarded traffic belongs to others, such as containers"
    assert set(re.findall(r"\btable (\w+ \w+)", rules)) == {"inet prefect_selfhost"}
    assert "flush" not in rules


def test_nothing_is_left_to_be_filled_in() -> None:
    for rules in (firewall_rules(22, []), firewall_rules(22, [WEB])):
        assert not re.search(r"\{\w+\}", rules)
        assert rules.count("{") == rules.count("}")


def test_words_for_other_firewalls_say_the_same() -> None:
    assert opening_words([DATABASE, WEB]) == ("tcp:443 tcp:5432@10.0.0.5 tcp:5432@10.0.1.0/24 tcp:5432@fd00::5")
    assert opening_words([Opening(port=5432, sources=())]) == ""
