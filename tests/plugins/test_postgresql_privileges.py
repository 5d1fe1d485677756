"""Grants, memberships and default privileges on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plugins.plugin_process import PluginError, PluginProcess, State
from tests.plugins.postgresql_resources import (
    DATABASE,
    DEFAULT_PRIVILEGES,
    GRANT,
    GRANT_ROLE,
    ROLE,
    difference,
    made,
    updated,
)
from tests.plugins.postgresql_server import PostgresqlServer

READER = "read\"er's é"
SCHEMA = 'sch"ema'


@pytest.fixture(scope="module", autouse=True)
def shop(postgresql: PluginProcess, server: PostgresqlServer) -> Iterator[None]:
    """Make a database with two tables, a sequence and a function in one schema, and a role to give rights to."""
    role, database = made(postgresql, ROLE, name=READER), made(postgresql, DATABASE, name="shop")
    server.query(
        'CREATE SCHEMA "sch""ema";'
        'CREATE TABLE "sch""ema".t1 (a int, b int); CREATE TABLE "sch""ema".t2 (a int);'
        'CREATE SEQUENCE "sch""ema".s;'
        'CREATE FUNCTION "sch""ema".f() RETURNS int LANGUAGE sql AS \'SELECT 1\';'
        'REVOKE ALL ON FUNCTION "sch""ema".f() FROM public',
        database="shop",
    )
    yield
    postgresql.delete(DATABASE, database)
    postgresql.delete(ROLE, role)


def _may(server: PostgresqlServer, kind: str, name: str, privilege: str) -> bool:
    query = f"SELECT has_{kind}_privilege(%s, %s, %s)"
    return bool(server.value(query, READER, name, privilege, database="shop"))


class TestGrant:
    def test_on_a_database_can_be_repeated_reduced_and_revoked(
        self, postgresql: PluginProcess, server: PostgresqlServer
    ) -> None:
        for _ in range(2):
            grant = made(
                postgresql,
                GRANT,
                role=READER,
                database="shop",
                objectType="database",
                privileges=["TEMPORARY", "CREATE"],
            )
        assert grant.id == f"{READER}_shop_database"
        assert grant.outputs["privileges"] == ["CREATE", "TEMPORARY"]
        assert not difference(postgresql, GRANT, postgresql.read(GRANT, grant)).changed
        assert difference(postgresql, GRANT, grant, privileges=["CREATE"]).details == {"privileges[1]": "DELETE"}
        grant = updated(postgresql, GRANT, grant, privileges=["CREATE"])
        assert _may(server, "database", "shop", "CREATE")
        postgresql.delete(GRANT, grant)
        assert not _may(server, "database", "shop", "CREATE")

    @pytest.mark.parametrize(
        ("kind", "privilege", "name"),
        [
            ("schema", "USAGE", SCHEMA),
            ("table", "SELECT", '"sch""ema".t2'),
            ("sequence", "USAGE", '"sch""ema".s'),
            ("function", "EXECUTE", '"sch""ema".f()'),
        ],
    )
    def test_on_all_objects_of_a_schema(
        self,
        postgresql: PluginProcess,
        server: PostgresqlServer,
        kind: str,
        privilege: str,
        name: str,
    ) -> None:
        grant = made(
            postgresql,
            GRANT,
            role=READER,
            database="shop",
            schema=SCHEMA,
            objectType=kind,
            privileges=[privilege],
        )
        assert grant.id == f"{READER}_shop_{SCHEMA}_{kind}"
        assert _may(server, kind, name, privilege)
        assert not difference(postgresql, GRANT, postgresql.read(GRANT, grant)).changed
        postgresql.delete(GRANT, grant)
        assert not _may(server, kind, name, privilege)

    def test_on_named_tables_leaves_the_others_alone(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        grant = made(
            postgresql,
            GRANT,
            role=READER,
            database="shop",
            schema=SCHEMA,
            objectType="table",
            objects=["t1"],
            privileges=["SELECT", "INSERT"],
            withGrantOption=True,
        )
        assert _may(server, "table", '"sch""ema".t1', "SELECT WITH GRANT OPTION")
        assert not _may(server, "table", '"sch""ema".t2', "SELECT")
        assert not difference(postgresql, GRANT, postgresql.read(GRANT, grant)).changed
        postgresql.delete(GRANT, grant)

    def test_on_columns(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        grant = made(
            postgresql,
            GRANT,
            role=READER,
            database="shop",
            schema=SCHEMA,
            objectType="column",
            objects=["t1"],
            columns=["a", "b"],
            privileges=["SELECT"],
        )
        assert server.value(
            "SELECT has_column_privilege(%s, %s, 'a', 'SELECT')", READER, '"sch""ema".t1', database="shop"
        )
        assert not difference(postgresql, GRANT, postgresql.read(GRANT, grant)).changed
        postgresql.delete(GRANT, grant)

    def test_all_stands_for_every_privilege(self, postgresql: PluginProcess) -> None:
        grant = made(
            postgresql, GRANT, role=READER, database="shop", schema=SCHEMA, objectType="table", privileges=["ALL"]
        )
        refreshed = postgresql.read(GRANT, grant)
        assert refreshed.outputs["privileges"] == ["ALL"]
        postgresql.delete(GRANT, grant)

    def test_refresh_sees_what_others_revoked(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        grant = made(
            postgresql,
            GRANT,
            role=READER,
            database="shop",
            schema=SCHEMA,
            objectType="table",
            privileges=["SELECT", "INSERT"],
        )
        server.query('REVOKE INSERT ON "sch""ema".t2 FROM "read""er\'s é"', database="shop")
        refreshed = postgresql.read(GRANT, grant)
        assert refreshed.outputs["privileges"] == ["SELECT"]
        assert difference(postgresql, GRANT, State(grant.id, refreshed.outputs, grant.inputs)).changed
        postgresql.delete(GRANT, grant)

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ({"objectType": "table"}, "parameter 'schema' is mandatory for postgresql_grant resource"),
            ({"objectType": "table", "schema": "no"}, "could not find schema 'no' while looking for owner"),
            ({"objectType": "database", "objects": ["t"]}, "cannot specify `objects` when `object_type` is `database`"),
            ({"objectType": "table", "schema": SCHEMA, "columns": ["a"]}, "cannot specify `columns` when"),
            ({"objectType": "column", "schema": SCHEMA}, "must specify `columns` when `object_type` is `column`"),
            (
                {"objectType": "database", "privileges": ["FLY"]},
                "FLY is not an allowed privilege for object type database",
            ),
            (
                {"objectType": "table", "schema": SCHEMA, "objects": ["no"]},
                'relation "sch"ema.no" does not exist (42P01)',
            ),
            ({"objectType": "database", "role": "nobody", "privileges": ["CREATE"]}, 'role "nobody" does not exist'),
        ],
    )
    def test_failure_tells_why(self, postgresql: PluginProcess, inputs: dict[str, object], reason: str) -> None:
        with pytest.raises(PluginError) as failure:
            made(postgresql, GRANT, **{"role": READER, "database": "shop", "privileges": ["SELECT"], **inputs})
        assert reason in str(failure.value)


class TestGrantRole:
    def test_is_given_and_taken(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        membership = made(postgresql, GRANT_ROLE, role=READER, grantRole="pg_monitor")
        assert membership.id == f"{READER}_pg_monitor_false"
        assert server.value("SELECT pg_has_role(%s, 'pg_monitor', 'MEMBER')", READER)
        assert not difference(postgresql, GRANT_ROLE, postgresql.read(GRANT_ROLE, membership)).changed
        assert difference(postgresql, GRANT_ROLE, membership, withAdminOption=True).replaces == {"withAdminOption"}
        postgresql.delete(GRANT_ROLE, membership)
        assert postgresql.read(GRANT_ROLE, membership).id == ""

    def test_failure_tells_why(self, postgresql: PluginProcess) -> None:
        with pytest.raises(PluginError, match='could not execute revoke query: pq: role "nobody" does not exist'):
            made(postgresql, GRANT_ROLE, role="nobody", grantRole="pg_monitor")


class TestDefaultPrivileges:
    def test_hold_for_what_comes(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        rights = made(
            postgresql,
            DEFAULT_PRIVILEGES,
            role=READER,
            database="shop",
            owner="postgres",
            schema=SCHEMA,
            objectType="table",
            privileges=["SELECT", "INSERT"],
        )
        assert rights.id == f"{READER}_shop_{SCHEMA}_postgres_table"
        rights = updated(postgresql, DEFAULT_PRIVILEGES, rights, privileges=["SELECT"])
        server.query('CREATE TABLE "sch""ema".t3 ()', database="shop")
        assert _may(server, "table", '"sch""ema".t3', "SELECT")
        assert not _may(server, "table", '"sch""ema".t3', "INSERT")
        assert not difference(postgresql, DEFAULT_PRIVILEGES, postgresql.read(DEFAULT_PRIVILEGES, rights)).changed
        postgresql.delete(DEFAULT_PRIVILEGES, rights)
        assert postgresql.read(DEFAULT_PRIVILEGES, rights).id == ""
        server.query('DROP TABLE "sch""ema".t3', database="shop")

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ({"privileges": ["FLY"]}, "FLY is not an allowed privilege for object type table"),
            ({"objectType": "schema", "schema": SCHEMA}, "cannot specify `schema` when `object_type` is `schema`"),
            ({"role": "public", "withGrantOption": True}, "with_grant_option cannot be true for role 'public'"),
        ],
    )
    def test_failure_tells_why(self, postgresql: PluginProcess, inputs: dict[str, object], reason: str) -> None:
        given = {
            "role": READER,
            "database": "shop",
            "owner": "postgres",
            "objectType": "table",
            "privileges": ["SELECT"],
        }
        with pytest.raises(PluginError) as failure:
            made(postgresql, DEFAULT_PRIVILEGES, **{**given, **inputs})
        assert reason in str(failure.value)
