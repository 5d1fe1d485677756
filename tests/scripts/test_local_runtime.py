"""Python environments: whole or not at all, and what is in the way is told."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.scripts.local_host import LocalHost
from tests.waiting import wait_until

# Stands for Python, venv and pip where what they install does not matter; pip does what the file `pip` says.
PYTHON = """
case "$*" in
  *realpath*) echo "$0" ;;
  -c*) ;;
  "-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip"*) . {directory}/pip "$@" ;;
esac
"""
LOCK = "supervisor"


@pytest.fixture
def python_host(host: LocalHost) -> LocalHost:
    """Give a host whose Python installs nothing."""
    stubbed = host.with_programs(python3=PYTHON.format(directory=host.directory))
    pip_does(stubbed, "true")
    return stubbed


def pip_does(host: LocalHost, text: str) -> None:
    (host.directory / "pip").write_text(f"{text}\n")


def install(host: LocalHost) -> dict[str, str]:
    return {"directory": str(environment(host)), "lock": LOCK}


def environment(host: LocalHost) -> Path:
    return host.root / "runtime" / "prefect-app"


def test_an_environment_is_installed_once(python_host: LocalHost) -> None:
    assert python_host.run("install-runtime", **install(python_host)).startswith(f"changed: installed {LOCK}, ")
    pip_does(python_host, "exit 1")
    assert python_host.run("install-runtime", **install(python_host)).startswith("unchanged: ")


def test_only_locked_hashes_are_installed(python_host: LocalHost) -> None:
    pip_does(python_host, f'echo "$*" >>{python_host.directory}/host/arguments')
    python_host.run("install-runtime", **install(python_host))
    calls = (python_host.root / "arguments").read_text().splitlines()
    assert [call.rpartition("/")[2] for call in calls] == ["pip.txt", f"{LOCK}.txt"]
    assert all("--require-hashes" in call for call in calls)


def test_another_lock_is_installed_anew(python_host: LocalHost) -> None:
    python_host.run("install-runtime", **install(python_host))
    with (python_host.directory / "scripts" / "runtime" / f"{LOCK}.txt").open("a") as lock:
        lock.write("# another\n")
    assert python_host.run("install-runtime", **install(python_host)).startswith("changed: ")


def test_what_went_or_came_has_drifted_and_is_installed_anew(python_host: LocalHost) -> None:
    packages = environment(python_host) / "lib" / "python3.11" / "site-packages"
    pip_does(python_host, f"mkdir -p {packages}/wheel-1.0.dist-info {packages}/anyio-4.0.dist-info")
    python_host.run("install-runtime", **install(python_host))
    assert python_host.run("install-runtime", "drift", **install(python_host)) == ""

    (packages / "wheel-1.0.dist-info").rename(packages / "wheel-2.0.dist-info")
    told = python_host.run("install-runtime", "drift", **install(python_host))
    assert told == f"{environment(python_host)}: packages came or went: wheel-1.0.dist-info wheel-2.0.dist-info"
    assert python_host.run("install-runtime", **install(python_host)).startswith("changed: ")
    assert python_host.run("install-runtime", "drift", **install(python_host)) == ""

    shutil.rmtree(environment(python_host))
    told = python_host.run("install-runtime", "drift", **install(python_host))
    assert told == f"{environment(python_host)}: not installed from {LOCK}"


def test_a_failure_tells_the_end_of_what_pip_said_and_the_next_run_heals(python_host: LocalHost) -> None:
    pip_does(python_host, "echo no such version; exit 1")
    error = python_host.failure("install-runtime", **install(python_host))
    assert error.startswith(f"error: {LOCK} could not be installed: no such version. Check the disk (df -h ")

    pip_does(python_host, "true")
    assert python_host.run("install-runtime", **install(python_host)).startswith("changed: ")


def test_a_killed_installation_heals(python_host: LocalHost) -> None:
    pip_does(python_host, f"touch {python_host.directory}/host/halfway; exec sleep 60")
    process = python_host.start("install-runtime", **install(python_host))
    wait_until((python_host.root / "halfway").exists, "pip to run")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    pip_does(python_host, "true")
    assert python_host.run("install-runtime", **install(python_host)).startswith("changed: ")


def test_delete_removes_it(python_host: LocalHost) -> None:
    python_host.run("install-runtime", **install(python_host))
    assert python_host.run("install-runtime", "delete", **install(python_host)).startswith("changed: ")
    assert not environment(python_host).exists()


def test_a_prepared_host_has_places_that_only_its_services_may_enter(python_host: LocalHost) -> None:
    settings = {"ports": "server.port=4200", "purge": "false"}
    assert python_host.run("prepare-host", **settings).startswith("changed: ")
    assert python_host.run("prepare-host", **settings).startswith("unchanged: ")
    services = "prefect" if python_host.user == "root" else python_host.user
    for place in ("data", "data/prefect", "log", "run", "tmp"):
        assert python_host.owner(python_host.root / place) == f"700 {services}"
    assert (python_host.root / "run" / "ports").read_text() == "server.port=4200\n"


def test_removing_a_host_keeps_its_data(python_host: LocalHost) -> None:
    python_host.run("prepare-host", ports="", purge="false")
    python_host.place("data/postgresql/PG_VERSION", "18\n")
    answer = python_host.run("prepare-host", "delete", ports="", purge="false")
    (kept,) = (python_host.root / "kept").iterdir()
    assert answer == f"changed: stopped; the data is kept in {kept}"
    assert (kept / "postgresql" / "PG_VERSION").read_text() == "18\n"
    assert [path.name for path in python_host.root.iterdir()] == ["kept"]


@pytest.mark.parametrize(("purge", "data"), [("false", False), ("true", True)])
def test_a_host_without_data_or_told_to_purge_leaves_nothing(python_host: LocalHost, purge: str, data: bool) -> None:
    python_host.run("prepare-host", ports="", purge=purge)
    if data:
        python_host.place("data/postgresql/PG_VERSION", "18\n")
    assert python_host.run("prepare-host", "delete", ports="", purge=purge).startswith("changed: ")
    assert not python_host.root.exists()
    assert python_host.run("prepare-host", "delete", ports="", purge=purge).startswith("unchanged: ")
