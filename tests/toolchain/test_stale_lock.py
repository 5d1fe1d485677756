"""A lock that a killed Pulumi left is released; any other is respected."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import stale_lock


@pytest.fixture
def cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stub of Pulumi on PATH that notes what it was asked; returns the file of its notes."""
    notes = tmp_path / "notes"
    stub = tmp_path / "bin" / "pulumi"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\necho "$*" >>"{notes}"\n')
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    return notes


def locked(state: Path, process_id: int, hostname: str = platform.node()) -> dict[str, str]:
    """Lock stack dev; returns the environment that names the backend."""
    lock = state / ".pulumi" / "locks" / "organization" / "project" / "dev" / "1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": process_id, "username": "ada", "hostname": hostname}))
    return {"PULUMI_BACKEND_URL": f"file://{state}"}


def ended_process() -> int:
    """Return the id of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_lock_whose_process_is_gone_is_released(tmp_path: Path, cancelled: Path) -> None:
    assert stale_lock.release("dev", locked(tmp_path / "state", ended_process()))

    assert cancelled.read_text() == "cancel --yes --stack dev\n"


def test_a_process_that_ended_unnoticed_by_its_parent_is_gone(tmp_path: Path, cancelled: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.read()  # until it has ended; it is not waited for yet
        environment = locked(tmp_path / "state", process.pid)
        for _ in range(100):
            stale_lock.release("dev", environment)
            if cancelled.exists():
                break
        assert cancelled.exists()
    finally:
        process.communicate()


def test_a_lock_whose_process_runs_is_respected(tmp_path: Path, cancelled: Path) -> None:
    assert not stale_lock.release("dev", locked(tmp_path / "state", os.getpid()))

    assert not cancelled.exists(), "another Pulumi is at work on this stack"


def test_a_lock_of_another_machine_is_respected(tmp_path: Path, cancelled: Path) -> None:
    assert not stale_lock.release("dev", locked(tmp_path / "state", ended_process(), hostname="elsewhere"))

    assert not cancelled.exists(), "nobody here can know whether a process elsewhere runs"


def test_another_stack_is_left_alone(tmp_path: Path, cancelled: Path) -> None:
    assert stale_lock.release("prod", locked(tmp_path / "state", ended_process()))

    assert not cancelled.exists()


@pytest.mark.parametrize("backend", ["", "https://api.example.com", "s3://bucket"])
def test_a_backend_without_files_here_has_no_such_locks(backend: str) -> None:
    assert stale_lock.lock_files("dev", {"PULUMI_BACKEND_URL": backend}) == []
