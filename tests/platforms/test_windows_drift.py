"""What a Windows host is asked about what somebody may have changed: every file, every script that can tell."""

import hashlib
import json
import re
from typing import Any

import pytest

from components.platforms import GivenFile, HostFile, LastRun, Windows, WindowsPrograms
from components.platforms.powershell import PLACE
from tests.platforms.windows_transport import function_of, read

WINDOWS = Windows(
    "D:/Prefect",
    WindowsPrograms(python="C:/Python/python.exe", wrapper=GivenFile(path="C:/shawl.exe", sha256="ab" * 32)),
)

ONCE = {
    *("preflight", "measure-memory", "backup-database", "migrate-prefect-database", "drain-worker"),
    *("create-postgresql-cluster", "set-postgresql-password"),
}
"""Scripts that only look, do something once, hold data, or, of a password, cannot tell it without trying it."""


def script_run(script: str, times: int = 0, **settings: str) -> LastRun:
    create = WINDOWS.script(script).repaired(times).create
    return LastRun(name=script, create=create, stdin=WINDOWS.payload(script, settings))


def asked(*runs: LastRun) -> tuple[dict[str, Any], list[str]]:
    """Return the things that the host is to look at, and the texts of scripts."""
    question = WINDOWS.drift(runs)
    assert function_of(question.command) == "drift"
    settings = read(question.stdin.encode("ascii")).settings
    return json.loads(settings["things"]), json.loads(settings["scripts"])


@pytest.mark.parametrize("times", [0, 7])
def test_a_file_by_the_hash_of_its_content_and_who_may_read_it(times: int) -> None:
    file = HostFile(path="D:/a b", content="", mode="0600")
    run = LastRun(
        name="a", create=WINDOWS.file(file).repaired(times).create, stdin=WINDOWS.file_payload(file, "sécret")
    )
    sha256 = hashlib.sha256("sécret".encode()).hexdigest()
    assert asked(run) == ({"a": {"path": "D:/a b", "readers": "", "sha256": sha256}}, [])


def test_the_content_of_a_file_does_not_travel() -> None:
    file = HostFile(path="D:/a", content="")
    run = LastRun(name="a", create=WINDOWS.file(file).create, stdin=WINDOWS.file_payload(file, "content-of-a-file"))
    assert "content-of-a-file" not in WINDOWS.drift([run]).stdin


@pytest.mark.parametrize("times", [0, 7])
def test_a_script_as_it_was_run(times: int) -> None:
    run = script_run("firewall", times, openings="tcp:443")
    things, scripts = asked(run)
    assert things["firewall"]["settings"].items() >= {"openings": "tcp:443", "root": "D:/Prefect"}.items()
    assert scripts[things["firewall"]["script"]] == read(run.stdin.encode()).script


def test_the_text_of_a_script_travels_once_however_often_it_was_run() -> None:
    runs = [
        LastRun(name=f"worker-{number}", create="c", stdin=WINDOWS.payload("service", {"service": f"w{number}"}))
        for number in range(100)
    ]
    things, scripts = asked(*runs)
    assert (len(things), len(scripts)) == (100, 1)
    assert len(WINDOWS.drift(runs).stdin) < 2_000_000


def test_what_knows_no_drift_is_not_asked() -> None:
    assert asked(script_run("preflight"), LastRun(name="other", create="true", stdin="text")) == ({}, [])


@pytest.mark.parametrize("path", sorted(PLACE.glob("*.ps1")), ids=lambda path: path.stem)
def test_every_script_that_leaves_something_declared_knows_drift(path: Any) -> None:
    knows = bool(re.search(r"^function drift\b", path.read_text(), re.MULTILINE))
    assert knows == (path.stem not in {*ONCE, "bootstrap", "prelude", "file"})
