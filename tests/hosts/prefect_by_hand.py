"""Prefect on a test host with the units that the components render; only what is around them is made by hand.

Its database is SQLite, which needs no installation.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from components.platforms import SCRIPTS, HostFile, Linux, Service
from components.prefect_api import deployments, work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_configuration import server_secrets, server_variables, worker_secrets, worker_variables
from components.prefect_worker_service import worker_program, worker_service
from components.settings import WorkerSettings
from tests.hosts.debian_host import DebianHost
from tests.hosts.ssh_session import run
from tests.hosts.testbed import HostError
from tests.waiting import wait_until

LINUX = Linux()
HOME = LINUX.path("data", "prefect")
ENVIRONMENT = LINUX.path("runtime", "prefect-3.8.8")
DRAIN_SECONDS = {"patient": 600, "hasty": 2}

_INSTALL = """
set -eu
cd /opt/prefect
python3 -m venv prefect-3.8.8
for lock in pip prefect-3.8.8; do
  prefect-3.8.8/bin/pip install --quiet --require-hashes --requirement requirements/$lock.txt
done
"""
_FLOW = """
import signal
import subprocess
import time

from prefect import flow

@flow
def nap(seconds: int, stubborn: bool) -> None:
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if seconds > 60:
        subprocess.Popen(["sleep", str(seconds)], start_new_session=True)
    time.sleep(seconds)
"""


@dataclass(frozen=True)
class Prefect:
    """A server and the workers `patient` and `hasty`, each of the work pool of its name."""

    host: DebianHost
    client: PrefectClient

    def start_nap(self, pool: str, seconds: int, *, stubborn: bool = False) -> str:
        """Schedule a flow run that sleeps, and that does not end by SIGTERM if it is stubborn; return its id.

        One that sleeps for more than a minute starts a program `sleep` that does not belong to its process group.
        """
        deployment = deployments.ensure(
            self.client, "nap", pool, work_pool=pool, path="/srv/flows", entrypoint="nap.py:nap"
        )
        body = {"parameters": {"seconds": seconds, "stubborn": stubborn}}
        scheduled: dict[str, Any] = self.client.request("POST", f"/deployments/{deployment}/create_flow_run", body)
        return str(scheduled["id"])

    def wait_for(self, flow_run: str, state: str, *, within: float = 60) -> None:
        """Return when the flow run is in a state of this type."""
        wait_until(lambda: self.state(flow_run) == state, f"the flow run to be {state}", within=within)

    def state(self, flow_run: str) -> str:
        """Return the type of a flow run's state, such as COMPLETED."""
        return str(deployments.read_flow_run(self.client, flow_run)["state"]["type"])

    def wait_for_ready(self) -> None:
        """Return when the server answers."""
        url = f"http://{self.host.address}:4200/api/ready"
        ask = f"python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)' {url}"
        wait_until(lambda: self.host.run(ask, check=False).returncode == 0, "the server to answer", within=240)

    def process(self, unit: str) -> int:
        """Return the process id, on the host, of a unit; 0 if it does not run."""
        return int(self.host.run(f"systemctl show --property=MainPID --value {unit}").stdout)

    @contextmanager
    def impatient_watchdog(self) -> Iterator[None]:
        """Let the watchdog wait for seconds, not minutes; a service could not start that fast."""
        program = "/opt/prefect/bin/watch-service"
        self.host.run(f"sed -i.before 's/^DEAD_AFTER_SECONDS = .*/DEAD_AFTER_SECONDS = 5/' {program}")
        yield
        self.host.run(f"mv {program}.before {program}")

    def programs(self) -> set[str]:
        """Return the names of all that runs on the host."""
        return set(self.host.run("cat /proc/[0-9]*/comm", check=False).stdout.split())

    def watchdog_told(self, service: str) -> str:
        """Return what the watchdog of a service wrote into the journal."""
        unit = f"prefect-watchdog@{service}.service"
        return self.host.run(f"journalctl --quiet --no-pager --output=cat --unit={unit}").stdout


