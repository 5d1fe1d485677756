"""The program that tells of failures, against a webhook that is there, refuses or is away."""

import runpy
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from components.platforms import SCRIPTS
from tests.prefect_api.fake_server import Answer, FakeServer, Request

TOKEN = "T0K3N-51c2"
JOURNALCTL = "#!/bin/sh\nprintf 'error: the disk is full\\nsay \"hi\"\\n'\n"


@pytest.fixture
def send_alert(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Run the program for prefect-backup with this webhook, its journal a stub, its waits left out."""
    journalctl = tmp_path / "journalctl"
    journalctl.write_text(JOURNALCTL)
    journalctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("sys.argv", ["send-alert", "prefect-backup"])
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    secrets = tmp_path / "alert.secrets.env"

    def send(address: str) -> None:
        if address:
            secrets.write_text(f"ALERT_WEBHOOK_URL={address}\n")
        program = runpy.run_path(str(SCRIPTS / "linux" / "programs" / "send-alert.py"))
        main = program["main"]
        main.__globals__["SECRETS"] = secrets
        main()

    return send


@contextmanager
def webhook(*statuses: int) -> Iterator[tuple[str, list[Request]]]:
    """Answer with each status in turn; give the address and what was asked."""
    with FakeServer() as server:
        server.answers = [Answer(status) for status in statuses]
        yield f"http://127.0.0.1:{server.port}/{TOKEN}", server.requests


def test_the_webhook_gets_what_the_task_wrote_last(
    send_alert: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with webhook(200) as (address, requests):
        send_alert(address)
    text = (
        f'prefect-backup failed on {socket.gethostname()}: error: the disk is full / say "hi"'
        " (journalctl --unit prefect-backup has all of it)"
    )
    assert [(request.method, request.target, request.body) for request in requests] == [
        ("POST", f"/{TOKEN}", {"text": text})
    ]
    assert capsys.readouterr().err == f"<3>{text}\n", "the journal takes <3> for priority err"


def test_without_a_webhook_the_journal_is_enough(
    send_alert: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    send_alert("")
    assert capsys.readouterr().err.startswith("<3>prefect-backup failed on ")


def test_a_webhook_that_stumbles_is_asked_again(send_alert: Callable[[str], None]) -> None:
    with webhook(500, 503, 200) as (address, requests):
        send_alert(address)
    assert len(requests) == 3


@pytest.mark.parametrize("address", [f"http://127.0.0.1:1/{TOKEN}", f"nonsense:{TOKEN}", f"http://[/{TOKEN}"])
def test_a_webhook_that_takes_nothing_is_an_error_that_does_not_tell_its_address(
    send_alert: Callable[[str], None], capsys: pytest.CaptureFixture[str], address: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        send_alert(address)
    assert "the webhook took no alert" in str(ended.value.code)
    assert TOKEN not in str(ended.value.code) + capsys.readouterr().err
