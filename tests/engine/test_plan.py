"""`make up PLAN=FINGERPRINT` does what was approved, all of it, and nothing else."""

from tests.engine.stack import Stack

LIMIT = "workPools.default.concurrencyLimit"


def approve(stack: Stack) -> str:
    """Return the fingerprint of the plan that `make preview` shows."""
    printed = stack.make("preview").output
    fingerprint = (stack.layout.local / "preview" / stack.name / "fingerprint").read_text().strip()
    assert f"Plan      {fingerprint}" in printed
    return fingerprint


def limit(stack: Stack) -> int | None:
    """Return how many flow runs the work pool lets run at once."""
    with stack.api() as client:
        found: int | None = client.request("GET", "/work_pools/default")["concurrency_limit"]
    return found


def test_the_approved_plan_is_brought_to_its_end(stack: Stack) -> None:
    stack.config_set("server.logLevel", "DEBUG")  # restarts the server, whose step holds what a plan does not know
    stack.config_set(LIMIT, "7")
    before = stack.services()["prefect-server"]

    output = stack.make("up", f"PLAN={approve(stack)}").output

    assert "Canary run   default COMPLETED" in output
    assert limit(stack) == 7
    assert stack.services()["prefect-server"] != before
    stack.expect_no_changes()


def test_another_plan_than_the_approved_one_is_refused_before_anything_is_done(stack: Stack) -> None:
    stack.config_set(LIMIT, "8")
    approved, there = approve(stack), limit(stack)
    stack.config_set(LIMIT, "9")

    output = stack.make("up", f"PLAN={approved}", expect=2).output

    assert f"but {approved} was approved" in output
    assert "Nothing was done. Look at it again: make preview" in output
    assert limit(stack) == there


def test_pulumi_refuses_a_plan_that_changes_after_it_was_compared(stack: Stack) -> None:
    stack.config_set(LIMIT, "8")
    approve(stack)
    there = limit(stack)
    stack.config_set(LIMIT, "9")
    plan = stack.layout.local / "preview" / stack.name / "plan.json"

    ended = stack.pulumi("up", "--yes", "--skip-preview", "--plan", str(plan), expect=None)

    assert ended.status != 0
    assert "violates plan" in ended.output
    assert limit(stack) == there


def test_no_other_user_may_read_the_plan(stack: Stack) -> None:
    approve(stack)
    directory = stack.layout.local / "preview" / stack.name
    assert directory.stat().st_mode & 0o077 == 0
    assert stack.shown_secrets((directory / "plan.json").read_text()) == set()