def install(host: DebianHost) -> Prefect:
    """Install and start everything; the workers first, as on hosts that boot before the server's."""
    auth_string = f"ops:{secrets.token_hex(8)}"
    _script(host, "prepare-host", {"ports": "", "purge": "false"})
    locks = {lock: (SCRIPTS / "runtime" / f"{lock}.txt").read_text() for lock in ("pip", "prefect-3.8.8")}
    files = [HostFile(path=f"/opt/prefect/requirements/{lock}.txt", content=text) for lock, text in locks.items()]
    for file in [*LINUX.host_files().values(), *files, HostFile(path="/srv/flows/nap.py", content=_FLOW)]:
        _put(host, file)
    host.run(_INSTALL, timeout=600)
    for worker in DRAIN_SECONDS:
        _put_worker(host, worker, auth_string)
    _put_server(host, auth_string)
    prefect = Prefect(host, PrefectClient(f"http://{host.address}:4200/api", auth_string))
    prefect.wait_for_ready()
    for pool in DRAIN_SECONDS:
        work_pools.create(prefect.client, pool, "process", base_job_template={})
    return prefect


def _put_worker(host: DebianHost, name: str, auth_string: str) -> None:
    settings = WorkerSettings(
        name=name,
        host="host",
        work_pool=name,
        health_port=4210 if name == "patient" else 4211,
        limit=5,
        drain_seconds=DRAIN_SECONDS[name],
        memory_max="75%",
    )
    api_url = f"http://{host.address}:4200/api"
    variables = worker_variables(home=HOME, api_url=api_url, ca_file="", health_port=settings.health_port)
    service = worker_service(
        LINUX,
        settings,
        pool_type="process",
        api_url=api_url,
        environment=ENVIRONMENT,
        environment_files=_environment(
            host,
            f"prefect-worker-{name}",
            {**variables, "PREFECT_WORKER_QUERY_SECONDS": "2"},
            worker_secrets(auth_string=auth_string),
        ),
        after=("prefect-server",),
    )
    _put(host, worker_program(LINUX, name))
    _start(host, service)


def _put_server(host: DebianHost, auth_string: str) -> None:
    variables = server_variables(
        home=HOME,
        ui_directory="/run/prefect/ui",
        address=host.address,
        port=4200,
        log_level="INFO",
        database={},
        public={},
        settings={
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{HOME}/prefect.db",
            "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "true",
        },
    )
    hidden = server_secrets(
        database_password="",
        auth_string=auth_string,
        encryption_key="kEy_-aaaabbbbccccddddeeeeffffgggghhhhiiiij4=",
    )
    service = Service(
        name="prefect-server",
        description="Prefect server: API, UI and background services",
        command=(LINUX.current("prefect-server"), "-m", "prefect", "server", "start"),
        environment=ENVIRONMENT,
        environment_files=_environment(host, "prefect-server", variables, hidden),
        user="prefect",
        working_directory=HOME,
        runtime_directory="/run/prefect/ui",
        health_url=f"http://{host.address}:4200/api/ready",
    )
    _start(host, service)


def _start(host: DebianHost, service: Service) -> None:
    _put(host, LINUX.service_definition(service))
    host.run(f"mkdir -p /opt/prefect/current; ln -sfn {ENVIRONMENT} /opt/prefect/current/{service.name}")
    host.run(f"systemctl enable --quiet --now {service.name}")


def _environment(host: DebianHost, name: str, variables: dict[str, str], hidden: dict[str, str]) -> tuple[str, str]:
    shown, secret = f"/etc/prefect/{name}.env", f"/etc/prefect/{name}.secrets.env"
    _put(host, HostFile(path=shown, content=LINUX.environment_file(variables)))
    _put(host, HostFile(path=secret, content=LINUX.environment_file(hidden), mode="0600", owner="prefect"))
    return shown, secret


def _put(host: DebianHost, file: HostFile) -> None:
    _run(host, LINUX.file(file).create, file.content)


def _script(host: DebianHost, name: str, settings: dict[str, str]) -> None:
    _run(host, LINUX.script(name).create, LINUX.payload(name, settings))


def _run(host: DebianHost, command: str, stdin: str) -> None:
    status, told = run(host, command, stdin)
    if status:
        raise HostError(f"`{command[:80]}...` on {host.name} exited {status}:\n{told}")
