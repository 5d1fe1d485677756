"""How the PostgreSQL plugin reaches its server, as whom, and how it lets go."""

from __future__ import annotations

import concurrent.futures
import time

import pytest

from tests.plugins.plugin_process import PluginError, PluginProcess, State
from tests.plugins.plugin_under_test import PluginUnderTest
from tests.plugins.postgresql_resources import (
    DATABASE,
    ROLE,
    SCHEMA,
    checked,
    failure_of,
    made,
)
from tests.plugins.postgresql_server import PASSWORD, PostgresqlServer
from toolchain.plugins.properties import Secret


class TestConnection:
    def test_nobody_listens(self, offline: PluginProcess) -> None:
        assert failure_of(offline, ROLE, name="r") == (
            "1 error occurred:\n\t* error connecting to PostgreSQL server 127.0.0.1 (scheme: postgres):"
            " dial tcp 127.0.0.1:1: connect: connection refused\n\n"
        )

    @pytest.mark.parametrize(
        ("config", "reason"),
        [
            ({"password": "hush'hush"}, 'pq: password authentication failed for user "postgres"'),
            ({"database": "nowhere"}, 'pq: database "nowhere" does not exist'),
            ({"sslmode": "require"}, "pq: SSL is not enabled on the server"),
            ({"sslmode": None}, "pq: SSL is not enabled on the server"),
        ],
        ids=["password", "database", "no TLS", "TLS by default"],
    )
    def test_failure_tells_why_and_no_password(
        self,
        postgresql_plugin: PluginUnderTest,
        server: PostgresqlServer,
        config: dict[str, str | None],
        reason: str,
    ) -> None:
        given = {name: value for name, value in {**server.config, **config}.items() if value is not None}
        with postgresql_plugin.start() as plugin:
            plugin.configure(plugin.check_config(given).inputs)
            told = failure_of(plugin, ROLE, name="r")
        assert reason in told
        assert "hush" not in told
        assert PASSWORD not in told

    def test_the_environment_gives_what_the_configuration_does_not(
        self, postgresql_plugin: PluginUnderTest, server: PostgresqlServer
    ) -> None:
        variables = {
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": "postgres",
            "PGPASSWORD": PASSWORD,
            "PGSSLMODE": "disable",
            "PGDATABASE": "postgres",
        }
        with postgresql_plugin.start(**variables) as plugin:
            plugin.configure(plugin.check_config({}).inputs)
            role = made(plugin, ROLE, name="from_environment")
            plugin.delete(ROLE, role)


def test_many_resources_are_made_side_by_side(postgresql: PluginProcess) -> None:
    owner = made(postgresql, ROLE, name="shared")
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        roles = list(pool.map(lambda number: made(postgresql, ROLE, name=f"role {number}"), range(24)))
        databases = list(
            pool.map(lambda number: made(postgresql, DATABASE, name=f"db {number}", owner="shared"), range(4))
        )
        list(pool.map(lambda database: postgresql.delete(DATABASE, database), databases))
        list(pool.map(lambda role: postgresql.delete(ROLE, role), roles))
    postgresql.delete(ROLE, owner)


class TestInterruption:
    def test_cancel_ends_the_wait_for_a_lock(
        self, postgresql_plugin: PluginUnderTest, server: PostgresqlServer
    ) -> None:
        postgresql_plugin.skip_unless_stand_in("it waits for the server whatever happens")
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DROP ROLE%'"
        with postgresql_plugin.start() as plugin, concurrent.futures.ThreadPoolExecutor() as pool:
            plugin.configure(plugin.check_config(server.config).inputs)
            role = made(plugin, ROLE, name="locked", skipReassignOwned=True)
            with server.connect() as blocker, blocker.transaction():
                blocker.execute("COMMENT ON ROLE locked IS 'busy'")
                running = pool.submit(plugin.delete, ROLE, role)
                deadline = time.monotonic() + 10
                while not server.query(waiting):
                    assert time.monotonic() < deadline, "the plugin never came to wait"
                    time.sleep(0.02)
                plugin.cancel()
                with pytest.raises(PluginError, match="context canceled"):
                    running.result()
        server.query("DROP ROLE locked")


class TestAdministratorWhoIsNoSuperuser:
    """As on managed servers: may create roles and databases, and must join a role to act for it."""

    def test_manages_a_role_with_its_database(
        self, postgresql_plugin: PluginUnderTest, postgresql: PluginProcess, server: PostgresqlServer
    ) -> None:
        admin = made(postgresql, ROLE, name="admin", password="p", login=True, createRole=True, createDatabase=True)
        config = {**server.config, "username": "admin", "password": "p", "superuser": False}
        with postgresql_plugin.start() as plugin:
            plugin.configure(plugin.check_config(config).inputs)
            role = made(plugin, ROLE, name="app", password="q", login=True)
            assert plugin.read(ROLE, role).outputs["password"] == Secret("q")
            database = made(plugin, DATABASE, name="app", owner="app")
            schema = made(plugin, SCHEMA, name="inner", database="app", owner="app")
            assert (database.outputs["owner"], schema.outputs["owner"]) == ("app", "app")
            plugin.delete(SCHEMA, schema)
            plugin.delete(DATABASE, database)
            plugin.delete(ROLE, role)
        assert not server.query("SELECT 1 FROM pg_roles WHERE rolname = 'app'")
        postgresql.delete(ROLE, admin)

    def test_is_told_why_it_cannot_read_passwords(
        self, postgresql_plugin: PluginUnderTest, postgresql: PluginProcess, server: PostgresqlServer
    ) -> None:
        admin = made(postgresql, ROLE, name="modest", password="p", login=True, createRole=True)
        with postgresql_plugin.start() as plugin:
            plugin.configure(plugin.check_config({**server.config, "username": "modest", "password": "p"}).inputs)
            with pytest.raises(PluginError, match="connected user modest is not a SUPERUSER"):
                plugin.read(ROLE, State("modest", admin.outputs, checked(plugin, ROLE, {"name": "modest"})))
        postgresql.delete(ROLE, admin)
