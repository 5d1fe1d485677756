"""Services under a real supervisor: started, restarted when told, healthy in the end, and nothing left behind."""

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from components.platforms import HostFile, Service
from tests.scripts.conftest import USERS
from tests.scripts.local_host import LocalHost
from tests.waiting import wait_until

# Stands for Prefect, by whose name the scripts find what a killed supervisor left: shows the environment it got.
PROGRAM = """
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"process": os.getpid(), "environment": dict(os.environ)}).encode())

    def log_message(self, *_):
        pass

print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
as_one_user = pytest.mark.parametrize("installed_host", USERS[:1], indirect=True)
"""For what does not depend on who brings the host about."""

LITERAL = "two words $HOME `id` # = all of it"


@dataclass(frozen=True)
class Web:
    """A service on a host, and the address it answers at."""

    host: LocalHost
    service: Service

    def start(self, fingerprint: str = "one", **settings: str) -> str:
        """Run service.sh and return its last line."""
        return self.host.run("service", **self.settings(fingerprint) | settings)

    def failed_start(self, fingerprint: str, **settings: str) -> str:
        """Run service.sh, which is to fail, and return its error."""
        return self.host.failure("service", **self.settings(fingerprint) | settings)

    def stop(self) -> str:
        """Run service.sh's delete and return its last line."""
        return self.host.run("service", "delete", **self.settings("one"))

    def answer(self) -> Any:
        """Return what the service shows, None if it does not answer."""
        try:
            with urllib.request.urlopen(self.service.health_url, timeout=5) as response:  # noqa: S310 - on 127.0.0.1
                return json.load(response)
        except OSError:
            return None

    def process(self) -> int:
        """Return the process id that the service shows; 0 if it does not answer."""
        return int((self.answer() or {"process": 0})["process"])

    def settings(self, fingerprint: str) -> dict[str, str]:
        """Return what service.sh is told."""
        return {
            "service": self.service.name,
            "environment": "",
            "health_url": self.service.health_url,
            "start_seconds": "20",
            "settle_seconds": "0",
            "fingerprint": fingerprint,
            "changes": "",
        }


@pytest.fixture
def web(installed_host: LocalHost) -> Iterator[Web]:
    """Define, but do not start, a service with an environment file."""
    host, platform = installed_host, installed_host.platform
    home = platform.path("data", "prefect")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = HostFile(
        path=platform.path("configuration", "web.env"),
        content=platform.environment_file({"PORT": str(port), "TEXT": LITERAL}),
        mode="0600",
        owner="prefect",
    )
    service = Service(
        name="web",
        description="Shows its environment",
        command=(platform.path("runtime", "supervisor", "bin", "python"), "-m", "prefect", "server"),
        user="prefect",
        working_directory=home,
        environment_files=(variables.path,),
        health_url=f"http://127.0.0.1:{port}",
    )
    host.write(variables)
    host.write(HostFile(path=f"{home}/prefect.py", content=PROGRAM))
    host.define(service)
    made = Web(host, service)
    yield made
    made.stop()


def test_a_service_starts_and_is_left_alone_when_all_is_as_it_should_be(web: Web) -> None:
    assert web.start() == "changed: web started and is healthy"
    process = web.process()
    assert web.start() == "unchanged: web runs and is healthy"
    assert web.process() == process


@as_one_user
def test_a_service_restarts_when_what_it_was_started_from_changed(web: Web) -> None:
    web.start("one")
    process = web.process()
    assert web.start("two").startswith("changed: ")
    assert web.process() not in {0, process}


@as_one_user
def test_a_service_restarts_when_what_it_reads_was_changed_and_put_back(web: Web) -> None:
    web.start("one", changes="a b")
    process = web.process()
    for changes in ("a b", "b", ""):
        assert web.start("one", changes=changes).startswith("unchanged: ")
    assert web.start("one", changes="c b").startswith("changed: ")
    assert web.process() not in {0, process}


@as_one_user
def test_a_service_that_does_not_run_has_drifted(web: Web) -> None:
    web.start()
    assert web.host.run("service", "drift", **web.settings("one")) == ""
    web.host.run("service", "delete", **web.settings("one"))
    assert web.host.run("service", "drift", **web.settings("one")) == "web does not run"


