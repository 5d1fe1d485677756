"""Destroying a stack sets its data aside; only somebody who asks for it by name loses it."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import NewStack, Programs
from tests.engine.stack import Stack
from toolchain.stack import password


@pytest.fixture(scope="module")
def doomed(new_stack: NewStack, programs: Programs) -> Iterator[Stack]:
    """Make a stack that the tests of this module, in their order, bring up and destroy."""
    with new_stack() as fresh:
        programs.lend(fresh)
        fresh.up()
        programs.borrow(fresh)
        yield fresh


def test_destroy_removes_the_services_and_keeps_the_data(doomed: Stack) -> None:
    doomed.expect_completed(doomed.create_flow_run())
    result = doomed.make("destroy", "YES=1")
    kept = kept_data(doomed)
    assert f"the data is kept in {kept}" in result.output
    assert (kept / "postgresql" / "PG_VERSION").exists()
    assert [path.name for path in doomed.host.iterdir()] == ["kept"]
    assert_gone(doomed)


def test_up_after_a_destroy_starts_afresh_and_leaves_the_old_data_alone(doomed: Stack, programs: Programs) -> None:
    kept = kept_data(doomed)
    programs.lend(doomed)
    doomed.up()
    assert doomed.count_flow_runs() == 1, "only the canary's run"
    assert kept_data(doomed) == kept
    assert doomed.preview() == {}


def test_kept_data_can_be_brought_back(doomed: Stack) -> None:
    doomed.make("down")
    data, kept = doomed.host / "data" / "postgresql", kept_data(doomed) / "postgresql"
    data.rename(doomed.host / "data" / "postgresql.set-aside")
    kept.rename(data)
    doomed.make("up")
    assert doomed.count_flow_runs() >= 2, "the canary's run and the one before the destroy"
    doomed.expect_completed(doomed.create_flow_run())

    # what was recreated has other identifiers in the old database
    doomed.pulumi("refresh", "--yes", "--skip-preview")
    doomed.config_set_secret("secretBlock-example", password())
    doomed.up()
    assert doomed.preview() == {}


def test_destroy_with_purge_leaves_nothing(doomed: Stack) -> None:
    doomed.config_set("purgeOnDestroy", "true")
    assert doomed.preview() == {"this-machine-prepare": "update"}
    doomed.up()
    doomed.make("destroy", "YES=1")
    assert not doomed.host.exists()
    assert_gone(doomed)


def kept_data(stack: Stack) -> Path:
    """Return the one directory of data that was set aside."""
    (kept,) = (stack.host / "kept").iterdir()
    assert re.fullmatch(r"[\dT:Z-]+", kept.name), "named after the time"
    return kept


def assert_gone(stack: Stack) -> None:
    """Require that no process of the stack runs and that its ports are free."""
    assert stack.processes() == {}
    for port in (stack.ports.postgres, stack.ports.server, stack.ports.worker):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
