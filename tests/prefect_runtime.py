"""A real Prefect, for tests: the locked runtime of scripts/runtime, a server on SQLite, a process worker."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.loopback_ports import free_port
from tests.plugins import postgresql_server

PREFECT_VERSION = "3.8.8"
PYTHON_OF_ANOTHER_PREFECT = "TESTS_PREFECT_PYTHON"
"""Environment variable that names a Python with another Prefect, to be tested instead."""

_CHECKOUT = Path(__file__).resolve().parents[1]
_LOCK = _CHECKOUT / "scripts" / "runtime" / f"prefect-{PREFECT_VERSION}.txt"
_CACHE = _CHECKOUT / ".local" / "test-cache"

_START_SECONDS = 120
_STOP_SECONDS = 20


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    Attributes:
        api_url: base of the REST API, e.g. `http://127.0.0.1:41234/api`.
        auth_string: `user:password` that the API demands.
        directory: holds the server's home, database and logs.
    """

    api_url: str
    auth_string: str
    directory: Path


def install_prefect() -> Path:
    """Give the Python interpreter of a virtual environment with the locked Prefect.

    The environment is made once per checkout and lock, under `.local/test-cache`, with uv where there is
    one and pip otherwise. It is moved into place when complete, so an interrupted or a parallel run leaves
    nothing half made. Programs in it are started with `python -m`, as the move breaks console scripts.
    """
    if python := os.environ.get(PYTHON_OF_ANOTHER_PREFECT):
        return Path(python)
    environment = _CACHE / f"prefect-{PREFECT_VERSION}"
    if not _holds_lock(environment):
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE, prefix="installing-") as scratch:
            fresh = Path(scratch) / "environment"
            _install(fresh)
            shutil.copyfile(_LOCK, fresh / _LOCK.name)
            _put_in_place(fresh, environment)
    return _python(environment)


@contextlib.contextmanager
def prefect_server(
    directory: Path,
    *,
    auth_string: str | None = None,
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[PrefectServer]:
    """Run a server on a SQLite database until the block ends.

    Args:
        directory: for all that the server writes; what an earlier one wrote there is gone on with.
        auth_string: `user:password`; by default one of the tests' own.
        settings: further settings by environment name, e.g. `PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED`.
        port: to listen on; by default a free one.
    """
    port = port or free_port()
    server = PrefectServer(
        api_url=f"http://127.0.0.1:{port}/api",
        auth_string=auth_string or "tests:not-a-secret",
        directory=directory,
    )
    environment = {
        **_environment(server, home=directory / "server"),
        "PREFECT_SERVER_API_AUTH_STRING": server.auth_string,
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{directory / 'prefect.db'}",
        **(settings or {}),
    }
    if not (directory / "prefect.db").exists():
        _prefect("server", "database", "upgrade", "-y", environment=environment)
    log = directory / "server.log"
    with _running(["server", "start"], environment, log) as process:
        _wait_until(lambda: _answers(f"{server.api_url}/ready"), process, log, f"the Prefect server on port {port}")
        yield server


@contextlib.contextmanager
def prefect_server_on_postgresql(
    directory: Path, *, settings: Mapping[str, str] | None = None
) -> Iterator[PrefectServer]:
    """Run a server as `prefect_server` does, but on a PostgreSQL of its own."""
    with postgresql_server.serving() as cluster:
        password = quote(postgresql_server.PASSWORD, safe="")
        url = f"postgresql+asyncpg://{postgresql_server.SUPERUSER}:{password}@{cluster.host}:{cluster.port}/postgres"
        database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
        with prefect_server(directory, settings={**database, **(settings or {})}) as running:
            yield running


@contextlib.contextmanager
def process_worker(
    server: PrefectServer, work_pool: str, *, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process worker for an existing work pool until the block ends; give its process.

    `settings` are further ones by environment name.
    """
    port = free_port()
    environment = {
        **_environment(server, home=server.directory / f"worker-{work_pool}"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": str(port),
        **(settings or {}),
    }
    log = server.directory / f"worker-{work_pool}.log"
    command = ["worker", "start", "--pool", work_pool, "--with-healthcheck", "--no-create-pool-if-not-found"]
    with _running(command, environment, log) as process:
        _wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health"), process, log, f"the worker of {work_pool!r}")
        yield process


def _holds_lock(environment: Path) -> bool:
    """Say whether the environment is complete, of today's lock, and the Python it was made with still there."""
    installed = environment / _LOCK.name
    is_current = installed.is_file() and installed.read_bytes() == _LOCK.read_bytes()
    return is_current and _python(environment).exists()


def _put_in_place(fresh: Path, environment: Path) -> None:
    if _holds_lock(environment):
        return
    shutil.rmtree(environment, ignore_errors=True)
    try:
        fresh.rename(environment)
    except OSError:
        if not _holds_lock(environment):  # else another run was faster
            raise


def _install(environment: Path) -> None:
    scripts = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    uv = shutil.which("uv", path=scripts)
    python = _python(environment)
    requirements = ["--require-hashes", "--no-deps", "--requirement", str(_LOCK)]
    if uv:
        _run([uv, "venv", "--python", sys.executable, str(environment)])
        _run([uv, "pip", "install", "--compile-bytecode", "--python", str(python), *requirements])
    else:
        _run([sys.executable, "-m", "venv", str(environment)])
        _run([str(python), "-m", "pip", "install", "--quiet", *requirements])


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _environment(server: PrefectServer, *, home: Path) -> dict[str, str]:
    """Build the environment of a Prefect process: the machine's, less its own Prefect settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **inherited,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": server.api_url,
        "PREFECT_API_AUTH_STRING": server.auth_string,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
        "NO_COLOR": "1",
    }


def _prefect(*arguments: str, environment: Mapping[str, str]) -> None:
    _run([str(install_prefect()), "-m", "prefect", *arguments], environment)


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")


@contextlib.contextmanager
def _running(arguments: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(install_prefect()), "-m", "prefect", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, what: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up within {_START_SECONDS} s:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
