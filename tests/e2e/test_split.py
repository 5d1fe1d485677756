"""Database, server and two workers, each on a host of its own. The order of the tests counts."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import NewDeployment
from tests.e2e.deployment import DATABASE, NEW, OLD, SERVER, Deployment, RecordProperty
from tests.e2e.outage import longest_outage
from tests.e2e.scan import answering, exposed_by_systemd, exposed_in_files, guarded_in_files
from tests.hosts.command_lines import command_lines_of_all_processes
from tests.hosts.debian_host import BootHosts
from tests.waiting import wait_until

HOSTS = ("database", "server", "east", "west")
EAST, WEST = "prefect-worker-east", "prefect-worker-west"
PLACES = {("database", DATABASE), ("server", SERVER), ("server", "nginx"), ("east", EAST), ("west", WEST)}


@pytest.fixture(scope="module")
def split(debian_hosts: BootHosts, new_deployment: NewDeployment) -> Iterator[Deployment]:
    """Bring the stack up as its owner would."""
    with new_deployment(dict(zip(HOSTS, debian_hosts(len(HOSTS)), strict=True)), "server") as deployment:
        with command_lines_of_all_processes() as deployment.seen_command_lines:
            deployment.first_up(
                {
                    "postgres": {"host": "database"},
                    "server": {"hosts": ["server"], "version": OLD},
                    "workPools": {"default": {"type": "process"}},
                    "workers": {
                        # so that one alone cannot take all flow runs of a test
                        "east": {"host": "east", "workPool": "default", "limit": 2},
                        "west": {"host": "west", "workPool": "default", "limit": 2},
                    },
                    "protect": False,
                    "purgeOnDestroy": True,
                }
            )
        yield deployment


def test_up_puts_each_service_onto_its_host(split: Deployment) -> None:
    assert split.outputs()["canaryRuns"] == {"default": "COMPLETED"}
    assert split.all_processes().keys() == PLACES


def test_a_second_up_and_a_refresh_find_nothing_to_do(split: Deployment) -> None:
    with split.restarts() as restarted:
        output = split.up().output
    assert re.search(r"Resources:\n +\d+ unchanged\n", output), output
    assert restarted == set()
    split.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_flows_run_on_both_workers(split: Deployment) -> None:
    runs = [split.greet(name=f"number {number}", seconds=5) for number in range(6)]
    assert {split.end_of(run) for run in runs} == {"COMPLETED"}
    for host in ("east", "west"):
        assert any(split.has_logged(run, f"here is {split.hosts[host].name}") for run in runs), f"none ran on {host}"


def test_from_outside_only_ssh_and_https_answer(split: Deployment) -> None:
    found = {name: answering(host) for name, host in split.hosts.items()}
    assert found == {"database": {22}, "server": {22, 80, 443}, "east": {22}, "west": {22}}


def test_the_database_answers_the_server_alone(split: Deployment) -> None:
    address = split.hosts["database"].address
    dial = f"timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/5432'"
    reaching = {name for name in HOSTS[1:] if split.hosts[name].run(dial, check=False).returncode == 0}
    assert reaching == {"server"}


def test_a_host_knows_only_the_secrets_that_it_needs(split: Deployment) -> None:
    known = {name: set().union(*guarded_in_files(split, host).values()) for name, host in split.hosts.items()}
    assert known == {
        "database": set(),
        "server": {"databasePassword", "authString", "encryptionKey"},
        "east": {"authString"},
        "west": {"authString"},
    }


def test_no_secret_is_where_others_could_see_it(split: Deployment) -> None:
    for host in split.hosts.values():
        assert exposed_in_files(split, host) == {}
        assert exposed_by_systemd(split, host) == set()
    assert split.shown_secrets("\n".join(split.seen_command_lines)) == set()


@pytest.mark.parametrize("name", HOSTS)
def test_everything_comes_back_after_the_reboot_of_a_host(split: Deployment, name: str) -> None:
    due_meanwhile = split.create_flow_run(in_seconds=20)
    split.hosts[name].reboot()
    wait_until(lambda: split.all_processes().keys() == PLACES, f"all services, after the reboot of {name}", within=90)
    split.wait_until_it_serves()
    split.expect_completed(due_meanwhile)


def test_another_worker_is_left_alone_when_one_goes(split: Deployment) -> None:
    split.config_rm("workers.west")
    with split.restarts() as restarted:
        split.up()
    assert restarted == set()
    assert split.all_processes().keys() == PLACES - {("west", WEST)}
    split.config_set("workers.west.host", "west")
    split.config_set("workers.west.workPool", "default")
    with split.restarts() as restarted:
        split.up()
    assert restarted == set()
    assert split.all_processes().keys() == PLACES


@pytest.mark.parametrize("version", [NEW, OLD])
def test_another_version_takes_over_on_every_host(
    split: Deployment, version: str, record_property: RecordProperty
) -> None:
    split.config_set("server.version", version)
    server = split.hosts["server"]
    with split.restarts() as restarted, longest_outage(server, "http://127.0.0.1:4200/api/ready") as outage:
        split.up()
    record_property("the API was away for", f"{outage.seconds:.1f} s")
    assert restarted == {SERVER, EAST, WEST}
    assert split.server_version() == version
    assert split.end_of(split.greet(name=version)) == "COMPLETED"
    split.expect_no_changes()


def test_destroy_with_purge_leaves_nothing(split: Deployment) -> None:
    split.pulumi("destroy", "--yes", "--skip-preview")
    assert split.all_processes() == {}
    for name, host in split.hosts.items():
        left = host.run("find / -xdev -name '*prefect*' -not -path '/srv/*'; getent passwd prefect", check=False).stdout
        assert left == "", f"left on {name}:\n{left}"