def test_a_service_gets_its_own_environment_taken_literally(web: Web) -> None:
    replace(web, host=replace(web.host, environment={"PREFECT_API_URL": "of whoever runs Pulumi"})).start()
    environment = web.answer()["environment"]
    assert environment["TEXT"] == LITERAL
    assert environment["HOME"] == str(web.host.root / "data" / "prefect")
    assert "PREFECT_API_URL" not in environment


@as_one_user
def test_a_killed_service_comes_back(web: Web) -> None:
    web.start()
    killed = web.process()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: web.process() not in {0, killed}, "the service to come back")


@as_one_user
def test_a_service_that_exits_at_once_fails_with_the_end_of_its_log_and_heals(web: Web) -> None:
    program = HostFile(path=f"{web.service.working_directory}/prefect.py", content="raise SystemExit('no database')\n")
    web.host.write(program)
    error = web.failed_start("broken", start_seconds="2")
    assert error.startswith(f"error: web was not healthy at {web.service.health_url} within 2 s. The end of its log, ")
    assert "no database" in error

    web.host.write(replace(program, content=PROGRAM))
    assert web.start("one").startswith("changed: ")


@as_one_user
def test_a_service_without_an_address_need_only_stay_up(web: Web) -> None:
    assert web.start("up", health_url="").startswith("changed: ")
    assert web.start("up", health_url="").startswith("unchanged: ")
    web.host.write(HostFile(path=f"{web.service.working_directory}/prefect.py", content="raise SystemExit(1)\n"))
    assert "web was not healthy within 2 s" in web.failed_start("down", health_url="", start_seconds="2")


def test_what_a_killed_supervisor_left_is_ended_before_the_next_start(web: Web) -> None:
    web.start()
    orphan = web.process()
    supervisor = int((web.host.root / "run" / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not is_running(supervisor), "supervisor to be gone")
    assert web.process() == orphan, "the service did not outlive its supervisor, so there is nothing to test"

    assert web.start().startswith("changed: ")
    assert web.process() not in {0, orphan}
    assert not is_running(orphan)


@as_one_user
def test_all_services_stop_and_start_at_once(web: Web) -> None:
    web.start()
    assert web.host.run("services").startswith("unchanged: ")
    assert web.host.run("services", "delete").startswith("changed: stopped the services")
    assert web.answer() is None
    assert web.host.run("services", "delete").startswith("unchanged: ")
    assert web.host.run("services").startswith("changed: ")
    assert web.process()


@as_one_user
def test_a_deleted_service_is_gone(web: Web) -> None:
    web.start()
    assert web.stop() == "changed: stopped web"
    assert web.answer() is None
    assert not list((web.host.root / "run").glob("web.*"))


def test_services_do_not_run_as_root(web: Web) -> None:
    web.start()
    assert Path("/proc", str(web.process())).owner() == ("prefect" if web.host.user == "root" else web.host.user)


def is_running(process: int) -> bool:
    status = Path("/proc", str(process), "status")
    return status.exists() and "State:\tZ" not in status.read_text()


@as_one_user
def test_a_worker_stops_before_the_api_asks_for_another_password_than_it_knows(web: Web) -> None:
    secrets = HostFile(path=f"{web.service.working_directory}/worker.secrets.env", content="", owner="prefect")
    web.host.write(replace(secrets, content="PREFECT_API_AUTH_STRING=ops:one\n"))
    told = {"service": web.service.name, "secrets_file": secrets.path}
    assert web.host.run("drain-worker", secrets="PREFECT_API_AUTH_STRING=ops:two", **told).startswith("unchanged: "), (
        "it did not run yet"
    )
    web.start()

    assert web.host.run("drain-worker", secrets="PREFECT_API_AUTH_STRING=ops:one", **told).startswith("unchanged: ")
    assert web.process()
    assert web.host.run("drain-worker", secrets="PREFECT_API_AUTH_STRING=ops:two", **told).startswith("changed: ")
    assert not web.process()
