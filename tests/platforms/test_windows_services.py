"""Windows services, told by their definitions: accounts, command lines, what they may write."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.platforms import GivenFile, Service, Windows, WindowsPrograms
from components.platforms.windows_service import account, command_line, service_sid

WINDOWS = Windows(
    "D:/Prefect",
    WindowsPrograms(python="C:/Python/python.exe", wrapper=GivenFile(path="C:/shawl.exe", sha256="AB" * 32)),
)

SERVICE = Service(
    name="prefect-server",
    description="Prefect server: API, UI and background services",
    command=(WINDOWS.current("prefect-server"), "-m", "prefect", "server", "start"),
    user="prefect",
    working_directory=WINDOWS.path("data", "prefect"),
    runtime_directory=WINDOWS.path("run", "ui"),
    health_url="http://127.0.0.1:4200/api/ready",
    environment_files=("D:/Prefect/configuration/a.env", "D:/Prefect/configuration/b.env"),
    after=("prefect-postgresql",),
    stop_seconds=30,
)


def definition(service: Service = SERVICE) -> dict[str, Any]:
    return dict(json.loads(WINDOWS.service_definition(service).content))


def split(line: str) -> list[str]:
    """Split a command line as Microsoft's C library does, from what its documentation says.

    https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments
    """
    arguments, current, quoted, started = [], "", False, False
    for backslashes, character in re.findall(r"(\\*)(.?)", line, re.DOTALL):
        if character == '"':
            current += "\\" * (len(backslashes) // 2)
            started = True
            if len(backslashes) % 2:
                current += '"'
            else:
                quoted = not quoted
            continue
        current += backslashes
        started = started or bool(backslashes)
        if character in " \t" and character and not quoted:
            if started:
                arguments.append(current)
            current, started = "", False
        elif character:
            current += character
            started = True
    return [*arguments, current] if started else arguments


class TestSids:
    @pytest.mark.parametrize(
        ("service", "sid"),
        [
            # published: https://learn.microsoft.com/en-us/windows-server/identity/ad-ds/manage/understand-security-identifiers
            ("TrustedInstaller", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"),
            ("trustedinstaller", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"),
            ("MSSQLSERVER", "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"),
        ],
    )
    def test_they_are_those_that_windows_gives(self, service: str, sid: str) -> None:
        assert service_sid(service) == sid

    @given(st.text(st.characters(codec="ascii", categories=["L", "N", "Pd"]), min_size=1, max_size=80))
    def test_they_are_well_formed_and_do_not_depend_on_case(self, service: str) -> None:
        sid = service_sid(service)
        assert re.fullmatch(r"S-1-5-80(-\d{1,10}){5}", sid)
        assert all(int(part) < 2**32 for part in sid.split("-")[4:])
        assert service_sid(service.swapcase()) == sid

    def test_the_account_is_named_after_the_service(self) -> None:
        assert account("prefect-server") == r"NT SERVICE\prefect-server"


class TestCommandLines:
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%\r\n\0")), max_size=6))
    @example(["C:\\Program Files\\a\\", "-x", '"', '\\"', "a\\\\", "", "two words\\"])
    def test_a_program_finds_the_arguments_that_were_meant(self, arguments: list[str]) -> None:
        assert split(command_line(["shawl.exe", *arguments])) == ["shawl.exe", *arguments]

    @pytest.mark.parametrize("argument", ["%PATH%", "50%", "two\nlines", "nul\0", "cr\r"])
    def test_what_the_service_control_manager_would_change_is_refused(self, argument: str) -> None:
        with pytest.raises(ValueError, match="cannot be in the command line of a Windows service"):
            command_line(["shawl.exe", argument])


class TestDefinition:
    def test_it_is_a_file_that_everybody_may_read(self) -> None:
        file = WINDOWS.service_definition(SERVICE)
        assert file.path == "D:/Prefect/configuration/services/prefect-server.json"
        assert (file.mode, file.owner, file.service) == ("0644", "root", "")

    def test_shawl_runs_the_program_with_its_environment(self) -> None:
        arguments = split(definition()["image_path"])
        own, program = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
        assert own[:2] == ["D:\\Prefect\\runtime\\shawl-abababab.exe", "run"]
        assert program == [
            "D:/Prefect/runtime/current/prefect-server/Scripts/python.exe",
            *("-X", "utf8", "-u", "D:/Prefect/runtime/launch.py"),
            *("D:/Prefect/configuration/a.env", "D:/Prefect/configuration/b.env", "--"),
            *("-m", "prefect", "server", "start"),
        ]

    def test_a_program_that_reads_no_environment_is_run_itself(self) -> None:
        command = (WINDOWS.postgresql("postgres"), "-D", "D:/Prefect/configuration/postgresql")
        arguments = split(definition(replace(SERVICE, command=command, environment_files=()))["image_path"])
        assert arguments[arguments.index("--") + 1 :] == [
            "D:/Prefect/runtime/postgresql/bin/postgres.exe",
            *command[1:],
        ]

    def test_it_has_as_long_to_stop_as_the_service_says(self) -> None:
        arguments = split(definition()["image_path"])
        assert arguments[arguments.index("--stop-timeout") + 1] == "30000"
        assert definition()["stop_seconds"] == 30

    def test_a_program_that_a_signal_would_hurt_is_told_by_a_file(self) -> None:
        assert definition()["stop_file"] == ""
        file = WINDOWS.stop_file("prefect-worker-default")
        assert file == "D:/Prefect/run/prefect-worker-default.stop"
        assert definition(replace(SERVICE, stop_file=file))["stop_file"] == file

    def test_it_runs_as_an_account_of_its_own_that_writes_where_it_must(self) -> None:
        found = definition()
        assert found["account"] == r"NT SERVICE\prefect-server"
        assert found["sid"] == service_sid("prefect-server")
        assert found["writes"] == ["D:/Prefect/data/prefect", "D:/Prefect/run/ui", "D:/Prefect/log/prefect-server"]

    def test_no_service_stops_because_another_one_is_restarted(self) -> None:
        assert "prefect-postgresql" not in WINDOWS.service_definition(SERVICE).content

    def test_another_shawl_stands_beside_the_one_that_runs(self) -> None:
        other = Windows("D:/Prefect", WindowsPrograms(python="p", wrapper=GivenFile(path="s", sha256="cd" * 32)))
        assert other.wrapper != WINDOWS.wrapper


@pytest.mark.parametrize(
    ("programs", "told"),
    [
        (
            {"postgresql": GivenFile(path="D:/offline/postgresql.zip", sha256="CD" * 32)},
            ("D:/offline/postgresql.zip", "CD" * 32, "D:/Prefect/runtime/postgresql-cdcdcdcd"),
        ),
        ({"postgresql_directory": "C:/Program Files/PostgreSQL/17"}, ("", "", "C:/Program Files/PostgreSQL/17")),
        ({}, ("", "", "")),
    ],
    ids=["archive", "installed", "none"],
)
def test_every_script_may_ask_where_postgresql_comes_from(programs: dict[str, Any], told: tuple[str, ...]) -> None:
    platform = Windows(
        "D:/Prefect", WindowsPrograms(wrapper=GivenFile(path="C:/shawl.exe", sha256="AB" * 32), **programs)
    )
    settings = json.loads(platform.payload("install-postgresql", {}))["settings"]
    names = ("postgresql_archive", "postgresql_archive_sha256", "postgresql_programs")
    assert tuple(settings[name] for name in names) == told
