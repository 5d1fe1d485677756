"""How far each kind of service is confined, as systemd itself rates it: 0 is a locked room, 10 is root."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from components.platforms import Linux, Service
from components.platforms.sandbox import sandbox_lines
from tests.platforms.services import SERVER


@pytest.mark.parametrize(("service", "limit"), [(SERVER, 2.5), (replace(SERVER, sandbox="flows"), 5.0)])
def test_systemd_rates_the_exposure_as_low_as_promised(service: Service, limit: float, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("needs systemd-analyze on PATH")
    unit = tmp_path / "a.service"
    unit.write_text(Linux().service_definition(service).content)
    threshold = f"--threshold={limit * 10:.0f}"
    rated = subprocess.run(
        [analyze, "security", "--no-pager", "--offline=yes", threshold, str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "exposure level" not in rated.stdout:
        pytest.skip(f"systemd-analyze cannot rate a file here: {rated.stderr.strip()[-200:]}")
    assert rated.returncode == 0, rated.stdout


def test_a_strict_service_writes_where_it_says_and_nowhere_else() -> None:
    lines = sandbox_lines(replace(SERVER, writes=("/var/log/a", "/var/lib/b")))

    assert "ProtectSystem=strict" in lines
    assert "ReadWritePaths=/var/lib/prefect/prefect /var/log/a /var/lib/b" in lines


def test_flows_write_wherever_their_user_may_but_into_the_system() -> None:
    lines = sandbox_lines(replace(SERVER, sandbox="flows"))

    assert "ProtectSystem=full" in lines
    assert not [line for line in lines if line.startswith("ReadWritePaths=")]


def test_a_service_takes_all_the_memory_there_is_unless_told_otherwise() -> None:
    assert "MemoryMax=75%" in sandbox_lines(replace(SERVER, memory_max="75%"))
    assert not [line for line in sandbox_lines(SERVER) if line.startswith("MemoryMax=")]


@pytest.mark.parametrize("kind", ["strict", "flows"])
def test_no_service_becomes_another_user_or_has_a_right_of_roots(kind: str) -> None:
    lines = sandbox_lines(replace(SERVER, sandbox="flows" if kind == "flows" else "strict"))

    assert {"NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes"} <= set(lines)


@pytest.mark.parametrize("kind", ["strict", "flows"])
def test_a_line_stands_once_save_for_lists(kind: str) -> None:
    lines = sandbox_lines(replace(SERVER, sandbox="flows" if kind == "flows" else "strict"))
    keys = [line.partition("=")[0] for line in lines if not line.startswith("SystemCallFilter=")]

    assert sorted(set(keys)) == sorted(keys)
