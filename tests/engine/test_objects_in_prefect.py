"""What every kind of object does through the engine, against a Prefect server that somebody else runs.

The server has PostgreSQL, a password and CSRF protection; the program holds the resources and nothing else. One object
of each kind goes through one life, a command of Pulumi after the other; what each left is kept as a moment, and the
tests read it: which makes docs/prefect-objects.md say what became of whom.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.prefect_api import resources, work_pools
from components.prefect_api.client import PrefectClient
from tests.engine.prefect_objects import CHANGED_SECRET, FIRST_SECRET, KINDS, POOL, SECRET_BY_HAND, Edition, Kind
from tests.engine.resources_stack import PROGRAM, ResourcesStack
from tests.prefect_runtime import PrefectServer, prefect_server_on_postgresql

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "prefect_objects"


@dataclass(frozen=True)
class Moment:
    """What stood where after a command: what that did to each resource, Pulumi's state, and Prefect's own word."""

    steps: Mapping[str, str]
    state: Mapping[str, Mapping[str, Any]]
    told: Mapping[str, Any]
    output: str = ""


@dataclass(frozen=True)
class Life:
    """One stack with one object of each kind."""

    stack: ResourcesStack
    client: PrefectClient
    server: PrefectServer

    def declare(self, edition: Callable[[Kind], Edition], secret: str, **more: Any) -> None:
        declared = {name: {**edition(kind).declared, **more} for name, kind in KINDS.items()}
        self.stack.configure({"objects": json.dumps(declared), "apiUrl": self.server.api_url})
        self.stack.configure({"secret": secret}, secret=True)

    def moment(self, steps: Mapping[str, str], edition: Callable[[Kind], Edition], output: str = "") -> Moment:
        told = {name: kind.find(self.client, edition(kind)) for name, kind in KINDS.items()}
        return Moment(steps, self.stack.resources(), told, output)


def first(kind: Kind) -> Edition:
    return kind.first


def changed_in_place(kind: Kind) -> Edition:
    return kind.changed


def replacement(kind: Kind) -> Edition:
    return kind.replaced


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    settings = {"PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true"}
    with prefect_server_on_postgresql(tmp_path_factory.mktemp("prefect"), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def life(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    secrets = (server.auth_string.partition(":")[2], FIRST_SECRET, CHANGED_SECRET, SECRET_BY_HAND)
    stack = ResourcesStack(PROGRAM, tmp_path_factory.mktemp("stack"), secrets)
    stack.configure({"authString": server.auth_string}, secret=True)
    with PrefectClient(server.api_url, server.auth_string) as client:
        work_pools.create(client, POOL, "process", base_job_template={})
        yield Life(stack, client, server)


@pytest.fixture(scope="module")
def created(life: Life) -> Moment:
    life.declare(first, FIRST_SECRET)
    return life.moment(life.stack.apply(), first)


@pytest.fixture(scope="module")
def unchanged(life: Life, created: Moment) -> Moment:
    assert created.steps
    return life.moment(life.stack.apply(), first)


@pytest.fixture(scope="module")
def changed(life: Life, unchanged: Moment) -> Moment:
    assert unchanged.steps
    life.declare(changed_in_place, CHANGED_SECRET)
    return life.moment(life.stack.apply(), changed_in_place)


@pytest.fixture(scope="module")
def replaced(life: Life, changed: Moment) -> Moment:
    assert changed.steps
    life.declare(replacement, CHANGED_SECRET)
    return life.moment(life.stack.apply(), replacement)


@pytest.fixture(scope="module")
def changed_by_hand(life: Life, replaced: Moment) -> Moment:
    """Let a refresh see changes by hand."""
    assert replaced.steps
    for kind in KINDS.values():
        kind.change(life.client)
    return life.moment(life.stack.refresh(), replacement)


@pytest.fixture(scope="module")
def put_back(life: Life, changed_by_hand: Moment) -> Moment:
    assert changed_by_hand.steps
    return life.moment(life.stack.apply(), replacement)


@pytest.fixture(scope="module")
def deleted_by_hand(life: Life, put_back: Moment) -> Moment:
    """Let a refresh see deletions by hand."""
    assert put_back.steps
    for kind in KINDS.values():
        kind.delete(life.client)
    return life.moment(life.stack.refresh(), replacement)


@pytest.fixture(scope="module")
def made_again(life: Life, deleted_by_hand: Moment) -> Moment:
    assert deleted_by_hand.steps
    return life.moment(life.stack.apply(), replacement)


@pytest.fixture(scope="module")
def forgotten(life: Life, made_again: Moment) -> None:
    """Let Pulumi forget all that is there, so that it is somebody else's, and change it by hand."""
    assert made_again.steps
    life.stack.forget()
    for kind in KINDS.values():
        kind.change(life.client)


@pytest.fixture(scope="module")
def refused(life: Life, forgotten: None) -> Moment:
    assert forgotten is None
    return life.moment({}, replacement, life.stack.failing_up())


