"""What a schedule may say, and when two are the same."""

from typing import Any

import pytest

from components.prefect_api import schedules


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "0 2 * * *"},
        {"cron": "@daily", "timezone": "Europe/Paris", "day_or": False, "active": False, "parameters": {"a": 1}},
        {"cron": "*/5 0-6 1,15 * MON-FRI"},
        {"interval": 0.5, "anchor_date": "2026-01-01T06:00:00+01:00", "timezone": "UTC"},
        {"rrule": "FREQ=WEEKLY;BYDAY=MO"},
        {"cron": "0 2 * * *", "interval": None, "timezone": None},
    ],
)
def test_a_good_one_has_no_problem(schedule: dict[str, Any]) -> None:
    assert [*schedules.problems(schedule)] == []


@pytest.mark.parametrize(
    ("schedule", "key"),
    [
        ({}, ""),
        ({"timezone": "UTC"}, ""),
        ({"cron": "0 2 * * *", "interval": 3}, ""),
        ({"cron": "0 2 * *"}, "cron"),
        ({"cron": "@sometimes"}, "cron"),
        ({"cron": 5}, "cron"),
        ({"interval": 0}, "interval"),
        ({"interval": True}, "interval"),
        ({"interval": "daily"}, "interval"),
        ({"interval": 60, "anchor_date": "2026-01-01"}, "anchor_date"),
        ({"interval": 60, "anchor_date": "soon"}, "anchor_date"),
        ({"interval": 60, "day_or": True}, "day_or"),
        ({"cron": "0 2 * * *", "anchor_date": "2026-01-01T00:00:00Z"}, "anchor_date"),
        ({"cron": "0 2 * * *", "timezone": "Europe/Atlantis"}, "timezone"),
    ],
)
def test_a_bad_one_has_the_key_named(schedule: dict[str, Any], key: str) -> None:
    assert [found for found, _ in schedules.problems(schedule)] == [key]


def test_a_machine_without_the_database_of_time_zones_leaves_them_to_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert [*schedules.problems({"cron": "0 2 * * *", "timezone": "Europe/Paris"})] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"cron": "@daily"}, {"cron": "@daily", "timezone": "UTC", "day_or": True, "active": True, "parameters": {}}),
        ({"interval": 60}, {"interval": 60.0, "anchor_date": schedules.ANCHOR}),
        (
            {"interval": 60, "anchor_date": "2026-01-01T01:00:00+01:00"},
            {"interval": 60, "anchor_date": "2026-01-01T00:00:00Z"},
        ),
    ],
)
def test_what_means_the_same_is_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert schedules.normal(one) == schedules.normal(other)
