"""A plan has a fingerprint, by which an update refuses any other plan than the approved one."""

import pytest

from tests.policies.plans import plan, step
from tests.preview.stacks import changed_stack, new_stack
from toolchain.preview.__main__ import expect
from toolchain.preview.plan import read_plan


def test_the_same_plan_has_the_same_fingerprint_in_whatever_order() -> None:
    one, other = step("a:b:C", "one", {"x": 1}), step("a:b:C", "other", {"x": 2})
    assert read_plan(plan(one, other)).fingerprint == read_plan(plan(other, one)).fingerprint


def test_another_change_has_another_fingerprint() -> None:
    plans = [
        new_stack(),
        changed_stack(),
        changed_stack(pool_etl=("update", {"concurrency_limit": 5})),
        changed_stack(pool_etl=("update", {"concurrency_limit": 6})),
        changed_stack(pool_etl=("delete", {})),
    ]
    assert len({plan.fingerprint for plan in plans}) == len(plans)


def test_what_stays_is_none_of_it() -> None:
    changed = changed_stack(pool_etl=("update", {"concurrency_limit": 5}))
    fewer = type(changed)(changes=tuple(one for one in changed.changes if one.operation != "same"))
    assert changed.fingerprint == fewer.fingerprint


def test_only_the_approved_plan_is_let_pass(capsys: pytest.CaptureFixture[str]) -> None:
    approved = changed_stack(pool_etl=("update", {"concurrency_limit": 5}))

    assert expect(approved, approved.fingerprint) == 0
    assert expect(changed_stack(), approved.fingerprint) == 1
    assert "Nothing was done" in capsys.readouterr().err


def test_errors_of_the_program_are_kept() -> None:
    assert read_plan(plan(errors=("no such host\n",))).problems == ("no such host",)
