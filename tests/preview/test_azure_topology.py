"""The picture of a stack in Azure shows what Azure runs, who comes in, and what of it would change."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.preview.recorded import edited_in_azure, planned, planned_in_azure
from tests.settings.azure_stack import with_database_on_a_host
from toolchain.preview.mermaid import mermaid
from toolchain.preview.nodes import HostNode, ServiceNode, Topology
from toolchain.preview.topology import topology


@pytest.fixture(scope="module")
def drawn() -> Topology:
    """Read the topology of the example, which is not there yet."""
    return topology(planned_in_azure())


@pytest.fixture(scope="module")
def with_copies() -> Topology:
    """Read that of a stack whose database is on a machine, with copies in a container."""
    pytest.importorskip("pulumi_azure_native", reason="pulumi-azure-native is not installed: make test")
    return topology(planned(with_database_on_a_host()))


def edited(edit: Callable[[dict[str, Any]], object]) -> Topology:
    return topology(edited_in_azure(edit))


def host(drawn: Topology, name: str) -> HostNode:
    (found,) = (one for one in drawn.hosts if one.name == name)
    return found


def service(drawn: Topology, name: str) -> ServiceNode:
    (found,) = (one for one in drawn.services if one.name == name)
    return found


def flows(drawn: Topology) -> set[tuple[str, str, str]]:
    return {(one.source.name if one.source else "people", one.target.name, one.label) for one in drawn.flows}


def test_the_database_is_one_that_azure_runs_for_the_stack(drawn: Topology) -> None:
    card = host(drawn, "psql-prefect-acme")

    assert card.platform == "Azure Database for PostgreSQL"
    assert card.notes == ("keeps backups for 14 days", "has a standby in another zone")
    assert (service(drawn, "PostgreSQL").host, service(drawn, "PostgreSQL").port) == (card.name, "5432")
    assert service(drawn, "PostgreSQL").detail == "16, Standard_D2ds_v5"
    assert drawn.elsewhere == ()


def test_the_jump_host_is_the_way_in(drawn: Topology) -> None:
    jump = host(drawn, "jump")

    assert jump.address == "10.60.0.4"
    assert jump.notes == ("has a public address", "lets in 22/tcp from 203.0.113.0/24")
    assert {one.jump_host for one in drawn.hosts if one.platform in ("linux", "windows")} == {"jump", ""}
    assert not any("public address" in note for one in drawn.hosts if one is not jump for note in one.notes)


def test_flows_go_from_who_asks_to_who_answers(drawn: Topology) -> None:
    assert flows(drawn) == {
        ("people", "sshd", "SSH"),
        ("people", "nginx", "HTTPS"),
        ("nginx", "prefect-server", "loopback"),
        ("prefect-server", "PostgreSQL", "TLS"),
        *((f"prefect-worker-{one}", "nginx", "HTTPS") for one in ("linux", "windows")),
        *((f"prefect-worker-{one}", "secrets", "HTTPS") for one in ("linux", "windows")),
    }


def test_copies_of_backups_go_to_a_container(with_copies: Topology) -> None:
    assert host(with_copies, "stprefecttest").notes == ("nothing can be deleted for 14 days",)
    assert service(with_copies, "prefect-backups").detail == "copies of backups"
    assert ("prefect-postgresql", "prefect-backups", "HTTPS") in flows(with_copies)
    assert ("prefect-worker-default", "secrets", "HTTPS") in flows(with_copies)
    assert {target for source, target, _ in flows(with_copies) if source == "prefect-postgresql"} == {"prefect-backups"}


def test_a_stack_that_is_not_there_yet_is_marked_nowhere(drawn: Topology, with_copies: Topology) -> None:
    assert drawn.is_new
    assert with_copies.is_new


def test_nothing_edited_is_marked_nowhere() -> None:
    drawn = edited(lambda _: None)

    nodes: list[HostNode | ServiceNode] = [*drawn.hosts, *drawn.services]
    assert {one.operation for one in nodes} == {"same"}


def test_another_size_marks_its_machine_and_no_other() -> None:
    drawn = edited(lambda settings: settings["hosts"]["worker-1"]["azure"].update(size="Standard_D8s_v5"))

    assert {one.name: one.operation for one in drawn.hosts if one.operation != "same"} == {"worker-1": "update"}
    assert {one.operation for one in drawn.services} == {"same"}


def test_another_way_in_marks_the_jump_host() -> None:
    drawn = edited(lambda settings: settings["azure"].update(sshFrom=["198.51.100.0/24"]))

    assert host(drawn, "jump").operation == service(drawn, "sshd").operation == "update"
    assert "lets in 22/tcp from 198.51.100.0/24" in host(drawn, "jump").notes
    assert service(drawn, "nginx").operation == "same"


def test_a_change_of_the_database_marks_it() -> None:
    drawn = edited(lambda settings: settings["azure"]["postgres"].update(size="Standard_D4ds_v5"))

    assert {one.name: one.operation for one in drawn.services if one.operation != "same"} == {"PostgreSQL": "update"}
    assert service(drawn, "PostgreSQL").detail == "16, Standard_D4ds_v5"


def test_a_machine_that_goes_is_drawn_as_going() -> None:
    def without_windows(settings: dict[str, Any]) -> None:
        for section, name in (("hosts", "windows-1"), ("workers", "windows"), ("workPools", "windows")):
            del settings[section][name]

    drawn = edited(without_windows)

    assert host(drawn, "windows-1").operation == "delete"
    assert service(drawn, "prefect-worker-windows").operation == "delete"
    assert (host(drawn, "worker-1").operation, service(drawn, "secrets").operation) == ("same", "same")


def test_the_comment_draws_it_too(drawn: Topology) -> None:
    text = mermaid(drawn)

    assert 'subgraph n_psql_prefect_acme["psql-prefect-acme · Azure Database for PostgreSQL"]' in text
    assert 'people -- "SSH" --> n_jump_sshd' in text
