"""Stacks with more than one of everything."""

import json
from typing import Any

import pytest

from tests.graph.recorder import Graph, record
from tests.settings.stack_file import stack_file

TWO_OF_EACH: dict[str, Any] = {
    "workPools": {"etl": {"concurrencyLimit": 1}, "ml": {}},
    "workers": {
        "etl-1": {"workPool": "etl"},
        "etl-2": {"workPool": "etl", "healthPort": 4211},
        "ml-1": {"workPool": "ml", "healthPort": 4212},
    },
    "secretBlock-a": "value-a",
    "secretBlock-b": "value-b",
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return record(stack_file(**TWO_OF_EACH))


def test_each_entry_of_the_stack_file_is_a_component(graph: Graph) -> None:
    assert graph.of_type("prefect-selfhost:index:WorkPool") == {"pool-etl", "pool-ml"}
    workers = {"worker-etl-1", "worker-etl-2", "worker-ml-1"}
    assert graph.of_type("prefect-selfhost:index:PrefectWorkerHost") == workers
    assert graph.children("secrets") == {"secrets-a", "secrets-b"}


def test_workers_of_one_host_share_its_runtime(graph: Graph) -> None:
    assert graph.of_type("prefect-selfhost:index:PrefectRuntime") == {"this-machine-prefect"}


def test_a_worker_waits_for_its_own_pool_only(graph: Graph) -> None:
    assert "pool-etl-pool" in graph.before("worker-etl-2-service")
    assert "pool-ml-pool" not in graph.before("worker-etl-2-service")


def test_a_pools_canary_waits_for_all_of_its_workers_and_no_others(graph: Graph) -> None:
    services = {name for name in graph.before("canary-etl") if name.startswith("worker-") and name.endswith("-service")}
    assert services == {"worker-etl-1-service", "worker-etl-2-service"}


def test_no_two_steps_write_the_same_file_or_run_the_same_service(graph: Graph) -> None:
    files = [r.inputs["delete"] for r in graph.resources.values() if str(r.inputs.get("delete")).startswith("rm -f ")]
    assert len(files) == len(set(files)) > 10


def test_a_pool_without_a_limit_has_none(graph: Graph) -> None:
    assert graph.resources["pool-etl-pool"].inputs["concurrency_limit"] == 1
    assert "concurrency_limit" not in graph.resources["pool-ml-pool"].inputs


def test_a_pool_without_a_worker_has_no_canary() -> None:
    workers = {"only": {"workPool": "etl"}}
    graph = record(stack_file(workPools={"etl": {}, "idle": {}}, workers=workers))

    assert graph.of_type("pulumi-python:dynamic/prefect:CanaryRun") == {"canary-etl"}


def test_without_secret_blocks_the_component_is_empty() -> None:
    assert record(stack_file()).children("secrets") == set()


def test_hosts_are_each_made_ready_and_get_what_is_theirs_and_one_without_anything_is_left_alone() -> None:
    graph = record(
        stack_file(
            hosts={name: {"platform": "local"} for name in ("data", "web", "work", "spare")},
            postgres={"host": "data"},
            server={"hosts": ["web"]},
            workers={"default": {"host": "work"}},
        )
    )

    assert graph.of_type("prefect-selfhost:index:Host") == {"data", "web", "work"}
    assert graph.of_type("prefect-selfhost:index:PrefectRuntime") == {"web-prefect", "work-prefect"}
    for name, host in (("postgres-install", "data"), ("server-service", "web"), ("worker-default-service", "work")):
        assert f"{host}-prepare" in graph.resources[name].depends_on


@pytest.fixture(scope="module")
def servers() -> Graph:
    """Record a database, a server and a worker on hosts of their own, as a preview does: it goes to none of them."""
    addresses = {"data": "10.0.0.10", "web": "10.0.0.11", "work": "10.0.0.12"}
    hosts = {
        name: {"platform": "linux", "address": address, "hostKey": "ssh-ed25519 AAAA"}
        for name, address in addresses.items()
    }
    values = stack_file(
        hosts=hosts, postgres={"host": "data"}, server={"hosts": ["web"]}, workers={"default": {"host": "work"}}
    )
    return record(values, preview=True)


def test_what_holds_data_on_servers_is_protected_and_nothing_else(servers: Graph) -> None:
    protected = {resource.name for resource in servers.resources.values() if resource.protect}
    assert protected == {"postgres-cluster", "postgres-database", "backups-prepare"}


def test_the_database_is_backed_up_before_it_is_migrated(servers: Graph) -> None:
    assert "backups-before-migration" in servers.before("server-migration")


def test_a_worker_elsewhere_comes_by_the_proxy_and_is_told_whom_to_trust(servers: Graph) -> None:
    settings = str(servers.resources["worker-default-settings"].inputs["stdin"])
    assert "PREFECT_API_URL=https://10.0.0.11/api\n" in settings
    assert "PREFECT_API_SSL_CERT_FILE=/etc/prefect/flows/prefect-worker-default.ca.pem\n" in settings
    assert {"proxy-site", "worker-default-certificate-authority"} <= servers.before("worker-default-service")


def test_a_server_elsewhere_reaches_the_database_by_verified_tls(servers: Graph) -> None:
    settings = str(servers.resources["server-settings"].inputs["stdin"])
    assert "PREFECT_SERVER_DATABASE_HOST=10.0.0.10\n" in settings
    assert "_CONNECT_ARGS_TLS_CA_FILE=/etc/prefect/prefect-server.database-ca.pem\n" in settings
    assert "server-database-authority" in servers.before("server-migration")


def test_each_host_lets_in_only_what_is_asked_of_it(servers: Graph) -> None:
    rules = {name: str(servers.resources[f"{name}-firewall-rules"].inputs["stdin"]) for name in ("data", "web", "work")}
    assert "ip saddr { 10.0.0.11 } tcp dport 5432 accept" in rules["data"]
    assert "tcp dport 443 accept" in rules["web"]
    assert "dport 443" not in rules["data"] + rules["work"]


@pytest.fixture(scope="module")
def containers() -> Graph:
    """Record a server's host with a worker that starts processes, and another host with two that start containers."""
    hosts = {
        name: {"platform": "linux", "address": address, "hostKey": "ssh-ed25519 AAAA"}
        for name, address in {"web": "10.0.0.11", "work": "10.0.0.12"}.items()
    }
    values = stack_file(
        hosts=hosts,
        postgres={"host": "web"},
        server={"hosts": ["web"]},
        workPools={
            "etl": {},
            "images": {"type": "docker", "jobVariables": {"image": "etl:1.4", "volumes": ["/srv:/srv"]}},
        },
        workers={
            "plain": {"host": "web", "workPool": "etl"},
            "first": {"host": "work", "workPool": "images"},
            "second": {"host": "work", "workPool": "images", "healthPort": 4211},
        },
    )
    return record(values, preview=True)


def test_docker_is_installed_once_and_only_where_workers_start_containers(containers: Graph) -> None:
    assert {name for name in containers.resources if name.endswith("-docker")} == {"work-prefect-docker"}
    for worker in ("first", "second"):
        assert "work-prefect-docker" in containers.before(f"worker-{worker}-service")


def test_the_library_that_speaks_to_docker_is_installed_only_there(containers: Graph) -> None:
    assert "directory=/opt/prefect/prefect-docker-" in str(containers.resources["work-prefect-install"].inputs["stdin"])
    assert "directory=/opt/prefect/prefect-3" in str(containers.resources["web-prefect-install"].inputs["stdin"])
    assert {name for name in containers.resources if "docker-requirements" in name} == {
        "work-prefect-docker-requirements"
    }


def test_only_workers_that_start_containers_have_the_rights_of_dockers_group(containers: Graph) -> None:
    members = {
        name
        for name, resource in containers.resources.items()
        if "SupplementaryGroups=docker" in str(resource.inputs.get("stdin"))
    }
    assert members == {"worker-first-service-definition", "worker-second-service-definition"}


def test_containers_find_the_api_and_the_canary_as_their_worker_does(containers: Graph) -> None:
    assert json.loads(containers.resources["pool-images-pool"].inputs["job_variables"]) == {
        "image": "etl:1.4",
        "network_mode": "host",
        "volumes": ["/etc/prefect/flows:/etc/prefect/flows:ro", "/srv:/srv"],
    }
    assert "job_variables" not in containers.resources["pool-etl-pool"].inputs
