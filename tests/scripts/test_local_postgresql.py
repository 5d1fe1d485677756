"""A real PostgreSQL cluster: made once, never by other programs' version, its password set and set anew."""

import os
import socket
import subprocess
from secrets import token_hex

import pytest

from components.platforms import HostFile, Service
from components.postgresql_configuration import ClusterLayout, pg_hba_conf, postgresql_conf
from tests.scripts.conftest import POSTGRESQL
from tests.scripts.local_host import LocalHost


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def cluster(installed_host: LocalHost, port: int) -> LocalHost:
    """Give a host with a running cluster."""
    installed_host.run("create-postgresql-cluster", lock=POSTGRESQL)
    start(installed_host, port)
    return installed_host


def start(host: LocalHost, port: int) -> str:
    path = host.platform.path
    layout = ClusterLayout(
        data_directory=path("data", "postgresql"),
        access_file=path("configuration", "postgresql", "pg_hba.conf"),
        identity_file=path("configuration", "postgresql", "pg_ident.conf"),
        socket_directory=path("run"),
        address="127.0.0.1",
        port=port,
    )
    host.write(
        HostFile(path=path("configuration", "postgresql", "postgresql.conf"), content=postgresql_conf(layout, 20))
    )
    host.write(HostFile(path=layout.access_file, content=pg_hba_conf("prefect", "prefect", layout.address)))
    service = Service(
        name="postgresql",
        description="PostgreSQL",
        command=(path("runtime", "postgresql", "postgres"), "-D", path("configuration", "postgresql")),
        user="postgres",
        working_directory=path("data"),
        health_url=f"postgresql://127.0.0.1:{port}",
        stop_signal="INT",
    )
    host.define(service)
    settings = {"environment": "", "start_seconds": "30", "settle_seconds": "0", "fingerprint": "one"}
    return host.run("service", service=service.name, health_url=service.health_url, **settings)


def log_in(host: LocalHost, port: int, password: str) -> bool:
    psql = str(host.root / "runtime" / "postgresql" / "psql")
    command = [psql, "-XAtqw", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", "postgres", "-c", "SELECT 1"]
    environment = {**os.environ, "PGPASSWORD": password}
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode == 0


def test_the_programs_are_installed_once(installed_host: LocalHost) -> None:
    assert installed_host.run("install-postgresql", lock=POSTGRESQL).startswith("unchanged: ")
    assert (installed_host.root / "runtime" / "postgresql" / "postgres").exists()
    assert installed_host.run("prepare-host", ports="", purge="false").startswith("unchanged: ")


def test_a_cluster_is_made_once(cluster: LocalHost, port: int) -> None:
    assert cluster.run("create-postgresql-cluster", lock=POSTGRESQL).startswith("unchanged: ")
    assert start(cluster, port) == "unchanged: postgresql runs and is healthy"
    assert cluster.owner(cluster.root / "data" / "postgresql").startswith("700 ")


def test_a_cluster_of_another_major_version_is_refused(cluster: LocalHost) -> None:
    version = cluster.root / "data" / "postgresql" / "PG_VERSION"
    version.write_text("17\n")
    try:
        error = cluster.failure("create-postgresql-cluster", lock=POSTGRESQL)
    finally:
        version.write_text("18\n")
    assert "is of PostgreSQL 17, the programs are of 18. Dump it with 17 and restore it into a new one." in error


def test_a_password_is_set_only_if_it_is_another(cluster: LocalHost, port: int) -> None:
    for password in (token_hex(16), f"{token_hex(8)} '\"$HOME`id`\\"):
        settings = {"port": str(port), "socket_directory": str(cluster.root / "run"), "password": password}
        assert cluster.run("set-postgresql-password", **settings).startswith("changed: ")
        assert cluster.run("set-postgresql-password", **settings).startswith("unchanged: ")
        assert log_in(cluster, port, password)
        assert not log_in(cluster, port, "another")
        assert password not in (cluster.root / "log" / "postgresql.log").read_text()
