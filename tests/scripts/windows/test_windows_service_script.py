"""A service on Windows made, started again when it must be, and explained when it does not start. Windows is played."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

SERVICE = "prefect-server"


def ended(tmp_path: Path, function: str = "create", *, before: str = "", **settings: str) -> Ended:
    """Run the script with a definition as components/platforms/windows_service.py writes it."""
    definition: dict[str, Any] = {
        "description": "Prefect server",
        "image_path": "D:\\Prefect\\runtime\\shawl.exe run --name prefect-server",
        "account": f"NT SERVICE\\{SERVICE}",
        "sid": "S-1-5-80-1-2-3-4-5",
        "writes": [str(tmp_path / "data")],
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
