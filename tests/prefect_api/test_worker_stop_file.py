"""The program of a worker, told by a file to stop: as on Windows, where a signal would reach its flow runs too."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from components.platforms import SCRIPTS
from components.prefect_api import deployments, work_pools
from components.prefect_api.client import PrefectClient
from tests.loopback_ports import free_port
from tests.prefect_runtime import PrefectServer, install_prefect
from tests.waiting import wait_until

SECONDS = 90
FLOW = """
import time
from pathlib import Path
from prefect import flow

@flow
def waits():
    while not Path("{gate}").exists():
        time.sleep(0.1)
"""


@contextlib.contextmanager
def worker(server: PrefectServer, stop_file: Path, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run the program on the pool `drained`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {
        **inherited,
        "PREFECT_HOME": str(log.parent / "home"),
        "PREFECT_API_URL": server.api_url,
        "PREFECT_API_AUTH_STRING": server.auth_string,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": str(free_port()),
    }
    options = ["--name", "one", "--pool", "drained", "--type", "process", "--drain-seconds", "60"]
    program = str(SCRIPTS / "templates" / "worker.py")
    command = [str(install_prefect()), program, *options, "--stop-file", str(stop_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_takes_no_more_flow_runs_and_ends_when_the_last_one_has(
    server: PrefectServer, client: PrefectClient, tmp_path: Path
) -> None:
    gate, stop_file, log = tmp_path / "gate", tmp_path / "stop", tmp_path / "worker.log"
    (tmp_path / "flows.py").write_text(FLOW.format(gate=gate))
    work_pools.create(client, "drained", "process", base_job_template={})
    deployment = deployments.ensure(
        client, "waits", "waits", work_pool="drained", path=str(tmp_path), entrypoint="flows.py:waits"
    )

    def state(flow_run: str) -> str:
        return str(deployments.read_flow_run(client, flow_run)["state"]["type"])

    with worker(server, stop_file, log) as process:
        running = deployments.create_flow_run(client, deployment)["id"]
        wait_until(lambda: state(running) == "RUNNING", "the flow run runs", within=SECONDS)
        stop_file.touch()
        wait_until(lambda: "takes no more flow runs" in log.read_text(), "the worker drains", within=SECONDS)
        later = deployments.create_flow_run(client, deployment)["id"]
        gate.touch()
        assert process.wait(SECONDS) == 0, log.read_text()

    assert state(running) == "COMPLETED"
    assert state(later) == "SCHEDULED"