@pytest.fixture(scope="module")
def adopted(life: Life, refused: Moment) -> Moment:
    assert refused.output
    life.declare(replacement, CHANGED_SECRET, adopt=True)
    return life.moment(life.stack.apply(), replacement)


@pytest.fixture(scope="module")
def destroyed(life: Life, adopted: Moment) -> Moment:
    assert adopted.steps
    return life.moment(life.stack.destroy(), replacement)


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def assert_told(moment: Moment, name: str, edition: Edition) -> None:
    told = moment.told[name]
    assert told is not None, f"Prefect knows no such {name}"
    assert {key: told[key] for key in edition.told} == edition.told


def test_every_kind_of_object_goes_through_this_life() -> None:
    kinds = {kind for kind in resources.__all__ if not kind.endswith("Provider")}
    assert kinds - KINDS.keys() == {"CanaryRun"}, "a canary is a run, told in test_prefect_canary.py"


def test_it_is_created(created: Moment, name: str) -> None:
    assert created.steps[name] == "create"
    assert created.state[name]["name" if name != "TagConcurrencyLimit" else "tag"]
    assert_told(created, name, KINDS[name].first)


def test_a_second_up_changes_nothing(created: Moment, unchanged: Moment, name: str) -> None:
    assert unchanged.steps[name] == "same"
    assert unchanged.state[name] == created.state[name]
    assert unchanged.told[name] == created.told[name]


def test_it_is_changed_in_place(created: Moment, changed: Moment, name: str) -> None:
    assert changed.steps[name] == "update"
    assert changed.state[name] != created.state[name]
    assert_told(changed, name, KINDS[name].changed)


def test_a_change_of_what_names_it_replaces_it(life: Life, replaced: Moment, name: str) -> None:
    assert replaced.steps[name] == "replace"
    assert_told(replaced, name, KINDS[name].replaced)
    if name != "WorkPool":  # which keeps its name here, and changes its type
        assert KINDS[name].find(life.client, KINDS[name].first) is None, "the old one is still there"


def test_a_change_by_hand_is_seen_by_a_refresh_and_put_back(
    replaced: Moment, changed_by_hand: Moment, put_back: Moment, name: str
) -> None:
    assert changed_by_hand.steps[name] == "update"
    assert changed_by_hand.state[name] != replaced.state[name]
    assert put_back.steps[name] == "update"
    assert put_back.state[name] == replaced.state[name]
    assert_told(put_back, name, KINDS[name].replaced)


def test_deleted_by_hand_it_is_missed_by_a_refresh_and_made_again(
    deleted_by_hand: Moment, made_again: Moment, name: str
) -> None:
    assert name not in deleted_by_hand.state
    assert made_again.steps[name] == "create"
    assert_told(made_again, name, KINDS[name].replaced)


def test_somebody_elses_is_not_taken_over_unasked(refused: Moment, name: str) -> None:
    assert f"{name} creating failed" in refused.output or f"{name} **creating failed**" in refused.output
    assert refused.output.count("Set adopt=True") >= len(KINDS)
    assert name not in refused.state
    assert refused.told[name] is not None


def test_asked_to_it_adopts_somebody_elses(adopted: Moment, name: str) -> None:
    assert adopted.steps[name] == "create"
    assert name in adopted.state
    assert_told(adopted, name, KINDS[name].replaced)


def test_it_is_gone_after_a_destroy(destroyed: Moment, name: str) -> None:
    assert destroyed.steps[name] == "delete"
    assert destroyed.state == {}
    assert destroyed.told[name] is None


def test_no_secret_stands_in_clear_in_the_state_or_its_history(life: Life, destroyed: Moment) -> None:
    """What the commands printed was searched when they ended."""
    assert destroyed.steps
    files = [path for path in life.stack.state.rglob("*") if path.is_file()]
    assert len(files) > 10, "every update leaves a checkpoint in the history"
    assert {str(path) for path in files if life.stack.shows_secret(path.read_bytes().decode(errors="replace"))} == set()


def test_the_example_previews_without_a_server_and_comes_up_with_one(server: PrefectServer, tmp_path: Path) -> None:
    secrets = {"authString": server.auth_string, "lakePassword": FIRST_SECRET, "slackUrl": f"https://{CHANGED_SECRET}"}
    stack = ResourcesStack(EXAMPLE, tmp_path, (server.auth_string.partition(":")[2], FIRST_SECRET, CHANGED_SECRET))
    stack.configure(secrets, secret=True)
    stack.configure({"apiUrl": "http://127.0.0.1:9/api"})
    assert "+ 12 to create" in stack.preview()

    stack.configure({"apiUrl": server.api_url})
    assert set(stack.apply().values()) == {"create"}
    stack.assert_no_changes()
    stack.destroy()
    assert stack.resources() == {}
