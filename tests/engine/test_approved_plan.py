"""`make up PLAN=FINGERPRINT` does what was approved, all of it, and nothing else."""

from collections.abc import Iterator

import pytest

from tests.engine.stack import Stack

DESCRIPTION = "workPools.default.description"


@pytest.fixture
def edited(stack: Stack) -> Iterator[Stack]:
    """Give the stack, whose file is put back afterwards as it was applied."""
    file = stack.layout.root / f"Pulumi.{stack.name}.yaml"
    text = file.read_text()
    yield stack
    file.write_text(text)


def approve(stack: Stack) -> str:
    """Return the fingerprint of the plan that `make preview` shows."""
    printed = stack.make("preview").output
    fingerprint = (stack.layout.local / "preview" / stack.name / "fingerprint").read_text().strip()
    assert f"Plan      {fingerprint}" in printed
    return fingerprint


def description(stack: Stack) -> str | None:
    """Return what the work pool says of itself."""
    with stack.api() as client:
        found: str | None = client.request("GET", "/work_pools/default")["description"]
    return found


def test_the_approved_plan_is_brought_to_its_end(stack: Stack) -> None:
    # restarts the server, whose step holds what a plan does not know
    stack.config_set("server.settings.PREFECT_SERVER_EVENTS_RETENTION_PERIOD", "P6D")
    stack.config_set(DESCRIPTION, "approved")
    before = stack.services()["prefect-server"]

    output = stack.make("up", f"PLAN={approve(stack)}").output

    assert "Canary run   default COMPLETED" in output
    assert description(stack) == "approved"
    assert stack.services()["prefect-server"] != before
    stack.expect_no_changes()


def test_another_plan_than_the_approved_one_is_refused_before_anything_is_done(edited: Stack) -> None:
    edited.config_set(DESCRIPTION, "approved then")
    approved, there = approve(edited), description(edited)
    edited.config_set(DESCRIPTION, "somebody's")

    output = edited.make("up", f"PLAN={approved}", expect=2).output

    assert f"but {approved} was approved" in output
    assert "Nothing was done. Look at it again: make preview" in output
    assert description(edited) == there


def test_pulumi_refuses_a_plan_that_changes_after_it_was_compared(edited: Stack) -> None:
    edited.config_set(DESCRIPTION, "approved then")
    approve(edited)
    there = description(edited)
    edited.config_set(DESCRIPTION, "somebody's")
    plan = edited.layout.local / "preview" / edited.name / "plan.json"

    ended = edited.pulumi("up", "--yes", "--skip-preview", "--plan", str(plan), expect=None)

    assert ended.status != 0
    assert "violates plan" in ended.output
    assert description(edited) == there


def test_no_other_user_may_read_the_plan(edited: Stack) -> None:
    approve(edited)
    directory = edited.layout.local / "preview" / edited.name
    assert directory.stat().st_mode & 0o077 == 0
    assert edited.shown_secrets((directory / "plan.json").read_text()) == set()
