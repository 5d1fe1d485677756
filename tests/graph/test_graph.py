"""The resources of the default stack: which there are, what waits for what, and how they end."""

import re

import pytest

from tests.graph.recorder import Graph, record
from tests.settings.stack_file import stack_file

COMMAND = "command:local:Command"
HOST = "this-machine"

EXPECTED = {
    ("prefect-selfhost:index:Host", HOST, None),
    (COMMAND, "this-machine-preflight", HOST),
    (COMMAND, "this-machine-prepare", HOST),
    (COMMAND, "this-machine-supervisor", HOST),
    (COMMAND, "this-machine-launcher", HOST),
    ("prefect-selfhost:index:PostgresHost", "postgres", None),
    (COMMAND, "postgres-install", "postgres"),
    (COMMAND, "postgres-cluster", "postgres"),
    (COMMAND, "postgres-memory", "postgres"),
    (COMMAND, "postgres-configuration", "postgres"),
    (COMMAND, "postgres-access", "postgres"),
    (COMMAND, "postgres-identities", "postgres"),
    (COMMAND, "postgres-configured", "postgres"),
    (COMMAND, "postgres-service-definition", "postgres"),
    (COMMAND, "postgres-service", "postgres"),
    (COMMAND, "postgres-admin-password", "postgres"),
    ("pulumi:providers:postgresql", "postgres-connection", "postgres"),
    ("postgresql:index/role:Role", "postgres-role", "postgres"),
    ("postgresql:index/role:Role", "postgres-backup-role", "postgres"),
    ("postgresql:index/role:Role", "postgres-monitoring-role", "postgres"),
    ("postgresql:index/database:Database", "postgres-database", "postgres"),
    ("postgresql:index/extension:Extension", "postgres-pg-trgm", "postgres"),
    ("prefect-selfhost:index:PrefectRuntime", "this-machine-prefect", None),
    (COMMAND, "this-machine-prefect-requirements", "this-machine-prefect"),
    (COMMAND, "this-machine-prefect-install", "this-machine-prefect"),
    (COMMAND, "this-machine-prefect-canary-flow", "this-machine-prefect"),
    ("prefect-selfhost:index:PrefectServerHost", "server", None),
    (COMMAND, "server-settings", "server"),
    (COMMAND, "server-secrets", "server"),
    (COMMAND, "server-migration-program", "server"),
    (COMMAND, "server-migration", "server"),
    (COMMAND, "server-service-definition", "server"),
    (COMMAND, "server-service", "server"),
    ("prefect-selfhost:index:WorkPool", "pool-default", None),
    ("pulumi-python:dynamic/prefect:WorkPool", "pool-default-pool", "pool-default"),
    ("prefect-selfhost:index:SecretBlocks", "secrets", None),
    ("pulumi-python:dynamic/prefect:SecretBlock", "secrets-token", "secrets"),
    ("prefect-selfhost:index:PrefectWorkerHost", "worker-default", None),
    (COMMAND, "worker-default-settings", "worker-default"),
    (COMMAND, "worker-default-secrets", "worker-default"),
    (COMMAND, "worker-default-drain", "this-machine-prefect"),
    (COMMAND, "worker-default-program", "worker-default"),
    (COMMAND, "worker-default-service-definition", "worker-default"),
    (COMMAND, "worker-default-service", "worker-default"),
    ("pulumi-python:dynamic/prefect:CanaryRun", "canary-default", None),
}
"""(type, name, parent). A name or a parent that changes makes Pulumi replace what stands on people's hosts."""

IN_THE_DATABASE = {
    *("postgres-role", "postgres-backup-role", "postgres-monitoring-role", "postgres-database", "postgres-pg-trgm"),
    *("pool-default-pool", "secrets-token", "canary-default"),
}


