"""Schedules of deployments: https://docs.prefect.io/v3/concepts/schedules.

A schedule is a table with one of `cron`, `interval` (seconds) or `rrule`, and maybe `timezone`, `day_or` (of cron),
`anchor_date` (of an interval), `active` and `parameters`. Each has a slug, by which it is found again.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from components.prefect_api.client import PrefectClient

KINDS = ("cron", "interval", "rrule")
"""What says when: a schedule has one of them."""
ANCHOR = "2020-01-01T00:00:00Z"
"""From when intervals count unless the schedule says so: a fixed moment, so that nothing moves by an update."""

# which the server writes before a rule that has none: prefect.server.schemas.schedules (3.8.8)
_START = "DTSTART:20200101T000000"
_OF_KIND = {"cron": {"timezone", "day_or"}, "interval": {"timezone", "anchor_date"}, "rrule": {"timezone"}}
_ALIASES = "@(yearly|annually|monthly|weekly|daily|midnight|hourly)"
_CRON = re.compile(rf"{_ALIASES}|[^\s@]+( +[^\s@]+){{4,5}}")


def problems(schedule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what of a schedule the server would refuse: a key of it, empty for the whole, and what it must be."""
    kinds = [kind for kind in KINDS if schedule.get(kind) is not None]
    if len(kinds) != 1:
        yield "", f"exactly one of {', '.join(KINDS)}"
        return
    for key in sorted(schedule.keys() - {*kinds, *_OF_KIND[kinds[0]], "active", "parameters"}):
        if schedule[key] is not None:
            yield key, f"nothing beside {kinds[0]}"
    for key, rule in _RULES.items():
        if schedule.get(key) is not None and not rule(schedule[key]):
            yield key, ALLOWED[key]


ALLOWED = {
    "cron": "a cron expression of five fields, such as 0 2 * * *",
    "interval": "a number of seconds above 0",
    "timezone": "a time zone of the IANA database, such as Europe/Paris",
    "anchor_date": "a date and time with its offset, such as 2026-01-01T06:00:00+01:00",
    "rrule": "a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO",
    "day_or": "true or false",
    "active": "true or false",
    "parameters": "a table of parameters",
}
"""What each key must be."""


def normal(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schedule with all that it leaves to defaults, so that equal ones are equal."""
    kind = next(kind for kind in KINDS if schedule.get(kind) is not None)
    given = {key: value for key, value in schedule.items() if value is not None}
    defaults: dict[str, Any] = {"active": True, "parameters": {}, "timezone": "UTC"}
    if kind == "cron":
        defaults["day_or"] = True
    if kind == "interval":
        given = {**given, "interval": float(given["interval"]), "anchor_date": _moment(given.get("anchor_date"))}
    if kind == "rrule" and "DTSTART" not in given["rrule"]:
        given = {**given, "rrule": f"{_START}\n{given['rrule']}"}
    return {**defaults, **given}


def declared(deployment: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the schedules of a deployment, as the server describes it, by slug; by id where there is none."""
    return {
        schedule["slug"] or schedule["id"]: normal(
            {**schedule["schedule"], "active": schedule["active"], "parameters": schedule["parameters"]}
        )
        for schedule in deployment["schedules"]
    }


def body(slug: str, schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Give a normal schedule as the server wants it."""
    when = {key: value for key, value in schedule.items() if key not in {"active", "parameters"}}
    return {"slug": slug, "schedule": when, "active": schedule["active"], "parameters": schedule["parameters"]}


def replace(client: PrefectClient, deployment: Mapping[str, Any], wished: Mapping[str, Mapping[str, Any]]) -> None:
    """Bring the schedules of a deployment, as the server describes it, to the wished ones, each in place."""
    path = f"/deployments/{deployment['id']}/schedules"
    live = declared(deployment)
    ids = {schedule["slug"] or schedule["id"]: schedule["id"] for schedule in deployment["schedules"]}
    for slug in sorted(live.keys() - wished.keys()):
        client.remove(f"{path}/{ids[slug]}")
    for slug, schedule in wished.items():
        if slug not in live:
            # the server refuses a second of the same slug, so that repeating it makes no other
            client.request("POST", path, [body(slug, schedule)])
        elif live[slug] != schedule:
            client.request("PATCH", f"{path}/{ids[slug]}", body(slug, schedule))


def _is_cron(text: object) -> bool:
    return isinstance(text, str) and _CRON.fullmatch(text) is not None


def _is_interval(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0


def _is_timezone(name: object) -> bool:
    known = zoneinfo.available_timezones()
    # a machine without the database knows none, and leaves it to the server
    return isinstance(name, str) and (not known or name in known)


def _is_moment(text: object) -> bool:
    try:
        return isinstance(text, str) and datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


def _moment(text: str | None) -> str:
    moment = datetime.fromisoformat((text or ANCHOR).replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


_RULES: dict[str, Callable[[object], bool]] = {
    "cron": _is_cron,
    "interval": _is_interval,
    "rrule": lambda value: isinstance(value, str) and bool(value),
    "timezone": _is_timezone,
    "day_or": lambda value: isinstance(value, bool),
    "anchor_date": _is_moment,
    "active": lambda value: isinstance(value, bool),
    "parameters": lambda value: isinstance(value, Mapping),
}
