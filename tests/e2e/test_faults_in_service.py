"""What befalls a stack in service is told clearly, loses nothing, and is healed by the next `pulumi up`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from components.prefect_api.errors import PrefectApiError
from tests.e2e.deployment import DATABASE, SERVER, WORKER, Deployment
from tests.hosts.postgresql_by_hand import sql
from tests.waiting import wait_until
from toolchain.stack import password

# each test heals with a whole `up`, some with two
pytestmark = pytest.mark.timeout(1200)

OLD, NEW = "3.8.0", "3.8.8"
BACKUPS = "/var/backups/prefect"
TAKEN = "ix_flow_run__state_type_coalesce_start_time"
"""Name of the index that the last of the three migrations from `OLD` to `NEW` makes."""


@pytest.fixture(scope="module")
def served(troubled: Deployment) -> Deployment:
    """Bring the stack up, unless the tests of its birth have."""
    troubled.up()
    return troubled


@contextmanager
def nothing_lost(served: Deployment) -> Iterator[None]:
    """Require that after the block one `up` heals everything and that nothing which was there before is gone."""
    runs, before = served.count_flow_runs(), served.processes("vps").keys()
    yield
    served.up()
    served.expect_no_changes()
    wait_until(lambda: served.processes("vps").keys() == before, f"{', '.join(before)} to run", within=60)
    assert served.count_flow_runs() >= runs, "flow runs were lost"
    assert served.secret_block("example") == served.secret("secretBlock-example")
    assert served.end_of(served.greet(name="after the fault")) == "COMPLETED"


def another_log_level(served: Deployment) -> None:
    """Change a setting, so that the next up restarts the server."""
    level = served.pulumi("config", "get", "--path", "server.logLevel", expect=None).output.strip()
    served.config_set("server.logLevel", "INFO" if level == "DEBUG" else "DEBUG")


def test_a_migration_that_fails_halfway_leaves_the_old_version_in_service(served: Deployment) -> None:
    host = served.hosts["vps"]
    with nothing_lost(served):
        revision = sql(host, "SELECT version_num FROM alembic_version")
        sql(host, f"CREATE SEQUENCE {TAKEN}")
        served.config_set("server.version", NEW)
        output = served.failing_up()
        assert "the database migration failed; the server's version before it still serves" in output
        assert f"{TAKEN} is missing or invalid after creation" in output
        assert sql(host, "SELECT version_num FROM alembic_version") != revision, "it did not fail halfway"
        assert served.server_version() == OLD
        assert served.end_of(served.greet(name="the old version")) == "COMPLETED"
        sql(host, f"DROP SEQUENCE {TAKEN}")
    assert served.server_version() == NEW


def test_the_version_before_a_migration_comes_back_with_its_schema(served: Deployment) -> None:
    with nothing_lost(served):
        served.config_set("server.version", OLD)
    assert served.server_version() == OLD


def test_an_upgrade_whose_backup_finds_no_room_is_not_begun(served: Deployment) -> None:
    host = served.hosts["vps"]
    with nothing_lost(served):
        host.run(f"mount -t tmpfs -o size=64k,mode=0700,uid=$(id -u postgres),gid=$(id -g postgres) tmpfs {BACKUPS}")
        served.config_set("server.version", NEW)
        output = served.failing_up()
        host.run(f"umount {BACKUPS}")
        assert "a backup may need" in output
        assert served.server_version() == OLD
    assert served.server_version() == NEW


def test_an_up_whose_network_is_cut_ends_and_says_so(served: Deployment, tmp_path: Path) -> None:
    host = served.hosts["vps"]
    process = served.processes("vps")[SERVER]
    with nothing_lost(served):
        another_log_level(served)
        log = tmp_path / "up.log"
        up = served.start_up(log)
        wait_until(lambda: served.processes("vps").get(SERVER) != process, "the server's restart", within=120)
        host.cut_network()
        try:
            assert up.wait(180) != 0, log.read_text()
        finally:
            host.restore_network()
        assert "updating failed" in log.read_text()


@pytest.mark.parametrize("unit", [DATABASE, SERVER, WORKER])
def test_a_killed_service_comes_back_by_itself(served: Deployment, unit: str) -> None:
    host, before = served.hosts["vps"], served.processes("vps")
    with nothing_lost(served):
        due_meanwhile = served.create_flow_run(in_seconds=20)
        host.run(f"kill -KILL {before[unit]}")
        wait_until(
            lambda: served.processes("vps").get(unit, before[unit]) != before[unit], f"another {unit}", within=60
        )
        served.expect_completed(due_meanwhile)


def test_up_heals_a_database_that_was_stopped(served: Deployment) -> None:
    with nothing_lost(served):
        served.hosts["vps"].run(f"systemctl stop {DATABASE}")
        another_log_level(served)


def test_a_change_inside_a_stopped_database_says_what_is_down(served: Deployment) -> None:
    with nothing_lost(served):
        served.hosts["vps"].run(f"systemctl stop {DATABASE}")
        served.config_set_secret("databasePassword", password())
        output = served.failing_up()
        assert "cannot connect to 127.0.0.1:5432" in output
        assert "See on that host whether anything listens there" in output
        served.hosts["vps"].run(f"systemctl start {DATABASE}")


def test_a_full_disk_stops_nothing_for_longer_than_it_is_full(served: Deployment) -> None:
    host = served.hosts["vps"]
    with nothing_lost(served):
        # what it frees when it stops is filled, too
        host.run(f"systemctl stop {DATABASE}")
        host.run("dd if=/dev/zero of=/var/lib/prefect/filler bs=1M", check=False)
        host.run(f"systemctl start {DATABASE}", check=False)
        with served.api() as client, pytest.raises(PrefectApiError):
            client.request("POST", "/flow_runs/count", {})
        another_log_level(served)
        output = served.failing_up()
        assert "The disk is full, 0 MiB are free in /var/lib/prefect: make room there" in output
        host.run("rm /var/lib/prefect/filler")


def test_a_flow_run_whose_worker_was_killed_does_not_run_for_ever(served: Deployment) -> None:
    with nothing_lost(served):
        flow_run = served.greet(name="somebody unlucky", seconds=600)
        served.expect_logged(flow_run, "Hello, somebody unlucky")
        served.hosts["vps"].run(f"kill -KILL {served.processes('vps')[WORKER]}")
        wait_until(
            lambda: served.state_of(flow_run) == "CRASHED", f"flow run {flow_run} to be called crashed", within=180
        )


def test_the_second_of_two_operators_is_told_to_wait(served: Deployment, tmp_path: Path) -> None:
    with nothing_lost(served):
        another_log_level(served)
        log = tmp_path / "up.log"
        up = served.start_up(log)
        wait_until(lambda: "updating" in log.read_text(), "the first operator's update", within=60)
        output = served.failing_up()
        assert "the stack is currently locked by 1 lock(s)" in output
        assert up.wait(300) == 0, log.read_text()
