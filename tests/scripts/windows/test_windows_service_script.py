"""A service on Windows made, started again when it must be, and explained when it does not start. Windows is played."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

SERVICE = "prefect-server"


def ended(tmp_path: Path, function: str = "create", *, before: str = "", account: str = "", **settings: str) -> Ended:
    """Run the script with a definition as components/platforms/windows_service.py writes it; `account` is another."""
    definition: dict[str, Any] = {
        "description": "Prefect server",
        "image_path": "D:\\Prefect\\runtime\\shawl.exe run --name prefect-server",
        "account": account or f"NT SERVICE\\{SERVICE}",
        "sid": "" if account else "S-1-5-80-1-2-3-4-5",
        "environment_files": [f"{tmp_path.as_posix()}/configuration/a.env"],
        "writes": [f"{tmp_path.as_posix()}/data"],
        "log_directory": str(tmp_path / "log" / SERVICE),
        "stop_seconds": 1,
        "stop_file": "",
    }
    place = tmp_path / "configuration" / "services"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{SERVICE}.json").write_text(json.dumps(definition))
    given = {"service": SERVICE, "environment": "", "health_url": "", "start_seconds": "2", "settle_seconds": "0"}
    return run("service", tmp_path, {**given, "fingerprint": "one", "changes": "", **settings}, function, before=before)


def log(tmp_path: Path, text: str) -> None:
    (tmp_path / "log" / SERVICE).mkdir(parents=True)
    (tmp_path / "log" / SERVICE / "shawl.log").write_text(text)


def test_it_is_made_once_and_then_left_alone(tmp_path: Path) -> None:
    found = ended(tmp_path, "twice")
    assert found.lines == [f"changed: {SERVICE} started and is healthy", f"unchanged: {SERVICE} runs and is healthy"]
    assert found.calls.count("New-Service") == 1
    assert found.calls.count("Start-Service") == 1


def test_its_recovery_is_told_to_windows(tmp_path: Path) -> None:
    calls = ended(tmp_path).calls
    assert f"sc.exe config {SERVICE} obj= NT SERVICE\\{SERVICE}" in calls
    assert f"sc.exe failureflag {SERVICE} 1" in calls


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (5, "may not read the program"),
        (1053, "did not answer Windows within 30 s"),
        (1057, "Windows does not know its account"),
        (1069, "could not log on"),
        (1072, "marked for deletion"),
        (1260, "AppLocker"),
    ],
)
def test_what_windows_says_by_a_number_is_said_in_words(code: int, told: str, tmp_path: Path) -> None:
    found = ended(tmp_path, before=f"$world.fails_with = {code}")
    assert found.status == 1
    assert told in found.errors


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Process exited with code -1073741515", "Visual C++ runtime"),
        ("Unable to launch command: The system cannot find the path specified. (os error 3)", "not whole"),
        ("[Errno 10013] error while attempting to bind on address", "Windows keeps its port"),
        ("UnicodeEncodeError: 'charmap' codec can't encode", "PYTHONUTF8"),
        ("[Errno 10048] error while attempting to bind on address", "Its port is taken"),
        ("[WinError 206] The filename or extension is too long", "path is too long"),
        ("ConnectionRefusedError: [WinError 1225]", "What it needs does not answer"),
    ],
)
def test_what_stands_in_the_log_is_explained(line: str, told: str, tmp_path: Path) -> None:
    log(tmp_path, line)
    found = ended(tmp_path, before="$world.exits = $true")
    assert found.status == 1
    assert told in found.errors
    assert line in found.errors


def test_it_is_removed_and_may_be_gone_already(tmp_path: Path) -> None:
    found = ended(tmp_path, "delete_after_create")
    assert found.lines[-2:] == [f"changed: stopped {SERVICE}", f"unchanged: {SERVICE} is not there"]


def test_one_that_windows_keeps_is_told(tmp_path: Path) -> None:
    found = ended(tmp_path, "delete_after_create", before="$world.keeps = $true")
    assert "marked for deletion" in found.errors


PASSWORD = "its-password-5f1c"
RUNS = """
create
$world.shows_access = $true
$definition_file = "$configuration/services/$service.json"
"""
"""What happened before: the service was made, as its own account."""

MOVE = r"""
$definition = Get-Definition $service
$definition.account, $definition.sid = 'CORP\svc-prefect', ''
Write-File $definition_file (ConvertTo-Json $definition)
$password, $fingerprint = 'its-password-5f1c', 'two'
"""
"""The stack now has another account."""


CANNOT_LOG_ON = """
${function:Start-TheService} = ${function:Start-Service}
function Start-Service($Name) {
    $world.fails_with = if ($world.services[$Name].StartName -like 'CORP*') { 1069 } else { 0 }
    Start-TheService $Name
}
"""


def lived(tmp_path: Path, *steps: str, **settings: str) -> Ended:
    """Run the script with this `function told`, whose steps change the world and what is wished."""
    told = "\n".join(("function told {", RUNS, "[Console]::Out.WriteLine('call: then')", *steps, "create", "}"))
    return ended(tmp_path, "told", before=told, **settings)


def after(calls: str) -> list[str]:
    """Return what was called when the service was there."""
    return calls.partition("then\n")[2].splitlines()


class TestAccounts:
    def test_a_password_goes_by_no_command_line(self, tmp_path: Path) -> None:
        found = ended(tmp_path, account="CORP\\svc-prefect", password=PASSWORD)
        assert found.lines == [f"changed: {SERVICE} started and is healthy"]
        assert {"Change StartName", "Change StartPassword"} <= set(found.calls.splitlines())
        assert "obj=" not in found.calls
        assert PASSWORD not in found.calls + found.errors

    def test_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        found = ended(tmp_path, "twice", account="CORP\\svc-prefect", password=PASSWORD)
        assert [line.partition(":")[0] for line in found.lines] == ["changed", "unchanged"]
        assert found.calls.count("Change StartPassword") == 1
        assert found.calls.count("Start-Service") == 1

    def test_a_managed_one_has_no_password_and_windows_is_told_that_it_is_managed(self, tmp_path: Path) -> None:
        calls = ended(tmp_path, account="CORP\\svc-prefect$").calls
        assert f"sc.exe config {SERVICE} obj= CORP\\svc-prefect$\nsc.exe managedaccount {SERVICE} true" in calls
        assert "StartPassword" not in calls

    def test_one_that_is_changed_is_given_access_first_and_the_one_before_loses_it_last(self, tmp_path: Path) -> None:
        found = lived(tmp_path, MOVE)
        assert found.errors == ""
        own = f"SID(NT SERVICE\\{SERVICE})"
        assert [call for call in after(found.calls) if not call.startswith("sc.exe")] == [
            *("data+SID(CORP\\svc-prefect)", "Change StartName", "Change StartPassword"),
            *("Change PathName", "Change StartMode", "Stop-Service", "Start-Service"),
            *(f"data-{own}", f"configuration/a.env-{own}"),
        ]

    def test_another_password_is_used_from_a_start_that_follows(self, tmp_path: Path) -> None:
        another = "$password, $fingerprint = 'another-password', 'two'"
        found = lived(tmp_path, another, account="CORP\\svc-prefect", password=PASSWORD)
        calls = after(found.calls)
        assert calls.index("Change StartPassword") < calls.index("Stop-Service") < calls.index("Start-Service")
        assert not any(call.startswith("data-") for call in calls)

    @pytest.mark.parametrize(
        ("answer", "told"), [(22, "does not take its account"), (16, "marked for deletion"), (2, "SSH user may not")]
    )
    def test_what_windows_refuses_stops_nothing(self, answer: int, told: str, tmp_path: Path) -> None:
        found = lived(tmp_path, f"$world.change_answers = {answer}", MOVE)
        assert found.status == 1
        assert f"Win32_Service.Change returned {answer}" in found.errors
        assert told in found.errors
        assert not {"Stop-Service", "Start-Service"} & set(after(found.calls))

    def test_one_that_cannot_be_given_leaves_no_service_that_runs_as_the_system(self, tmp_path: Path) -> None:
        told = "function told { try { create } catch { Write-Line $world.services[$service].StartMode } }"
        before = f"$world.change_answers = 22\n{told}"
        found = ended(tmp_path, "told", before=before, account="CORP\\svc-prefect", password=PASSWORD)
        assert found.lines == ["Manual"]

    def test_where_it_does_not_start_as_another_one_it_serves_again_as_the_one_before(self, tmp_path: Path) -> None:
        found = lived(tmp_path, CANNOT_LOG_ON, MOVE)
        assert found.status == 1
        assert "its password is another one by now" in found.errors
        assert f"It serves again as NT SERVICE\\{SERVICE}." in found.errors
        assert f"configuration/a.env+SID(NT SERVICE\\{SERVICE})" in after(found.calls)
        assert "data-SID(CORP\\svc-prefect)" in after(found.calls)
        assert f"sc.exe config {SERVICE} obj= NT SERVICE\\{SERVICE}" in after(found.calls)
