"""Everything on one server: from a bare Debian, through its changes, to its removal."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.e2e.conftest import NewDeployment
from tests.e2e.deployment import DATABASE, SERVER, WORKER, Deployment
from tests.hosts.debian_host import BootHosts
from toolchain.stack import password

OLD, NEW = "3.8.7", "3.8.8"


@pytest.fixture(scope="module")
def vps(debian_hosts: BootHosts, new_deployment: NewDeployment) -> Iterator[Deployment]:
    """Bring the stack up as its owner would; the tests of this module change it in their order."""
    (host,) = debian_hosts(1)
    with new_deployment({"vps": host}, "vps") as deployment:
        deployment.write_stack_file({"server": {"version": OLD}})
        deployment.make_ready()
        deployment.make("up", f"STACK={deployment.name}", "YES=1")
        deployment.place_flows()
        yield deployment


@pytest.mark.short
def test_up_from_a_bare_host_ends_with_a_completed_canary(vps: Deployment) -> None:
    assert vps.outputs()["canaryRuns"] == {"default": "COMPLETED"}
    assert vps.processes("vps").keys() >= {DATABASE, SERVER, WORKER}


@pytest.mark.short
def test_a_second_up_changes_and_restarts_nothing(vps: Deployment) -> None:
    with vps.restarts() as restarted:
        output = vps.up().output
    assert re.search(r"Resources:\n +\d+ unchanged\n", output), output
    assert restarted == set()


@pytest.mark.short
def test_a_preview_finds_nothing_to_do(vps: Deployment) -> None:
    vps.expect_no_changes()


@pytest.mark.short
def test_a_refresh_finds_the_host_as_it_is_in_the_state(vps: Deployment) -> None:
    vps.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.mark.short
def test_a_flow_of_a_user_runs_with_its_parameters(vps: Deployment) -> None:
    flow_run = vps.greet(name="a user")
    assert vps.end_of(flow_run) == "COMPLETED"
    vps.expect_logged(flow_run, "Hello, a user")


@dataclass(frozen=True)
class Change:
    """A change of one setting.

    Attributes:
        setting: what is changed.
        make: changes it.
        restarts: units that get a new process; all others keep theirs.
    """

    setting: str
    make: Callable[[Deployment], None]
    restarts: set[str] = field(default_factory=set)


def plain(path: str, value: str) -> Change:
    return Change(path, lambda vps: vps.config_set(path, value))


def secret(key: str, *restarts: str, prefix: str = "") -> Change:
    return Change(key, lambda vps: vps.config_set_secret(key, prefix + password()), set(restarts))


CHANGES = [
    plain("workPools.default.concurrencyLimit", "5"),
    secret("secretBlock-example"),
    secret("databaseAdminPassword"),
    secret("databasePassword", SERVER),
    secret("authString", SERVER, WORKER, prefix="admin:"),
]


@pytest.mark.short
def test_another_log_level_restarts_the_server_alone(vps: Deployment) -> None:
    vps.config_set("server.logLevel", "DEBUG")
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == {SERVER}
    vps.expect_no_changes()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.setting)
def test_a_change_restarts_what_reads_the_setting_and_nothing_else(vps: Deployment, change: Change) -> None:
    change.make(vps)
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == change.restarts
    assert vps.end_of(vps.greet(name="after the change")) == "COMPLETED"
