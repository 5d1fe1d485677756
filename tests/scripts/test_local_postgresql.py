"""A real PostgreSQL cluster: made once, never by other programs' version, and its password set and set anew.

Its configuration is checked, reloaded, and taken back where PostgreSQL does not start with it.
"""

import os
import socket
import subprocess
import time
from secrets import token_hex

import pytest

from components.platforms import HostFile, Service
from components.postgresql.access import cluster_access, identities, pg_hba_conf, pg_ident_conf
from components.postgresql.configuration import ClusterLayout, postgresql_conf
from components.postgresql.tuning import tuning
from tests.scripts.conftest import POSTGRESQL
from tests.scripts.local_host import LocalHost
from tests.waiting import wait_until

SERVICE = "prefect-postgresql"
START = {"environment": "", "start_seconds": "30", "settle_seconds": "0", "fingerprint": "one", "changes": ""}


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


def start(host: LocalHost, port: int, **settings: str) -> str:
    path = host.platform.path
    configure(host, port, **settings)
    service = Service(
        name=SERVICE,
        description="PostgreSQL",
        command=(path("runtime", "postgresql", "postgres"), "-D", path("configuration", "postgresql")),
        user="postgres",
        working_directory=path("data"),
        health_url=f"postgresql://127.0.0.1:{port}",
        stop_signal="INT",
    )
    host.define(service)
    return host.run("service", service=service.name, health_url=service.health_url, **START)


def declare(host: LocalHost, port: int, *, access: str | None = None, **settings: str) -> None:
    """Write the files that the configuration is declared by."""
    path = host.platform.path
    layout = ClusterLayout(
        data_directory=path("data", "postgresql"),
        access_file=path("configuration", "postgresql", "pg_hba.conf"),
        identity_file=path("configuration", "postgresql", "pg_ident.conf"),
        socket_directory=path("run"),
        addresses=("127.0.0.1",),
        port=port,
    )
    who = identities(service_user(host))
    files = {
        "postgresql.conf": postgresql_conf(layout, 20, {**tuning(1024, 20), **settings}),
        "pg_hba.conf": access or pg_hba_conf(who, cluster_access((), ())),
        "pg_ident.conf": pg_ident_conf(who),
    }
    for name, content in files.items():
        host.write(HostFile(path=path("configuration", "postgresql", "declared", name), content=content))


def service_user(host: LocalHost) -> str:
    return "prefect" if host.user == "root" else host.user


def configure(host: LocalHost, port: int, *, access: str | None = None, **settings: str) -> str:
    """Declare a configuration and put it into force."""
    declare(host, port, access=access, **settings)
    return host.run("apply-postgresql-configuration", service=SERVICE)


def show(host: LocalHost, port: int, name: str) -> str:
    """Return what a setting is in a session of the administrator, over the socket."""
    return execute(host, port, f"SHOW {name}")


