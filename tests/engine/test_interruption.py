"""A first `make up` that is interrupted, again and again: the next one goes on, and loses nothing."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import NewStack
from tests.engine.stack import Stack, kill
from tests.waiting import wait_until

Interrupt = Callable[["subprocess.Popen[bytes]"], None]
FORCED_AFTER = 1.0
"""Seconds between the two interrupts of somebody who does not want to wait."""


@dataclass(frozen=True)
class Moment:
    """When `make up` is interrupted, and how."""

    name: str
    has_come: Callable[[Stack, str], bool]
    """Tells so from the stack and what `make up` has printed."""
    interrupt: Interrupt


def interrupt_once(up: "subprocess.Popen[bytes]") -> None:
    """Press Ctrl-C in the terminal of `make up`."""
    os.killpg(up.pid, signal.SIGINT)


def interrupt_twice(up: "subprocess.Popen[bytes]") -> None:
    """Press Ctrl-C twice."""
    interrupt_once(up)
    with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
        up.wait(FORCED_AFTER)
        interrupt_once(up)


def runs(stack: Stack, *parts: str) -> bool:
    """Tell whether a process of the stack has these words in its command line."""
    return any(all(part in line for part in parts) for line in stack.processes().values())


MOMENTS = [
    Moment("while the host is prepared", lambda stack, _: (stack.host / "runtime/supervisor").exists(), interrupt_once),
    Moment("after initdb", lambda stack, _: (stack.host / "data/postgresql").exists(), interrupt_twice),
    Moment("while a role is made", lambda _, output: "postgres-role creating" in output, kill),
    Moment("while Prefect is installed", lambda stack, _: runs(stack, "pip install", "prefect-3"), kill),
    Moment("while the database is migrated", lambda stack, _: runs(stack, "runtime/migrate.py"), kill),
    Moment("while the canary runs", lambda _, output: "canary-default creating" in output, interrupt_once),
]


@pytest.fixture(scope="module")
def interrupted(new_stack: NewStack) -> Iterator[Stack]:
    """Make a stack that was never up, on a host where nothing is installed."""
    with new_stack() as fresh:
        yield fresh


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
def test_up_goes_on_where_the_last_one_was_interrupted(interrupted: Stack, moment: Moment, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    up = interrupted.start(["make", "up"], interrupted.environment, log)

    def has_come() -> bool:
        assert up.poll() is None, f"`make up` ended before the moment {moment.name!r}:\n{log.read_text()}"
        return moment.has_come(interrupted, log.read_text())

    try:
        wait_until(has_come, moment.name, within=240)
    finally:
        moment.interrupt(up)
    assert up.wait(120) != 0, f"`make up` did not notice that it was interrupted:\n{log.read_text()}"


def test_the_next_up_completes_and_nothing_is_left_over(interrupted: Stack) -> None:
    interrupted.up()
    assert interrupted.outputs()["canaryRuns"] == {"default": "COMPLETED"}
    assert interrupted.preview() == {}
    assert "pending_operations" not in interrupted.state(), "Pulumi warns of interrupted operations for ever"
    attributes = list(interrupted.layout.state.rglob("*.attrs"))
    assert not attributes, "they are not replaced at once: no command opens a stack with one that a kill has cut off"
    assert set(interrupted.processes()) == {interrupted.supervisor(), *interrupted.services().values()}
    assert {path.name for path in interrupted.host.iterdir()} <= {
        "configuration",
        "data",
        "log",
        "run",
        "runtime",
        "tmp",
    }
