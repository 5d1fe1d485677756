"""A preview is the plan of machines that need not be there yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import NewStack
from tests.engine.stack import NAME, Stack

PREVIEW_SECONDS = 10
OF_THE_HOST = {"this-machine", *(f"this-machine-{part}" for part in ("preflight", "prepare", "supervisor", "launcher"))}
OF_POSTGRES = {
    "postgres",
    *(
        f"postgres-{part}"
        for part in ("install", "cluster", "memory", "configuration", "access", "identities", "configured")
    ),
    *(f"postgres-{part}" for part in ("service-definition", "service", "admin-password", "connection")),
    *(f"postgres-{part}" for part in ("role", "backup-role", "monitoring-role", "database", "pg-trgm")),
}
OF_PREFECT = {
    *("this-machine-prefect", *(f"this-machine-prefect-{part}" for part in ("requirements", "install", "canary-flow"))),
    *("server", *(f"server-{part}" for part in ("settings", "secrets", "migration-program", "migration"))),
    *("server-service-definition", "server-service"),
    *("pool-default", "pool-default-pool", "secrets", "secrets-example", "worker-default"),
    *(
        f"worker-default-{part}"
        for part in ("program", "settings", "secrets", "drain", "service-definition", "service")
    ),
    "canary-default",
}


@pytest.fixture
def unmade(new_stack: NewStack) -> Iterator[Stack]:
    """Make a clone in which nothing was ever up."""
    with new_stack() as fresh:
        yield fresh


def test_the_defaults_plan_a_whole_prefect_on_this_machine(unmade: Stack) -> None:
    (unmade.layout.root / f"Pulumi.{NAME}.yaml").unlink()
    unmade.make("preview")
    planned = unmade.preview()
    assert set(planned.values()) == {"create"}
    assert planned.keys() == {f"prefect-selfhost-{NAME}", *OF_THE_HOST, *OF_POSTGRES, *OF_PREFECT}


def test_a_preview_is_quick_and_leaves_the_machine_alone(unmade: Stack) -> None:
    unmade.make("preview")
    result = unmade.pulumi("preview")
    assert result.seconds < PREVIEW_SECONDS
    assert not unmade.host.exists()
    assert not any(Path(unmade.environment["HOME"]).iterdir())
