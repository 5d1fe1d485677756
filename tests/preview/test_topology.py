"""The picture shows what the plan says: who stands where, who talks to whom, what changes; nothing covers anything."""

import itertools
from xml.etree import ElementTree

import pytest

from policies.rules import findings
from tests.preview.stacks import changed_stack, new_stack
from toolchain.preview.diagram import svg
from toolchain.preview.layout import Box, arrange
from toolchain.preview.mermaid import mermaid
from toolchain.preview.nodes import Topology
from toolchain.preview.plan import Plan
from toolchain.preview.topology import topology

PLANS = {
    "new": new_stack(),
    "same": changed_stack(),
    "gone": changed_stack(prefect_worker_etl_definition=("delete", {})),
}


@pytest.fixture(scope="module")
def drawn() -> Topology:
    return topology(new_stack())


def overlap(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def test_the_plan_of_these_tests_breaks_no_rule_but_those_it_leaves_out() -> None:
    assert {one.rule for one in findings(new_stack().resources)} == {"backups-are-on"}, "it has no restore drill"


def test_hosts_have_their_addresses_and_what_runs_there(drawn: Topology) -> None:
    hosts = {host.name: host for host in drawn.hosts}
    assert hosts.keys() == {"db-1", "server-1", "worker-1"}
    assert hosts["db-1"].address == "10.0.0.10"
    assert hosts["db-1"].jump_host == "bastion"
    assert hosts["db-1"].openings == ("5432/tcp from 10.0.0.11",)
    assert hosts["db-1"].schedules == ("prefect-backup 02:30",)


def test_services_stand_on_their_hosts_with_their_ports(drawn: Topology) -> None:
    assert {(one.host, one.name, one.port, one.detail) for one in drawn.services} == {
        ("db-1", "prefect-postgresql", "5432", "PostgreSQL"),
        ("server-1", "nginx", "443", "prefect.example.com"),
        ("server-1", "prefect-server", "4200", "Prefect 3.8.7"),
        ("worker-1", "prefect-worker-etl", "4210", "work pool etl"),
    }


def test_flows_go_from_who_asks_to_who_answers(drawn: Topology) -> None:
    flows = {(one.source.name if one.source else "people", one.target.name, one.label) for one in drawn.flows}
    assert flows == {
        ("people", "nginx", "HTTPS"),
        ("nginx", "prefect-server", "loopback"),
        ("prefect-server", "prefect-postgresql", "TLS"),
        ("prefect-worker-etl", "nginx", "HTTPS"),
    }


def test_a_database_that_is_not_of_the_stack_stands_apart() -> None:
    plan = new_stack()
    kept = tuple(change for change in plan.changes if "postgresql" not in change.resource.name)

    (elsewhere,) = topology(Plan(changes=kept)).elsewhere

    assert (elsewhere.host, elsewhere.port) == ("10.0.0.10", "5432")


def test_a_change_marks_its_service_and_no_other() -> None:
    plan = changed_stack(prefect_server=("update", {"stdin": "A=1\n"}))

    operations = {one.name: one.operation for one in topology(plan).services}

    assert operations.pop("prefect-server") == "update"
    assert set(operations.values()) == {"same"}


@pytest.mark.parametrize("plan", PLANS.values(), ids=list(PLANS))
def test_nothing_covers_anything_or_leaves_the_picture(plan: Plan) -> None:
    places = arrange(topology(plan))
    cards = [card.box for card in places.cards]
    boxes = [*cards, *places.people.values()]
    assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
    assert not [pair for pair in itertools.combinations(places.nodes.values(), 2) if overlap(*pair)]
    for node in places.nodes.values():
        assert any(card.x < node.x and node.right < card.right and card.y < node.y < card.bottom for card in cards)
    assert max(box.right for box in boxes) < places.width
    assert max(box.bottom for box in boxes) < places.height


@pytest.mark.parametrize("plan", PLANS.values(), ids=list(PLANS))
def test_the_picture_is_an_svg_without_anything_from_elsewhere(plan: Plan) -> None:
    text = svg(topology(plan), "prod")
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"db-1", "server-1", "prefect-server", ":5432", "TLS :5432"} <= words
    assert "<image" not in text
    assert "<script" not in text


def test_a_service_that_goes_is_drawn_as_going() -> None:
    assert "change-delete" in svg(topology(PLANS["gone"]), "prod").split("</style>")[-1]
    assert "prefect-worker-etl :4210" in mermaid(topology(PLANS["gone"]))
    assert ":::delete" in mermaid(topology(PLANS["gone"]))


def test_the_picture_does_not_depend_on_the_order_of_the_plan() -> None:
    plan = new_stack()
    assert svg(topology(Plan(changes=plan.changes[::-1])), "prod") == svg(topology(plan), "prod")


def test_an_empty_plan_has_a_picture() -> None:
    assert "prod" in svg(topology(Plan(changes=())), "prod")


def test_names_are_no_markup() -> None:
    plan = changed_stack(pool_etl=("same", {"name": '"]:::x --> </svg>'}))
    assert "</svg>" not in svg(topology(plan), "<b>")[:-10]
