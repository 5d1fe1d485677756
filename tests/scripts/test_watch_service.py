"""The watchdog's check, against a service that answers, does not, or lacks what it needs."""

import runpy
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from components.platforms import SCRIPTS
from tests.prefect_api.fake_server import Answer, FakeServer

NOBODY = "http://127.0.0.1:1/api/ready"


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], str]:
    """Check a service with these addresses, after a second and not minutes; return what systemctl was asked for."""
    asked = tmp_path / "asked"
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ "$1" != is-active ] || exec test ! -e {tmp_path}/off\necho "$@" >>{asked}\n')
    systemctl.chmod(0o755)
    asked.touch()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("sys.argv", ["watch-service", "prefect-server"])

    def check(health_url: str, requires_url: str) -> str:
        unit = tmp_path / "prefect-server.service"
        unit.write_text(
            "[Unit]\nAfter=a.service\nAfter=b.service\n[Service]\nExecStart=/bin/echo 100%\n"
            f"[X-Prefect]\nHealthUrl={health_url}\nRequiresUrl={requires_url}\n"
        )
        program = runpy.run_path(str(SCRIPTS / "linux" / "programs" / "watch-service.py"))
        main = program["main"]
        main.__globals__.update(UNITS=tmp_path, DEAD_AFTER_SECONDS=1, PAUSE_SECONDS=0.2)
        main()
        return asked.read_text()

    return check


@contextmanager
def answering(*statuses: int) -> Iterator[str]:
    """Answer with each status in turn, with the last one for ever; give the address."""
    with FakeServer() as server:
        server.answers = [Answer(status) for status in statuses]
        yield f"http://127.0.0.1:{server.port}/api/ready"


@contextmanager
def listening() -> Iterator[str]:
    """Listen as a database does; give the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://127.0.0.1:{server.getsockname()[1]}"


def test_a_service_that_answers_is_left_alone(watch: Callable[[str, str], str]) -> None:
    with answering(200) as health_url:
        assert watch(health_url, NOBODY) == ""


def test_a_service_that_answers_again_in_time_is_left_alone(watch: Callable[[str, str], str]) -> None:
    with answering(503, 503, 200) as health_url:
        assert watch(health_url, "") == ""


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_service_that_keeps_saying_that_it_is_ill_is_restarted(watch: Callable[[str, str], str], status: int) -> None:
    with answering(status) as health_url, listening() as requires_url:
        assert watch(health_url, requires_url) == "try-restart --no-block prefect-server.service\n"


def test_a_service_that_does_not_answer_is_restarted_and_the_journal_says_why(
    watch: Callable[[str, str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(NOBODY, "") == "try-restart --no-block prefect-server.service\n"
    assert capsys.readouterr().err == f"prefect-server runs, but {NOBODY} does not answer: restarting it\n"


@pytest.mark.parametrize("requires_url", [NOBODY, "postgresql://127.0.0.1:1"])
def test_a_service_without_what_it_needs_is_left_alone(
    watch: Callable[[str, str], str], capsys: pytest.CaptureFixture[str], requires_url: str
) -> None:
    with answering(503) as health_url:
        assert watch(health_url, requires_url) == ""
    assert f"neither is {requires_url}, which it needs: left alone" in capsys.readouterr().err


def test_a_service_that_was_stopped_stays_stopped(
    watch: Callable[[str, str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "off").touch()
    assert watch(NOBODY, "") == ""
    assert capsys.readouterr().err == ""
