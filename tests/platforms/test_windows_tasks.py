"""Scheduled tasks on Windows: when they run, as whom, and what."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.platforms import GivenFile, ScheduledTask, Windows, WindowsPrograms
from components.platforms.windows_task import DAYS, times

WINDOWS = Windows("D:/Prefect", WindowsPrograms(wrapper=GivenFile(path="C:/shawl.exe", sha256="ab" * 32)))
TASK = ScheduledTask(
    name="prefect-backup",
    description="Prefect database: backup & more",
    command=(WINDOWS.program("backup-prefect").path,),
    user="postgres",
    schedule="02:30",
    random_delay_seconds=900,
    time_limit_seconds=43200,
    on_failure=(WINDOWS.program("send-alert").path,),
)
NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def definition(task: ScheduledTask = TASK) -> ElementTree.Element:
    (file,) = WINDOWS.task_definitions(task).values()
    assert file.path == "D:/Prefect/configuration/tasks/prefect-backup.xml"
    # as Register-ScheduledTask gets it: a text, whatever it says of its encoding
    return ElementTree.fromstring(file.content.partition("\n")[2])  # noqa: S314 - our own


def values(task: ScheduledTask, name: str) -> list[str | None]:
    return [element.text for element in definition(task).iter(f"{NAMESPACE}{name}")]


def order(element: ElementTree.Element) -> list[str]:
    return [child.tag.removeprefix(NAMESPACE) for child in element]


class TestTimes:
    @pytest.mark.parametrize(
        ("schedule", "days", "clocks"),
        [
            ("02:30", (), ("02:30:00",)),
            ("2:30:00", (), ("02:30:00",)),
            ("00,06,12,18:15", (), ("00:15:00", "06:15:00", "12:15:00", "18:15:00")),
            ("Sun 04:30", ("Sunday",), ("04:30:00",)),
            ("weekly", ("Monday",), ("00:00:00",)),
            ("Mon,Wed 23:59", ("Monday", "Wednesday"), ("23:59:00",)),
            ("Fri..Mon 01:00", ("Monday", "Friday", "Saturday", "Sunday"), ("01:00:00",)),
        ],
    )
    def test_they_are_those_of_systemd(self, schedule: str, days: tuple[str, ...], clocks: tuple[str, ...]) -> None:
        assert times(schedule) == (days, clocks)

    @pytest.mark.parametrize(
        "schedule", ["monthly", "*:0/15", "24:00", "02:60", "Mon", "Mon Tue 02:30", "*-*-01 02:30"]
    )
    def test_what_task_scheduler_cannot_be_told_is_refused(self, schedule: str) -> None:
        with pytest.raises(ValueError, match="no time that Task Scheduler can be told"):
            times(schedule)

    @given(st.sampled_from(sorted(DAYS)), st.sampled_from(sorted(DAYS)))
    def test_a_range_of_days_has_its_ends(self, first: str, last: str) -> None:
        assert {DAYS[first], DAYS[last]} <= {*times(f"{first}..{last} 00:00")[0]}


class TestDefinition:
    def test_it_runs_as_the_system_which_has_no_password(self) -> None:
        assert values(TASK, "UserId") == ["S-1-5-18"]

    def test_its_program_is_looked_after(self) -> None:
        assert values(TASK, "Command") == ["powershell.exe"]
        (arguments,) = values(TASK, "Arguments")
        assert arguments
        assert arguments.split()[-7:] == [
            *("-File", "D:\\Prefect\\runtime\\bin\\run-task.ps1"),
            *("-on_failure", "D:/Prefect/runtime/bin/send-alert.ps1"),
            *("prefect-backup", "43200", "D:/Prefect/runtime/bin/backup-prefect.ps1"),
        ]

    def test_its_program_gets_its_arguments(self) -> None:
        program = WINDOWS.program("issue-certificate").path
        renewal = replace(TASK, command=(program, "D:/a b", "prefect-postgresql", "10.0.0.5"), on_failure=())
        (arguments,) = values(renewal, "Arguments")
        assert arguments
        assert arguments.endswith(f' prefect-backup 43200 {program} "D:/a b" prefect-postgresql 10.0.0.5')

    def test_task_scheduler_ends_it_later_than_what_looks_after_it(self) -> None:
        assert values(TASK, "ExecutionTimeLimit") == ["PT43800S"]

    def test_a_missed_run_is_made_up_for_and_none_runs_beside_another(self) -> None:
        assert values(TASK, "StartWhenAvailable") == ["true"]
        assert values(TASK, "MultipleInstancesPolicy") == ["IgnoreNew"]

    def test_its_parts_are_in_the_order_of_the_schema(self) -> None:
        for schedule, kind in (("02:30", "ScheduleByDay"), ("Sun 02:30", "ScheduleByWeek")):
            root = definition(replace(TASK, schedule=schedule))
            assert order(root) == ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"]
            (trigger,) = root.iter(f"{NAMESPACE}CalendarTrigger")
            assert order(trigger) == ["StartBoundary", "Enabled", "RandomDelay", kind]

    def test_there_is_a_trigger_for_each_time_of_day(self) -> None:
        assert values(replace(TASK, schedule="Sun 00,12:15"), "StartBoundary") == [
            "2020-01-01T00:15:00",
            "2020-01-01T12:15:00",
        ]
