"""A stack whose PostgreSQL is there already: what is made in it, who is believed, and what stays."""

from typing import Any

import pytest

from tests.graph.recorder import Graph, record, text
from tests.settings.stack_file import SECRETS, stack_file

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ELSEWHERE = {"address": "pg.example.com", "port": 6432, "adminUser": "ops", "caCertificate": CA}


def graph_of(postgres: dict[str, Any], **values: Any) -> Graph:
    return record(stack_file(postgres=postgres, **values))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(ELSEWHERE)


def test_only_role_and_database_are_made_for_it(graph: Graph) -> None:
    assert graph.children("postgres") == {"postgres-connection", "postgres-role", "postgres-database"}


def test_pulumi_proves_whom_it_talks_to(graph: Graph) -> None:
    inputs = graph.resources["postgres-connection"].inputs
    told = {key: inputs[key] for key in ("host", "port", "username", "sslmode", "superuser")}
    assert told == {
        **{"host": "pg.example.com", "port": "6432", "username": "ops", "sslmode": "verify-full", "superuser": "false"}
    }
    with open(inputs["sslrootcert"]) as file:  # noqa: PTH123 - whatever reads it
        assert file.read() == CA
    assert text(inputs["password"]) == SECRETS["databaseAdminPassword"]


def test_the_server_proves_whom_it_talks_to(graph: Graph) -> None:
    authority = graph.resources["server-database-authority"]
    assert text(authority.inputs["stdin"]) == CA
    settings = text(graph.resources["server-settings"].inputs["stdin"])
    prefix = "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS"
    assert "PREFECT_SERVER_DATABASE_HOST=pg.example.com\n" in settings
    assert "PREFECT_SERVER_DATABASE_PORT=6432\n" in settings
    assert f"{prefix}_ENABLED=true\n" in settings
    assert f"{prefix}_CHECK_HOSTNAME=true\n" in settings
    assert "server-database-authority" in graph.resources["server-service"].depends_on


def test_without_tls_nothing_is_said_of_it() -> None:
    graph = graph_of({"address": "10.0.0.9", "sslMode": "disable"})

    assert graph.resources["postgres-connection"].inputs["sslmode"] == "disable"
    assert "server-database-authority" not in graph.resources
    assert "_TLS_" not in text(graph.resources["server-settings"].inputs["stdin"])


def test_the_server_waits_for_the_database_and_its_objects_go_with_it(graph: Graph) -> None:
    assert "postgres-database" in graph.before("server-migration")
    assert graph.resources["pool-default-pool"].deleted_with == "postgres-database"


@pytest.mark.parametrize("purge", [False, True])
def test_what_was_made_in_it_stays_unless_a_purge_is_asked_for(purge: bool) -> None:
    graph = graph_of(ELSEWHERE, purgeOnDestroy=purge)

    kept = {name for name in graph.children("postgres") if graph.resources[name].retain_on_delete}
    assert kept == (set() if purge else {"postgres-role", "postgres-database"})
