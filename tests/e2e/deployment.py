"""The whole program on booted hosts: the stack `prod` of a clone, and what a test looks at on its hosts."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from components.prefect_api import deployments
from components.settings.hosts import HostSettings
from components.tunnel import Tunnel
from tests.engine.checkout import clean_environment, make_clone
from tests.engine.commands import PROJECT, Result, StackCommands
from tests.engine.conftest import free_ports, short_directory
from tests.hosts.debian_host import DebianHost
from tests.waiting import wait_until

OLD, NEW = "3.8.7", "3.8.8"
"""The versions between which a stack is upgraded and rolled back; they have the same schema."""
DATABASE, SERVER, WORKER = "prefect-postgresql", "prefect-server", "prefect-worker-default"
SERVICES = "prefect-postgresql.service 'prefect-server*.service' 'prefect-worker-*.service' nginx.service"
"""The stack's services as systemctl takes them; not the tasks, which come and go."""
API_PORT = 4200
FLOWS = "/srv/flows"
"""Where the flows of tests/e2e/flows stand on hosts with workers; everybody may read them."""
RUN_SECONDS = 120
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

RecordProperty = Callable[[str, object], None]
"""Notes what a test measured, for the table at the end."""

Configuration = Mapping[str, Any]
"""A stack file: a table for each of its keys."""


