"""A task of Task Scheduler, as XML: pure values, none of them secret.

https://learn.microsoft.com/openspecs/windows_protocols/ms-tsch/0d6383e4-de92-43e7-b0bb-a60cfa36379f
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from components.platforms.contract import ScheduledTask
from components.platforms.windows_service import command_line, native

DAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
_DAY = f"({'|'.join(DAYS)})"
_HOUR, _MINUTE = "([01]?[0-9]|2[0-3])", "[0-5][0-9]"
SCHEDULE = rf"({_DAY}((\.\.|,){_DAY})* )?{_HOUR}(,{_HOUR})*:{_MINUTE}(:00)?"
"""What can be said of times here, of what systemd.time(7) can say."""

WEEKLY = "Mon 00:00"
"""What `weekly` is in systemd.time(7)."""

SYSTEM = "S-1-5-18"
"""The account of the system, by its SID. It has no password and no limits on this host."""

SLACK_SECONDS = 600
"""How much later than the program that looks after a task Task Scheduler ends it."""


def times(schedule: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the days of the week, none for every day, and the times of day, as `02:30:00`.

    Raises:
        ValueError: it is nothing that Task Scheduler can be told.
    """
    schedule = WEEKLY if schedule == "weekly" else schedule
    if not re.fullmatch(SCHEDULE, schedule):
        raise ValueError(f"{schedule!r} is no time that Task Scheduler can be told")
    days, _, clock = schedule.rpartition(" ")
    hours, minute = clock.split(":")[:2]
    return _days(days), tuple(f"{int(hour):02}:{minute}:00" for hour in hours.split(","))


def task_xml(task: ScheduledTask, command: Sequence[str]) -> str:
    """Return the definition of `task`, which runs `command` as the system; a missed run is made up for.

    Raises:
        ValueError: its schedule is nothing that Task Scheduler can be told.
    """
    program, *arguments = command
    root = ElementTree.Element("Task", version="1.2", xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task")
    _add(root, "RegistrationInfo", "Description").text = task.description
    triggers = _add(root, "Triggers")
    days, clocks = times(task.schedule)
    for clock in clocks:
        trigger = _add(triggers, "CalendarTrigger")
        # any day that is over: the time of day counts, on the clock of the host
        _add(trigger, "StartBoundary").text = f"2020-01-01T{clock}"
        _add(trigger, "Enabled").text = "true"
        _add(trigger, "RandomDelay").text = f"PT{task.random_delay_seconds}S"
        if days:
            week = _add(trigger, "ScheduleByWeek")
            _add(week, "WeeksInterval").text = "1"
            listed = _add(week, "DaysOfWeek")
            for day in days:
                _add(listed, day)
        else:
            _add(trigger, "ScheduleByDay", "DaysInterval").text = "1"
    principal = _add(root, "Principals", "Principal")
    principal.set("id", "System")
    _add(principal, "UserId").text = SYSTEM
    settings = _add(root, "Settings")
    for name, value in {
        "MultipleInstancesPolicy": "IgnoreNew",
        "DisallowStartIfOnBatteries": "false",
        "StopIfGoingOnBatteries": "false",
        "StartWhenAvailable": "true",
        "Enabled": "true",
        "ExecutionTimeLimit": f"PT{task.time_limit_seconds + SLACK_SECONDS}S",
    }.items():
        _add(settings, name).text = value
    actions = _add(root, "Actions")
    actions.set("Context", "System")
    action = _add(actions, "Exec")
    _add(action, "Command").text = program
    _add(action, "Arguments").text = command_line(arguments)
    ElementTree.indent(root)
    # Register-ScheduledTask is given a text, which Windows keeps in UTF-16 whatever the file is written in
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def command(runner: str, task: ScheduledTask) -> list[str]:
    """Return what Task Scheduler runs: PowerShell and `runner`, which looks after the program of `task`."""
    options = ["-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", native(runner)]
    alert = [word for program in task.on_failure for word in ("-on_failure", program)]
    return ["powershell.exe", *options, *alert, task.name, str(task.time_limit_seconds), *task.command]


def _add(parent: ElementTree.Element, *names: str) -> ElementTree.Element:
    for name in names:
        parent = ElementTree.SubElement(parent, name)
    return parent


def _days(text: str) -> tuple[str, ...]:
    names, found = list(DAYS), set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("..")
        start, count = names.index(first), (names.index(last or first) - names.index(first)) % 7
        found |= {names[(start + step) % 7] for step in range(count + 1)}
    return tuple(full for name, full in DAYS.items() if name in found)