@pytest.fixture(scope="module", params=[True, False], ids=["preview", "up"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return record(stack_file(**{"secretBlock-token": "block-c0ffee-77"}), preview=request.param)


def test_the_resources_are_these_and_no_others(graph: Graph) -> None:
    found = {(resource.type, resource.name, resource.parent) for resource in graph.resources.values()}
    assert found == EXPECTED


def test_every_component_tells_its_outputs_once(graph: Graph) -> None:
    components = [resource.name for resource in graph.resources.values() if not resource.custom]
    assert sorted(graph.registered_outputs) == sorted(components)


def test_the_components_type_tokens_are_well_formed(graph: Graph) -> None:
    for resource in graph.resources.values():
        if not resource.custom:
            assert re.fullmatch(r"prefect-selfhost:index:([A-Z][a-z0-9]+)+", resource.type)


def test_the_checks_come_first_and_nothing_touches_a_host_before_it_is_ready(graph: Graph) -> None:
    assert graph.resources["this-machine-preflight"].depends_on == set()
    made_ready = graph.children(HOST)
    for name in graph.of_type(COMMAND) - made_ready:
        assert graph.resources[name].depends_on >= made_ready - {"this-machine-preflight"}
        assert "this-machine-preflight" in graph.before(name)


@pytest.mark.parametrize(
    ("name", "waits_for"),
    [
        ("this-machine-prepare", {"this-machine-preflight"}),
        ("postgres-cluster", {"postgres-install"}),
        (
            "postgres-configured",
            {"postgres-cluster", "postgres-configuration", "postgres-access", "postgres-identities"},
        ),
        ("postgres-service", {"postgres-cluster", "postgres-configured"}),
        ("postgres-admin-password", {"postgres-service"}),
        ("postgres-role", {"postgres-admin-password"}),
        ("postgres-database", {"postgres-role"}),
        ("postgres-pg-trgm", {"postgres-database", "postgres-backup-role", "postgres-monitoring-role"}),
        ("server-migration", {"postgres-pg-trgm", "this-machine-prefect-install", "server-settings", "server-secrets"}),
        ("server-secrets", {"worker-default-drain"}),
        ("server-service", {"server-migration", "server-settings", "server-secrets", "worker-default-drain"}),
        ("worker-default-secrets", {"worker-default-drain"}),
        ("pool-default-pool", {"server-service"}),
        ("secrets-token", {"server-service"}),
        (
            "worker-default-service",
            {
                *("pool-default-pool", "server-service", "worker-default-settings", "worker-default-secrets"),
                *("this-machine-prefect-install", "this-machine-prefect-canary-flow"),
            },
        ),
        ("canary-default", {"worker-default-service", "server-service"}),
    ],
)
def test_a_step_waits_for_what_it_needs(graph: Graph, name: str, waits_for: set[str]) -> None:
    assert graph.resources[name].depends_on >= waits_for


def test_a_service_starts_after_its_definition_is_written(graph: Graph) -> None:
    for name in graph.resources:
        if name.endswith("-service-definition"):
            assert name in graph.resources[name.removesuffix("-definition")].depends_on


def test_the_canary_is_the_last_thing_done(graph: Graph) -> None:
    components = {resource.name for resource in graph.resources.values() if not resource.custom}
    done = graph.before("canary-default") | {"canary-default"}
    # a block is no concern of the canary's, and a provider does nothing
    assert set(graph.resources) - components - done == {"secrets-token", "postgres-connection"}


def test_what_is_in_the_database_goes_with_it_without_a_connection(graph: Graph) -> None:
    gone = {name: resource.deleted_with for name, resource in graph.resources.items() if resource.deleted_with}
    assert gone == dict.fromkeys(IN_THE_DATABASE, "postgres-cluster")


def test_prefects_objects_go_before_their_successors_come_as_their_names_are_unique(graph: Graph) -> None:
    first = {name for name, resource in graph.resources.items() if resource.delete_before_replace}
    assert first == {"pool-default-pool", "secrets-token", "canary-default"}


def test_nothing_is_protected_as_removal_keeps_the_data(graph: Graph) -> None:
    assert not [name for name, resource in graph.resources.items() if resource.protect]


def test_no_command_is_replaced_for_a_changed_input(graph: Graph) -> None:
    """A replacement is created before its predecessor is deleted, which would remove what was just made."""
    for name in graph.of_type(COMMAND):
        assert "triggers" not in graph.resources[name].inputs


def test_the_output_of_an_earlier_run_is_not_put_into_the_environment(graph: Graph) -> None:
    for name in graph.of_type(COMMAND):
        assert graph.resources[name].inputs["addPreviousOutputInEnv"] is False


def test_the_data_has_no_delete_of_its_own(graph: Graph) -> None:
    for name in ("postgres-cluster", "server-migration", "postgres-admin-password"):
        assert "delete" not in graph.resources[name].inputs


def test_the_outputs_tell_where_prefect_is(graph: Graph) -> None:
    assert graph.exports["uiUrl"] == "http://127.0.0.1:4200"
    assert graph.exports["apiUrl"] == "http://127.0.0.1:4200/api"
    assert graph.exports["workPools"] == ["default"]


def test_versions_are_known_when_they_are_installed() -> None:
    assert record(stack_file()).exports["versions"] == {"prefect": "3.8.8", "postgresql": "18.6.3"}


def test_the_canarys_state_is_known_when_it_has_run() -> None:
    assert record(stack_file(), preview=True).exports["canaryRuns"] is None
    assert record(stack_file()).exports["canaryRuns"] == {"default": "COMPLETED"}
