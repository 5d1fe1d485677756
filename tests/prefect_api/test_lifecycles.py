"""What every resource does, against a real Prefect server: the providers are called as the engine calls them."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi import dynamic

from components.prefect_api import resources
from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from components.prefect_api.provider import PrefectProvider
from tests.prefect_api.lifecycles import LIFECYCLES, Lifecycle
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer


class Stack:
    """One resource as the engine keeps it: inputs, outputs, and nothing that is None."""

    def __init__(self, provider: PrefectProvider, inputs: Mapping[str, Any]) -> None:
        self.provider = provider
        self.inputs = dict(inputs)
        self.id = ""
        self.outputs: dict[str, Any] = {}

    def up(self, **changes: Any) -> dynamic.DiffResult | None:
        """Bring the resource up as the engine would; give the difference that was seen, None for a first time."""
        self.inputs = _kept({**self.inputs, **changes})
        failures = self.provider.check(self.outputs, dict(self.inputs)).failures
        assert not failures, [failure.reason for failure in failures]
        if not self.id:
            created = self.provider.create(dict(self.inputs))
            self.id, self.outputs = created.id, _kept(created.outs or {})
            return None
        difference = self.provider.diff(self.id, self.outputs, self.inputs)
        if difference.changes:
            updated = self.provider.update(self.id, self.outputs, dict(self.inputs))
            self.outputs = _kept(updated.outs or {})
        return difference

    def refresh(self) -> None:
        read = self.provider.read(self.id, dict(self.outputs))
        assert read.outs is not None
        if read.id:
            assert read.inputs is not None, "a refresh without inputs shows each input as changed"
            assert read.inputs.items() <= read.outs.items()
        self.id, self.outputs = str(read.id), _kept(read.outs)

    def destroy(self) -> None:
        self.provider.delete(self.id, self.outputs)

    def sees_changes(self) -> bool:
        return bool(self.provider.diff(self.id, self.outputs, self.inputs).changes)


@pytest.fixture(params=LIFECYCLES)
def kind(request: pytest.FixtureRequest) -> Lifecycle:
    return LIFECYCLES[request.param]


@pytest.fixture
def stack(kind: Lifecycle, server: PrefectServer, client: PrefectClient) -> Iterator[Stack]:
    kind.prepare(client)
    stack = Stack(configured(kind.provider, server.auth_string), {"api_url": server.api_url, **kind.inputs})
    yield stack
    with contextlib.suppress(KeyError):  # a resource that was never made knows no id of its object
        stack.provider.delete(stack.id, {**stack.inputs, **stack.outputs})


def test_no_kind_is_left_out() -> None:
    kinds = {name for name in resources.__all__ if not name.endswith("Provider")}
    assert kinds - LIFECYCLES.keys() == {"CanaryRun"}, "a canary is a run, told in test_prefect_canary.py"


def test_once_made_nothing_is_to_be_done(stack: Stack) -> None:
    stack.up()
    assert not stack.sees_changes()

    before = stack.outputs
    stack.refresh()
    assert stack.outputs == before
    assert not stack.sees_changes()


def test_it_changes_in_place(stack: Stack, kind: Lifecycle) -> None:
    stack.up()

    difference = stack.up(**kind.in_place)

    assert difference is not None
    assert (difference.changes, difference.replaces) == (True, [])
    assert not stack.sees_changes()
    before = stack.outputs
    stack.refresh()
    assert stack.outputs == before, "the server holds what was declared"


def test_what_is_no_longer_declared_goes_back_to_what_it_was(stack: Stack, kind: Lifecycle) -> None:
    stack.up()
    first = stack.outputs
    stack.up(**kind.in_place)

    removed = {key: kind.inputs.get(key) for key in kind.in_place}
    stack.up(**removed)
    stack.refresh()

    assert stack.outputs == first


def test_its_name_replaces_it(stack: Stack, kind: Lifecycle) -> None:
    stack.up()

    difference = stack.provider.diff(stack.id, stack.outputs, {**stack.inputs, **kind.replacing})

    assert difference.replaces == [*kind.replacing]


def test_a_change_by_hand_is_seen_by_a_refresh_and_mended(stack: Stack, kind: Lifecycle, client: PrefectClient) -> None:
    stack.up()
    first = stack.outputs
    kind.by_hand(client)

    stack.refresh()
    assert stack.outputs != first
    assert stack.sees_changes()

    stack.up()
    stack.refresh()
    assert stack.outputs == first


def test_deleted_by_hand_it_is_made_again(stack: Stack, kind: Lifecycle) -> None:
    stack.up()
    stack.destroy()
    if not kind.upserted:
        with pytest.raises(PrefectApiError, match="run pulumi refresh"):
            stack.provider.update(stack.id, stack.outputs, stack.inputs)

    stack.refresh()
    assert (stack.id, stack.outputs) == ("", {})

    stack.up()
    stack.refresh()
    assert stack.id


def test_one_of_the_name_is_no_ones_to_take_unasked(stack: Stack, kind: Lifecycle) -> None:
    stack.up()
    other = Stack(stack.provider, {**stack.inputs, **kind.in_place})

    with pytest.raises(ValueError, match="Set adopt=True") as caught:
        other.up()

    text = str(caught.value)
    assert "adopt: true" in text
    assert stack.provider.kind in text
    # what job variables of a pool change is its template
    differing = text.partition("It differs in ")[2].replace("base_job_template", "job_variables")
    assert all(key in differing for key in kind.in_place), "what an adoption would change"
    assert not kind.secret or kind.secret not in text
    stack.refresh()
    assert not stack.sees_changes(), "nothing was changed"


def test_asked_to_it_takes_over_what_is_there(stack: Stack, kind: Lifecycle) -> None:
    stack.up()
    adopting = Stack(stack.provider, {**stack.inputs, **kind.in_place, "adopt": True})

    adopting.up()

    assert adopting.id == stack.id
    adopting.refresh()
    assert not adopting.sees_changes()


def test_a_create_that_was_interrupted_after_its_work_can_be_repeated(stack: Stack) -> None:
    stack.up()
    again = Stack(stack.provider, stack.inputs)

    again.up()

    assert (again.id, again.outputs) == (stack.id, stack.outputs)


def test_it_is_gone_after_a_destroy_which_may_be_repeated(stack: Stack) -> None:
    stack.up()
    stack.destroy()
    stack.destroy()

    stack.refresh()
    assert stack.id == ""


def _kept(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if value is not None}