@dataclass(kw_only=True)
class Deployment(StackCommands):
    """A stack on Linux hosts.

    Attributes:
        hosts: each host by its name in the stack file.
        server_host: name of the one with the Prefect server.
        seen_command_lines: of all processes during the first `up`.
    """

    hosts: Mapping[str, DebianHost]
    server_host: str
    name: str = "prod"
    seen_command_lines: set[str] = field(default_factory=set, repr=False)

    # --- the stack

    def write_stack_file(self, configuration: Configuration) -> None:
        """Write the stack file: how to reach the hosts, and `configuration` beside that."""
        hosts = {name: _reach(host, number) for number, (name, host) in enumerate(self.hosts.items())}
        text = yaml.safe_dump(
            {"config": {f"{PROJECT}:{key}": value for key, value in {"hosts": hosts, **configuration}.items()}}
        )
        (self.layout.root / f"Pulumi.{self.name}.yaml").write_text(text)

    def make_ready(self) -> None:
        """Create the stack and set its secrets, as its owner would before the first `make up`."""
        self.run(["python", "-m", "toolchain.stack", self.name], self.shell_environment())
        self.config_set_secret("sshPrivateKey", next(iter(self.hosts.values())).private_key)
        self.config_set_secret("secretBlock-example", "what only flows may know")
        self.learn_secrets()

    def first_up(self, configuration: Configuration) -> None:
        """Bring the stack up as its owner would; a flow can run afterwards."""
        self.write_stack_file(configuration)
        self.make_ready()
        self.make("up", f"STACK={self.name}", "YES=1")
        self.place_flows()

    def up(self, expect: int | None = 0) -> Result:
        """Run `pulumi up` without a preview before it."""
        return self.pulumi("up", "--yes", "--skip-preview", expect=expect)

    def start_up(self, log: Path) -> "subprocess.Popen[bytes]":
        """Start a `pulumi up` that writes what it prints to `log`, and return at once."""
        command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", self.name, "--non-interactive"]
        return self.start([*command, "--color", "never"], self.shell_environment(), log)

    def failing_up(self) -> str:
        """Run a `pulumi up` that must fail, and return what it printed."""
        result = self.up(expect=None)
        assert result.status != 0, f"`pulumi up` was expected to fail:\n{result.output}"
        return result.output

    def declare_deployment(self, name: str, entrypoint: str, work_pool: str, settings: Mapping[str, str]) -> None:
        """Write a deployment of one of our flows, `FLOW/NAME`, into the stack file; `settings` are further ones."""
        declared = {
            "entrypoint": entrypoint,
            "sourceDirectory": "tests/e2e/flows",
            "pullSteps[0].set_working_directory.directory": FLOWS,
            "workPool": work_pool,
            **settings,
        }
        for setting, value in declared.items():
            self.config_set(f'deployments["{name}"].{setting}', value)

    # --- the hosts

    def processes(self, host: str) -> dict[str, int]:
        """Return the main process of each of the stack's services that runs on a host, by its unit's name."""
        shown = self.hosts[host].run(f"systemctl show --property=Id,MainPID {SERVICES}").stdout
        units = [dict(line.split("=", 1) for line in block.splitlines()) for block in shown.split("\n\n")]
        # the checks of the watchdog come and go
        running = [unit for unit in units if unit["MainPID"] != "0" and "@" not in unit["Id"]]
        return {unit["Id"].removesuffix(".service"): int(unit["MainPID"]) for unit in running}

    def all_processes(self) -> dict[tuple[str, str], int]:
        """Return the main process of each service, by the names of host and unit."""
        return {(host, unit): pid for host in self.hosts for unit, pid in self.processes(host).items()}

    @contextmanager
    def restarts(self) -> Iterator[set[str]]:
        """Give a set that holds, after the block, the units that got another process in it."""
        before = self.all_processes()
        restarted: set[str] = set()
        yield restarted
        after = self.all_processes()
        restarted |= {unit for host, unit in before if after.get((host, unit)) not in {None, before[host, unit]}}

    def place_flows(self) -> None:
        """Put the flows of tests/e2e/flows onto every host."""
        for flow in Path(__file__).with_name("flows").glob("*.py"):
            for host in self.hosts.values():
                host.write(f"{FLOWS}/{flow.name}", flow.read_text())

    # --- Prefect

    @cached_property
    def api_url(self) -> str:
        """Base of the API, through a tunnel to the server's host: a way that no fault of nginx or Pulumi closes."""
        host = self.hosts[self.server_host]
        settings = HostSettings(
            name=self.server_host, platform="linux", address=host.address, user=host.user, host_key=host.host_key
        )
        reasons: list[str] = []
        tunnel = Tunnel(settings, reasons.append)
        tunnel.unlock(host.private_key)
        port = free_ports().server
        tunnel.listen(port, API_PORT)
        return f"http://127.0.0.1:{port}/api"

    def wait_until_it_serves(self) -> None:
        """Wait until the server listens, which it does when it is ready."""
        host, dial = self.hosts[self.server_host], f"timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{API_PORT}'"
        wait_until(
            lambda: host.run(dial, check=False).returncode == 0, "the Prefect server to listen", within=RUN_SECONDS
        )

    def server_version(self) -> str:
        """Return which Prefect answers."""
        with self.api() as client:
            return str(client.request("GET", "/admin/version"))

    def secret_block(self, name: str) -> str:
        """Return the value of a secret block."""
        with self.api() as client:
            path = f"/block_types/slug/secret/block_documents/name/{name}"
            return str(client.request("GET", path, query={"include_secrets": "true"})["data"]["value"])

    def greet(self, pool: str = "default", **parameters: Any) -> str:
        """Start a run of the flow `greeting` with parameters; returns its id."""
        with self.api() as client:
            deployment = deployments.ensure(
                client, "greeting", f"greeting-{pool}", work_pool=pool, path=FLOWS, entrypoint="greeting.py:greet"
            )
            path = f"/deployments/{deployment}/create_flow_run"
            return str(client.request("POST", path, {"parameters": parameters})["id"])

    def run_deployment(self, flow: str, name: str) -> str:
        """Start a run of a deployment with the parameters that it has; returns its id."""
        with self.api() as client:
            deployment = deployments.find(client, flow, name)
            assert deployment is not None, f"the server knows no deployment {flow}/{name}"
            return str(deployments.create_flow_run(client, deployment["id"])["id"])

    def has_logged(self, flow_run: str, text: str) -> bool:
        """Tell whether a flow run has logged a text."""
        with self.api() as client:
            return any(text in record["message"] for record in deployments.last_logs(client, flow_run, 200))

    def expect_logged(self, flow_run: str, text: str) -> None:
        """Wait until a flow run has logged a text."""
        wait_until(lambda: self.has_logged(flow_run, text), f"flow run {flow_run} to log {text!r}", within=RUN_SECONDS)

    def end_of(self, flow_run: str) -> str:
        """Wait until a flow run has ended, and return the type of its state."""
        wait_until(lambda: self.state_of(flow_run) in TERMINAL, f"flow run {flow_run} to end", within=RUN_SECONDS)
        return self.state_of(flow_run)


@contextmanager
def open_deployment(hosts: Mapping[str, DebianHost], server_host: str) -> Iterator[Deployment]:
    """Give a clone for a stack on these hosts, named as in its stack file, and remove the clone afterwards."""
    with short_directory() as place:
        layout = make_clone(place / "clone")
        (place / "home").mkdir()
        environment = clean_environment(os.environ, place / "home")
        yield Deployment(layout=layout, environment=environment, hosts=hosts, server_host=server_host)


def _reach(host: DebianHost, number: int) -> dict[str, str | int]:
    # a port that another session of the tests does not have
    tunnel_port = 10_000 + int(host.address.split(".")[2]) * 20 + number * 2
    return {
        "platform": "linux",
        "address": host.address,
        "user": host.user,
        "hostKey": host.host_key,
        "tunnelPort": tunnel_port,
    }
