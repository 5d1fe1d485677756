"""What drifted is run again: the count reaches the command that it is about, and no other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.settings import HostSettings
from tests.graph.recorder import Graph, record
from tests.settings.stack_file import stack_file

HOST = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}
KEY = "-----BEGIN PRIVATE KEY-----\nx\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str | None]]:
    """Have a file and a service drift, and keep what was asked: names of hosts, and the key."""
    seen: list[tuple[list[str], str | None]] = []

    def find_repairs(hosts: Sequence[HostSettings], private_key: str | None) -> dict[str, int]:
        seen.append(([host.name for host in hosts], private_key))
        return {"server-settings": 1, "worker-default-service": 12}

    monkeypatch.setattr("components.drift.find_repairs", find_repairs)
    return seen


def repaired(graph: Graph) -> dict[str, str]:
    """Return the last word of every command that has one of ours."""
    last_words = {name: str(one.inputs.get("create", "")).rpartition(" ")[2] for name, one in graph.resources.items()}
    return {name: word for name, word in last_words.items() if word.startswith("repair-")}


def test_what_drifted_has_another_command(asked: list[tuple[list[str], str | None]]) -> None:
    graph = record(stack_file(drift=True, hosts={"vps": HOST}, sshPrivateKey=KEY), preview=True)
    assert repaired(graph) == {"server-settings": "repair-1", "worker-default-service": "repair-12"}
    assert asked == [(["vps"], KEY)]


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("server-settings", "server-service"),
        ("server-service-definition", "server-service"),
        ("postgres-access", "postgres-configured"),
        ("proxy-redirect-file", "proxy-redirect"),
        ("proxy-site-file", "proxy-site"),
        ("vps-firewall-rules", "vps-firewall-loaded"),
        ("backups-backup-timer", "backups-backup"),
    ],
)
def test_who_reads_a_file_that_was_put_back_is_told_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, file: str, reader: str
) -> None:
    def inputs(*drifted: str) -> dict[str, Mapping[str, Any]]:
        monkeypatch.setattr("components.drift.find_repairs", lambda *_: dict.fromkeys(drifted, 1))
        graph = record(stack_file(drift=True, hosts={"vps": HOST}, nginx={"publicUrl": "https://prefect.example.com"}))
        return {name: one.inputs for name, one in graph.resources.items()}

    # nothing is there to connect to
    monkeypatch.setattr("components.tunnel.Tunnel.listen", lambda *_: None)
    before, after = inputs(), inputs(file)

    assert {name for name in before if after[name] != before[name]} == {file, reader}


def test_nobody_is_asked_unless_told_so(asked: list[tuple[list[str], str | None]]) -> None:
    assert repaired(record(stack_file())) == {}
    assert asked == []


def test_where_nothing_ever_drifted_the_switch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.drift.find_repairs", lambda *_: {})
    off, on = (record(stack_file(drift=drift)).resources for drift in (False, True))
    assert {name: one.inputs for name, one in off.items()} == {name: one.inputs for name, one in on.items()}
