"""What an edit of the stack file changes: this and nothing else. Everything that changes runs again on a host."""

from typing import Any

import pytest

from tests.graph.recorder import Graph, record, text
from tests.settings.stack_file import stack_file

BLOCK = {"secretBlock-token": "block-c0ffee-77"}


@pytest.fixture(scope="module")
def before() -> Graph:
    return record(stack_file(**BLOCK))


def changed(before: Graph, **edits: Any) -> set[str]:
    """Return the names of the resources whose inputs an edit changes; it must not add or remove any."""
    after = record(stack_file(**{**BLOCK, **edits}))
    assert set(after.resources) == set(before.resources)
    return {name for name, resource in after.resources.items() if resource.inputs != before.resources[name].inputs}


CHECKS = {"this-machine-preflight", "this-machine-prepare"}
SERVER = {"server-service", "canary-default"}
WORKER = {"worker-default-service", "canary-default"}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({}, set()),
        ({"server": {"logLevel": "DEBUG"}}, {"server-settings"} | SERVER),
        ({"databasePassword": "another-password"}, {"postgres-role", "server-secrets"} | SERVER),
        ({"databaseAdminPassword": "another-password"}, {"postgres-admin-password", "postgres-connection"}),
        (
            {"authString": "ops:another-password"},
            {"worker-default-drain", "server-secrets", "worker-default-secrets"} | SERVER | WORKER,
        ),
        ({"encryptionKey": "B" * 43 + "="}, {"server-secrets"} | SERVER),
        ({"secretBlock-token": "another"}, {"secrets-token"}),
        ({"workPools": {"default": {"concurrencyLimit": 2}}}, {"pool-default-pool"}),
        ({"workers": {"default": {"healthPort": 4300}}}, {"worker-default-settings"} | CHECKS | WORKER),
        (
            {"server": {"port": 4300}},
            {
                *("server-settings", "worker-default-settings", "pool-default-pool", "secrets-token"),
                *(CHECKS | SERVER | WORKER),
            },
        ),
        ({"postgres": {"maxConnections": 200}}, {"postgres-configuration", "postgres-configured"}),
        ({"postgres": {"settings": {"work_mem": "8MB"}}}, {"postgres-configuration", "postgres-configured"}),
        ({"purgeOnDestroy": True}, {"this-machine-prepare"}),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else "",
)
def test_an_edit_changes_what_it_is_about(before: Graph, edit: dict[str, Any], expected: set[str]) -> None:
    assert changed(before, **edit) == expected


def test_whether_destroy_deletes_the_data_reaches_the_script_that_does_it(before: Graph) -> None:
    purging = record(stack_file(purgeOnDestroy=True))

    assert "\npurge=false\n" in text(before.resources["this-machine-prepare"].inputs["stdin"])
    assert "\npurge=true\n" in text(purging.resources["this-machine-prepare"].inputs["stdin"])


def test_a_preview_shows_the_same_files_as_the_update_writes() -> None:
    """All is known beforehand but what a host answers, which those scripts are told that may restart a service."""
    values = stack_file(**BLOCK, postgres={"memoryMib": 4096})
    update, preview = record(values), record(values, preview=True)

    restart = {"postgres-configured", "postgres-service", "server-service", "worker-default-service"}
    for name in set(update.resources) - restart:
        assert preview.resources[name].inputs == update.resources[name].inputs


def test_a_memory_that_is_not_given_is_known_once_the_host_was_asked(before: Graph) -> None:
    values = stack_file(**BLOCK, postgres={"memoryMib": 4096})

    assert (
        before.resources["postgres-configuration"].inputs == record(values).resources["postgres-configuration"].inputs
    )
    unknown = record(stack_file(**BLOCK), preview=True).resources["postgres-configuration"].inputs
    assert text(unknown["stdin"]) not in text(before.resources["postgres-configuration"].inputs["stdin"])