def execute(host: LocalHost, port: int, *statements: str) -> str:
    """Return what the administrator is answered over the socket."""
    psql = str(host.root / "runtime" / "postgresql" / "psql")
    command = [psql, "-XAtqw", "-h", str(host.root / "run"), "-p", str(port), "-U", "postgres", "-d", "postgres"]
    as_user = [] if os.geteuid() else ["runuser", "-u", service_user(host), "--"]
    asked = [*as_user, *command, *(f"--command={one}" for one in statements)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def log_in(host: LocalHost, port: int, password: str) -> bool:
    psql = str(host.root / "runtime" / "postgresql" / "psql")
    command = [psql, "-XAtqw", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", "postgres", "-c", "SELECT 1"]
    environment = {**os.environ, "PGPASSWORD": password}
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode == 0


def test_the_programs_are_installed_once(installed_host: LocalHost) -> None:
    assert installed_host.run("install-postgresql", lock=POSTGRESQL).startswith("unchanged: ")
    assert (installed_host.root / "runtime" / "postgresql" / "postgres").exists()
    assert installed_host.run("prepare-host", ports="", purge="false").startswith("unchanged: ")
    assert installed_host.run("install-postgresql", "drift", lock=POSTGRESQL) == ""
    assert installed_host.run("prepare-host", "drift", ports="", purge="false") == ""


def test_a_cluster_is_made_once(cluster: LocalHost, port: int) -> None:
    assert cluster.run("create-postgresql-cluster", lock=POSTGRESQL).startswith("unchanged: ")
    assert start(cluster, port) == f"unchanged: {SERVICE} runs and is healthy"
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
        assert cluster.run("set-postgresql-password", "drift", **settings) == ""
        assert log_in(cluster, port, password)
        assert not log_in(cluster, port, "another")
        other = {**settings, "password": "another"}
        assert cluster.run("set-postgresql-password", "drift", **other) == "role postgres: another password"
        assert password not in (cluster.root / "log" / f"{SERVICE}.log").read_text()


class TestConfiguration:
    """What is declared is put into force, or what was in force stays."""

    def test_the_same_again_changes_nothing(self, cluster: LocalHost, port: int) -> None:
        assert configure(cluster, port) == "unchanged: the configuration is in force"

    def test_a_setting_that_can_be_reloaded_is(self, cluster: LocalHost, port: int) -> None:
        process = postmaster(cluster)
        assert configure(cluster, port, work_mem="7MB") == "changed: reloaded"
        assert show(cluster, port, "work_mem") == "7MB"
        assert configure(cluster, port, work_mem="7MB") == "unchanged: the configuration is in force"
        assert configure(cluster, port) == "changed: reloaded"
        assert postmaster(cluster) == process

    def test_a_setting_that_cannot_be_reloaded_restarts_postgresql(self, cluster: LocalHost, port: int) -> None:
        process = postmaster(cluster)
        settings = {"max_worker_processes": "9", "wal_buffers": "1MB", "work_mem": "6MB"}
        assert configure(cluster, port, **settings) == "changed: restarted for max_worker_processes, wal_buffers"
        assert show(cluster, port, "max_worker_processes") == "9"
        assert postmaster(cluster) != process
        assert configure(cluster, port, **settings) == "unchanged: the configuration is in force"
        # a setting that is not there any more is changed too
        assert configure(cluster, port) == "changed: restarted for max_worker_processes, wal_buffers"

    def test_what_postgresql_refuses_is_not_put_into_force(self, cluster: LocalHost, port: int) -> None:
        declare(cluster, port, wrok_mem="64")
        assert 'unrecognized configuration parameter "wrok_mem"' in failure(cluster)
        declare(cluster, port, work_mem="plenty")
        error = failure(cluster)
        assert "so the one in force stays. Mend postgres.settings." in error
        assert "line " in error
        assert "work_mem = 'plenty'" in error
        assert "plenty" not in (cluster.root / "configuration" / "postgresql" / "postgresql.conf").read_text()
        assert configure(cluster, port) == "unchanged: the configuration is in force"

    def test_a_mistake_in_who_may_connect_is_told_with_its_line(self, cluster: LocalHost, port: int) -> None:
        process = postmaster(cluster)
        declare(cluster, port, access="local all postgres peer map=postgres\nhost all all 10.0.0.1/32 scram\n")
        error = failure(cluster)
        assert "PostgreSQL refuses it: pg_hba.conf, line 2: invalid authentication method" in error
        assert "The one before is in force again." in error
        assert postmaster(cluster) == process
        assert configure(cluster, port) == "unchanged: the configuration is in force"

    def test_a_postgresql_that_does_not_start_gets_its_configuration_back(self, cluster: LocalHost, port: int) -> None:
        declare(cluster, port, shared_preload_libraries="nowhere_to_be_found", work_mem="5MB")
        error = failure(cluster)
        assert "PostgreSQL did not start with it, though it should for: shared_preload_libraries." in error
        assert 'could not access file "nowhere_to_be_found"' in error
        assert "The one before is in force again." in error
        assert show(cluster, port, "shared_preload_libraries") == ""
        assert show(cluster, port, "work_mem") != "5MB"
        assert configure(cluster, port) == "unchanged: the configuration is in force"

    def test_a_run_that_was_cut_off_is_finished_by_the_next(self, cluster: LocalHost, port: int) -> None:
        declare(cluster, port, work_mem="9MB")
        declared = cluster.root / "configuration" / "postgresql" / "declared" / "postgresql.conf"
        in_force = cluster.root / "configuration" / "postgresql" / "postgresql.conf"
        in_force.write_text(declared.read_text())
        # the clock of a file counts seconds, and PostgreSQL may have read the one before within this one
        later = time.time() + 2
        os.utime(in_force, (later, later))
        assert cluster.run("apply-postgresql-configuration", service=SERVICE) == "changed: reloaded"
        assert show(cluster, port, "work_mem") == "9MB"
        assert configure(cluster, port) == "changed: reloaded"

    def test_what_somebody_changed_has_drifted_and_is_put_back(self, cluster: LocalHost, port: int) -> None:
        configure(cluster, port, work_mem="6MB")
        assert drift(cluster) == ""
        execute(cluster, port, "ALTER SYSTEM SET work_mem = '1GB'", "SELECT pg_reload_conf()")
        wait_until(lambda: show(cluster, port, "work_mem") == "1GB", "work_mem to change")
        assert drift(cluster) == "PostgreSQL: ALTER SYSTEM has set work_mem"
        assert configure(cluster, port, work_mem="6MB") == "changed: reloaded"
        assert show(cluster, port, "work_mem") == "6MB"

        in_force = cluster.root / "configuration" / "postgresql" / "pg_hba.conf"
        in_force.write_text("local all all trust\n")
        assert drift(cluster) == f"{in_force}: content"
        assert configure(cluster, port, work_mem="6MB") == "changed: reloaded"
        assert drift(cluster) == ""

        execute(cluster, port, "ALTER SYSTEM SET max_connections = 33", "SELECT pg_reload_conf()")
        pending = "PostgreSQL: a restart is pending for max_connections"
        wait_until(lambda: drift(cluster) == pending, "the new value to be known")
        assert configure(cluster, port) == "changed: reloaded"
        assert drift(cluster) == ""

    def test_a_stopped_postgresql_starts_with_what_was_declared_meanwhile(self, cluster: LocalHost, port: int) -> None:
        cluster.run("service", "delete", service=SERVICE, health_url="", **START)
        at_start = "changed: the configuration is in force when PostgreSQL starts"
        assert configure(cluster, port, work_mem="3MB") == at_start
        assert start(cluster, port, work_mem="3MB") == f"changed: {SERVICE} started and is healthy"
        assert show(cluster, port, "work_mem") == "3MB"
        assert configure(cluster, port) == "changed: reloaded"


def drift(host: LocalHost) -> str:
    """Return the last line that is told of the configuration."""
    return host.run("apply-postgresql-configuration", "drift", service=SERVICE)


def failure(host: LocalHost) -> str:
    return host.failure("apply-postgresql-configuration", service=SERVICE)


def postmaster(host: LocalHost) -> str:
    """Return the process id of PostgreSQL."""
    return (host.root / "data" / "postgresql" / "postmaster.pid").read_text().splitlines()[0]
