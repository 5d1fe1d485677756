"""The deployments of examples/deployments.yaml, made on a real server, run to their end by a real worker."""

import dataclasses
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from components.prefect_api import blocks, deployments, work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import canonical_json
from components.prefect_api.resources import DeploymentProvider
from components.settings.deployments import DeploymentSettings
from tests.prefect_api.git_server import GitServer
from tests.prefect_api.providers import configured
from tests.prefect_runtime import PrefectServer, process_worker
from tests.settings.stack_file import CHECKOUT, parsed, stack_file

EXAMPLE = CHECKOUT / "examples" / "deployments.yaml"
FLOWS = CHECKOUT / "examples" / "flows"
SECRETS = (
    *("azure-function-url", "azure-function-key"),
    *(f"snowflake-{name}" for name in ("account", "user", "password", "warehouse", "database", "schema")),
)
TOKEN = "token-of-the-forge"
RUN_SECONDS = 120
POLL_SECONDS = 0.2
JSON = {"pull_steps", "schedules", "parameters", "parameter_schema", "job_variables"}

Settings = Mapping[str, DeploymentSettings]


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Read the example's deployments, by FLOW/NAME."""
    tables = {
        key.removeprefix("prefect-selfhost:"): table
        for key, table in yaml.safe_load(EXAMPLE.read_text())["config"].items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CHECKOUT)
        return {deployment.key: deployment for deployment in parsed(stack_file(**tables)).deployments}


@pytest.fixture(scope="module")
def stocked(server: PrefectServer) -> Iterator[PrefectClient]:
    """Connect to a server that has the pools and blocks that the example speaks of."""
    data: dict[str, dict[str, Any]] = {f"secret/{name}": {"value": f"value of {name}"} for name in SECRETS}
    data["github-credentials/etl"] = {"token": TOKEN}
    data["docker-registry-credentials/hub"] = {"username": "u", "password": "p", "registry_url": "r"}
    with PrefectClient(server.api_url, server.auth_string) as client:
        for name, type_ in (("default", "process"), ("docker-etl", "docker")):
            template = work_pools.default_base_job_template(client, type_)
            work_pools.create(client, name, type_, base_job_template=template)
        for key, fields in data.items():
            slug, _, name = key.partition("/")
            blocks.create(client, blocks.schema(client, slug), name, fields)
        yield client


@pytest.fixture(scope="module")
def worker(server: PrefectServer, stocked: PrefectClient, git: GitServer) -> Iterator[PrefectClient]:
    with process_worker(server, "default", settings={"GIT_SSL_CAINFO": str(git.authority)}):
        yield stocked


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Serve the project as the Git repository etl.git."""
    place = tmp_path_factory.mktemp("git")
    work, served = place / "work", place / "served"
    served.mkdir()
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
    for command in (
        ["git", "init", "--quiet", "--initial-branch", "main", str(work)],
        ["cp", "-r", f"{FLOWS / 'etl'}/.", str(work)],
        ["git", "-C", str(work), "add", "."],
        ["git", "-C", str(work), *identity, "commit", "--quiet", "--message", "The flow"],
        ["git", "clone", "--quiet", "--bare", str(work), str(served / "etl.git")],
    ):
        subprocess.run(command, check=True, capture_output=True)
    with GitServer(served, TOKEN) as running:
        yield running


def made(client: PrefectClient, server: PrefectServer, settings: DeploymentSettings, **steps: Any) -> dict[str, Any]:
    """Make a deployment as the program does, its code elsewhere; give what the server holds of it."""
    pull_steps = [
        {name: {**arguments, **{key: steps[key] for key in steps.keys() & arguments.keys()}}}
        for step in settings.pull_steps
        for name, arguments in step.items()
    ]
    fields = dataclasses.asdict(dataclasses.replace(settings, pull_steps=tuple(pull_steps)))
    props = {
        key: canonical_json(value) if key in JSON and value is not None else value for key, value in fields.items()
    }
    props["tags"] = sorted(fields["tags"])
    provider = configured(DeploymentProvider, server.auth_string)
    assert not provider.check({}, dict(props)).failures
    provider.create({"api_url": server.api_url, **props})
    live = deployments.find(client, settings.flow_name, settings.name)
    assert live is not None
    return live


def completed(client: PrefectClient, deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Run a deployment; give the run once it has completed."""
    run = deployments.create_flow_run(client, deployment["id"])
    deadline = time.monotonic() + RUN_SECONDS
    while run["state"]["type"] not in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        run = deployments.read_flow_run(client, run["id"])
    logs = "\n".join(record["message"] for record in deployments.last_logs(client, run["id"], 40))
    assert run["state"]["type"] == "COMPLETED", f"{run['state']['name']}: {run['state']['message']}\n{logs}"
    return run


def test_every_deployment_of_the_example_is_looked_at(settings: Settings) -> None:
    assert settings.keys() == {
        "Pipeline Data Complet/production-daily",
        "Main Flow/etl-deployment-1",
        "Main Flow/december",
        "Main Flow/in-docker",
    }


def test_the_nightly_pipeline_reads_its_secrets_and_completes(
    worker: PrefectClient, server: PrefectServer, settings: Settings
) -> None:
    live = made(worker, server, settings["Pipeline Data Complet/production-daily"], directory=str(FLOWS))

    assert live["description"] == "Azure Function, then Snowflake, then dbt."
    assert sorted(live["tags"]) == ["daily", "data-pipeline", "production"]
    assert live["schedules"][0]["schedule"] == {"cron": "0 2 * * *", "timezone": "Europe/Paris", "day_or": True}
    run = completed(worker, live)
    assert sorted(run["tags"]) == ["daily", "data-pipeline", "production"]


def test_a_flow_with_parameters_gets_those_of_its_deployment(
    worker: PrefectClient, server: PrefectServer, settings: Settings
) -> None:
    live = made(worker, server, settings["Main Flow/etl-deployment-1"], directory=str(FLOWS / "etl"))

    properties = live["parameter_openapi_schema"]["properties"]
    in_order = sorted(properties, key=lambda name: properties[name]["position"])
    assert in_order == ["table_name", "csv_name", "data_path", "chunk_rows"], (
        "the form of the UI has them in this order"
    )
    assert live["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    run = completed(worker, live)
    assert run["parameters"] == {"table_name": "ecommerce_data_all", "csv_name": "2019-Dec.csv,2019-Nov.csv"}


def test_a_project_with_a_prefect_yaml_is_cloned_by_the_worker_with_credentials_from_a_block(
    worker: PrefectClient, server: PrefectServer, settings: Settings, git: GitServer
) -> None:
    live = made(worker, server, settings["Main Flow/december"], repository=f"{git.url}/etl.git")

    ((name, arguments),) = live["pull_steps"][0].items()
    assert name == "prefect.deployments.steps.git_clone"
    assert arguments["credentials"] == "{{ prefect.blocks.github-credentials.etl }}"
    assert sorted(live["tags"]) == ["ecommerce", "project-etl"]
    run = completed(worker, live)
    assert run["parameters"]["table_name"] == "december"


def test_a_flow_in_an_image_is_told_the_image_and_the_credentials_of_its_registry(
    stocked: PrefectClient, server: PrefectServer, settings: Settings
) -> None:
    live = made(stocked, server, settings["Main Flow/in-docker"])

    hub = blocks.find(stocked, "docker-registry-credentials", "hub")
    assert hub is not None
    assert live["work_pool_name"] == "docker-etl"
    assert live["job_variables"] == {
        "image": "registry.example.com/etl:2026-11-21",
        "registry_credentials": {"$ref": {"block_document_id": hub["id"]}},
    }
