"""A preview names exactly what a changed setting changes; an update restarts what reads it, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.engine.stack import Stack
from toolchain.stack import password

DATABASE, SERVER, WORKER = "prefect-postgresql", "prefect-server", "prefect-worker-default"


@dataclass(frozen=True)
class Change:
    """A change of one setting.

    Attributes:
        setting: what is changed.
        make: changes it.
        updates: resources that the preview names.
        restarts: services that get a new process.
    """

    setting: str
    make: Callable[[Stack], None]
    updates: set[str]
    restarts: set[str] = field(default_factory=set)


def secret(key: str, prefix: str = "") -> Callable[[Stack], None]:
    """Return what gives a secret setting a new value."""
    return lambda stack: stack.config_set_secret(key, prefix + password())


CHANGES = [
    Change(
        "workPools.default.concurrencyLimit",
        lambda stack: stack.config_set("workPools.default.concurrencyLimit", "5"),
        updates={"pool-default-pool"},
    ),
    Change("secretBlock-example", secret("secretBlock-example"), updates={"secrets-example"}),
    Change(
        "databaseAdminPassword",
        secret("databaseAdminPassword"),
        updates={"postgres-connection", "postgres-admin-password"},
    ),
    Change(
        "databasePassword",
        secret("databasePassword"),
        updates={"postgres-role", "server-secrets", "server-service", "canary-default"},
        restarts={SERVER},
    ),
    Change(
        "authString",
        secret("authString", prefix="admin:"),
        updates={
            *("server-secrets", "server-service"),
            *("worker-default-drain", "worker-default-secrets", "worker-default-service"),
            "canary-default",
        },
        restarts={SERVER, WORKER},
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.setting)
def test_a_change_touches_what_reads_the_setting_and_nothing_else(stack: Stack, change: Change) -> None:
    before = stack.services()
    change.make(stack)
    assert stack.preview() == dict.fromkeys(change.updates, "update")
    stack.up()
    after = stack.services()
    assert after.keys() == before.keys() == {DATABASE, SERVER, WORKER}
    assert {name for name in after if after[name] != before[name]} == change.restarts
    assert stack.preview() == {}


def test_the_preview_shows_the_lines_of_the_file_that_change(stack: Stack) -> None:
    before = stack.services()
    stack.config_set("server.logLevel", "DEBUG")
    assert stack.preview() == dict.fromkeys(["server-settings", "server-service", "canary-default"], "update")
    lines = {line.strip() for line in stack.pulumi("preview", "--diff").output.splitlines()}
    assert {"- PREFECT_LOGGING_LEVEL=INFO", "+ PREFECT_LOGGING_LEVEL=DEBUG"} <= lines
    stack.up()
    after = stack.services()
    assert {name for name in after if after[name] != before[name]} == {SERVER}
    assert "PREFECT_LOGGING_LEVEL=DEBUG" in (stack.host / "configuration/prefect-server.env").read_text()


def test_a_second_pool_with_a_worker_comes_and_goes_beside_the_first(stack: Stack) -> None:
    before = stack.services()
    stack.config_set("workPools.default.type", "process")
    stack.config_set("workers.default.workPool", "default")
    assert stack.preview() == {}, "what is said by name now is what was meant before"

    stack.config_set("workPools.second.type", "process")
    stack.config_set("workers.second.workPool", "second")
    stack.config_set("workers.second.healthPort", str(stack.ports.second_worker))
    ours = {"pool-second", "pool-second-pool", "worker-second", "canary-second"} | {
        f"worker-second-{part}" for part in ("program", "settings", "secrets", "drain", "service-definition", "service")
    }
    # the host knows the ports of its services
    ports = dict.fromkeys(["this-machine-preflight", "this-machine-prepare"], "update")
    assert stack.preview() == ports | dict.fromkeys(ours, "create")
    stack.up()
    with_second = stack.services()
    assert {name: with_second[name] for name in before} == before
    assert with_second.keys() - before.keys() == {"prefect-worker-second"}
    assert stack.outputs()["canaryRuns"] == {"default": "COMPLETED", "second": "COMPLETED"}

    stack.config_rm("workPools.second")
    stack.config_rm("workers.second")
    assert stack.preview() == ports | dict.fromkeys(ours, "delete")
    stack.up()
    assert stack.services() == before
    assert stack.outputs()["workPools"] == ["default"]
    assert not list((stack.host / "configuration").rglob("*second*"))
