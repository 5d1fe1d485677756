"""Roles, databases, extensions and schemas on a real server."""

from __future__ import annotations

import psycopg
import pytest

from tests.plugins.plugin_process import PluginError, PluginProcess, State
from tests.plugins.plugin_under_test import PluginUnderTest
from tests.plugins.postgresql_resources import (
    DATABASE,
    EXTENSION,
    ROLE,
    SCHEMA,
    difference,
    failure_of,
    made,
    updated,
    without_bookkeeping,
)
from tests.plugins.postgresql_server import PostgresqlServer
from toolchain.plugins.properties import Secret

AWKWARD = 'it\'s "quoted" {braces} %s é'


class TestRole:
    def test_can_log_in(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        role = made(postgresql, ROLE, name=AWKWARD, password=AWKWARD, login=True)
        assert role.outputs["id"] == AWKWARD
        assert role.outputs["password"] == Secret(AWKWARD)
        with server.connect(user=AWKWARD, password=AWKWARD):
            pass
        postgresql.delete(ROLE, role)
        assert not server.query("SELECT 1 FROM pg_roles WHERE rolname = %s", AWKWARD)

    def test_a_backslash_in_a_password_is_kept(
        self, postgresql_plugin: PluginUnderTest, postgresql: PluginProcess, server: PostgresqlServer
    ) -> None:
        postgresql_plugin.skip_unless_stand_in("it doubles each backslash, so that nobody can log in")
        role = made(postgresql, ROLE, name="backslash", password="a\\b", login=True)
        with server.connect(user="backslash", password="a\\b"):
            pass
        postgresql.delete(ROLE, role)

    def test_a_new_password_is_set_in_place(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        role = updated(postgresql, ROLE, made(postgresql, ROLE, name="p", password="old", login=True), password="n'ew")
        assert role.outputs["password"] == Secret("n'ew")
        with server.connect(user="p", password="n'ew"):
            pass
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            server.connect(user="p", password="old")
        postgresql.delete(ROLE, role)

    def test_no_error_tells_a_password(self, postgresql: PluginProcess) -> None:
        assert "hush" not in failure_of(postgresql, ROLE, name="pg_reserved", password="hush'hush")
        role = made(postgresql, ROLE, name="fleeting", password="old")
        postgresql.delete(ROLE, role)
        with pytest.raises(PluginError) as failure:
            updated(postgresql, ROLE, role, password="hush")
        assert str(failure.value) == (
            f"updating urn:pulumi:dev::conformance::{ROLE}::test: 1 error occurred:\n"
            '\t* error updating role password: pq: role "fleeting" does not exist (42704)\n\n'
        )

    def test_every_property_is_set_and_read_back(self, postgresql: PluginProcess) -> None:
        properties = {
            "name": "every",
            "roles": ["pg_signal_backend", "pg_monitor"],
            "searchPaths": ["b", "a c"],
            "validUntil": "2040-01-01 00:00:00+00",
            "connectionLimit": 3,
            "superuser": True,
            "createDatabase": True,
            "createRole": True,
            "inherit": False,
            "login": True,
            "replication": True,
            "bypassRowLevelSecurity": True,
            "statementTimeout": 1000,
            "idleInTransactionSessionTimeout": 2000,
            "assumeRole": "pg_monitor",
        }
        role = made(postgresql, ROLE, **properties)
        seen = {name: role.outputs[name] for name in properties}
        assert seen == {**properties, "roles": ["pg_monitor", "pg_signal_backend"]}
        refreshed = postgresql.read(ROLE, role)
        assert {name: refreshed.outputs[name] for name in properties} == seen
        assert not postgresql.diff(ROLE, refreshed, role.inputs).changed
        postgresql.delete(ROLE, role)

    def test_changes_and_removals_take_effect(self, postgresql: PluginProcess) -> None:
        role = made(
            postgresql, ROLE, name="before", roles=["pg_monitor"], searchPaths=["a"], statementTimeout=9, login=True
        )
        role = updated(
            postgresql,
            ROLE,
            role,
            name="after",
            roles=["pg_checkpoint"],
            searchPaths=None,
            statementTimeout=None,
            login=None,
        )
        outputs = role.outputs
        assert (role.id, outputs["name"]) == ("after", "after")
        assert (outputs["roles"], outputs["searchPaths"]) == (["pg_checkpoint"], [])
        assert (outputs["statementTimeout"], outputs["login"]) == (0, False)
        postgresql.delete(ROLE, role)

    def test_refresh_sees_what_others_changed(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        role = made(postgresql, ROLE, name="drifting", password="p", login=True)
        server.query("ALTER ROLE drifting NOLOGIN CONNECTION LIMIT 7")
        refreshed = postgresql.read(ROLE, role)
        assert (refreshed.inputs["login"], refreshed.inputs["connectionLimit"]) == (False, 7)
        assert refreshed.inputs["__defaults"] == ["encryptedPassword", "inherit", "validUntil"]
        assert refreshed.outputs["password"] == Secret("p")
        assert difference(postgresql, ROLE, State(role.id, refreshed.outputs, role.inputs)).details == {
            "login": "UPDATE",
            "connectionLimit": "UPDATE",
        }
        postgresql.delete(ROLE, role)
        assert postgresql.read(ROLE, role).id == ""

    def test_can_be_imported(self, postgresql: PluginProcess) -> None:
        role = made(postgresql, ROLE, name="found", login=True, roles=["pg_monitor"])
        imported = postgresql.read(ROLE, State("found", {}))
        assert imported.id == "found"
        assert imported.inputs == {"__defaults": [], "name": "found", "login": True, "roles": ["pg_monitor"]}
        postgresql.delete(ROLE, role)

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ({"name": "postgres"}, 'error creating role postgres: pq: role "postgres" already exists (42710)'),
            ({"roles": ["nobody"]}, 'could not grant role nobody to x: pq: role "nobody" does not exist (42704)'),
            ({"searchPaths": ["a, b"]}, "search_path cannot contain `, `: a, b"),
            ({"validUntil": "soon"}, 'pq: invalid input syntax for type timestamp with time zone: "soon" (22007)'),
        ],
    )
    def test_failure_leaves_nothing_behind(
        self, postgresql: PluginProcess, server: PostgresqlServer, inputs: dict[str, object], reason: str
    ) -> None:
        assert reason in failure_of(postgresql, ROLE, **{"name": "x", **inputs})
        assert not server.query("SELECT 1 FROM pg_roles WHERE rolname = 'x'")

    def test_what_it_owns_here_goes_to_the_administrator(
        self, postgresql: PluginProcess, server: PostgresqlServer
    ) -> None:
        role = made(postgresql, ROLE, name="leaving")
        server.query("CREATE TABLE legacy (); ALTER TABLE legacy OWNER TO leaving")
        postgresql.delete(ROLE, role)
        assert server.value("SELECT tableowner FROM pg_tables WHERE tablename = 'legacy'") == "postgres"
        server.query("DROP TABLE legacy")

    def test_what_it_owns_elsewhere_keeps_it(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        role, database = made(postgresql, ROLE, name="rooted"), made(postgresql, DATABASE, name="elsewhere")
        server.query("CREATE TABLE kept (); ALTER TABLE kept OWNER TO rooted", database="elsewhere")
        told = 'could not delete role rooted: pq: role "rooted" cannot be dropped because some objects depend on it'
        with pytest.raises(PluginError, match=told):
            postgresql.delete(ROLE, role)
        postgresql.delete(DATABASE, database)
        postgresql.delete(ROLE, role)

    def test_can_be_left_on_the_server(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        postgresql.delete(ROLE, made(postgresql, ROLE, name="staying", skipDropRole=True))
        server.query("DROP ROLE staying")


class TestDatabase:
    def test_belongs_to_its_owner(self, postgresql: PluginProcess) -> None:
        owner = made(postgresql, ROLE, name="its owner")
        database = made(postgresql, DATABASE, name='d "é" {}', owner="its owner", connectionLimit=5)
        assert without_bookkeeping(database.outputs) == {
            "id": 'd "é" {}',
            "name": 'd "é" {}',
            "owner": "its owner",
            "connectionLimit": 5,
            "allowConnections": True,
            "isTemplate": False,
            "alterObjectOwnership": False,
            "template": "template0",
            "encoding": "UTF8",
            "lcCollate": "C.UTF-8",
            "lcCtype": "C.UTF-8",
            "tablespaceName": "pg_default",
        }
        assert not difference(postgresql, DATABASE, postgresql.read(DATABASE, database)).changed
        postgresql.delete(DATABASE, database)
        postgresql.delete(ROLE, owner)

    def test_may_have_any_name(self, postgresql_plugin: PluginUnderTest, postgresql: PluginProcess) -> None:
        postgresql_plugin.skip_unless_stand_in("it cannot drop a database with a ' in its name")
        postgresql.delete(DATABASE, made(postgresql, DATABASE, name=AWKWARD))

    def test_without_an_owner_it_is_ours(self, postgresql: PluginProcess) -> None:
        database = made(postgresql, DATABASE, name="ours")
        assert database.outputs["owner"] == "postgres"
        postgresql.delete(DATABASE, database)

    def test_is_made_as_told(self, postgresql: PluginProcess) -> None:
        told = {"encoding": "LATIN1", "lcCollate": "C", "lcCtype": "C", "template": "template0", "isTemplate": True}
        database = made(postgresql, DATABASE, name="latin", **told)
        assert {name: database.outputs[name] for name in told} == told
        postgresql.delete(DATABASE, database)

    def test_changes_in_place(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        owner = made(postgresql, ROLE, name="heir")
        database = made(postgresql, DATABASE, name="changing")
        database = updated(
            postgresql, DATABASE, database, name="changed", owner="heir", connectionLimit=3, allowConnections=False
        )
        (row,) = server.query(
            "SELECT pg_get_userbyid(datdba), datconnlimit, datallowconn FROM pg_database WHERE datname = 'changed'"
        )
        assert row == ("heir", 3, False)
        assert database.id == "changed"
        postgresql.delete(DATABASE, database)
        postgresql.delete(ROLE, owner)

    def test_a_new_owner_can_get_the_objects_too(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        old, new = made(postgresql, ROLE, name="old owner"), made(postgresql, ROLE, name="new owner")
        database = made(postgresql, DATABASE, name="handed", owner="old owner", alterObjectOwnership=True)
        server.query('CREATE TABLE t (); ALTER TABLE t OWNER TO "old owner"', database="handed")
        database = updated(postgresql, DATABASE, database, owner="new owner")
        owner = server.value("SELECT tableowner FROM pg_tables WHERE tablename = 't'", database="handed")
        assert owner == "new owner"
        postgresql.delete(DATABASE, database)
        for role in (old, new):
            postgresql.delete(ROLE, role)

    def test_is_dropped_under_the_feet_of_those_in_it(
        self, postgresql: PluginProcess, server: PostgresqlServer
    ) -> None:
        database = made(postgresql, DATABASE, name="busy")
        with server.connect("busy"):
            postgresql.delete(DATABASE, database)
        assert postgresql.read(DATABASE, database).id == ""

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            (
                {"name": 'post"gres'},
                'error creating database "post\\"gres": pq: database "post"gres" already exists (42P04)',
            ),
            ({"owner": "nobody"}, 'error granting role nobody to postgres: pq: role "nobody" does not exist (42704)'),
            ({"encoding": "KLINGON"}, "pq: KLINGON is not a valid encoding name"),
            ({"tablespaceName": "nowhere"}, 'pq: tablespace "nowhere" does not exist (42704)'),
        ],
    )
    def test_failure_tells_why(self, postgresql: PluginProcess, inputs: dict[str, object], reason: str) -> None:
        other = made(postgresql, DATABASE, name='post"gres')
        assert reason in failure_of(postgresql, DATABASE, **{"name": "x", **inputs})
        postgresql.delete(DATABASE, other)


class TestExtension:
    def test_is_made_once_and_removed(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        database = made(postgresql, DATABASE, name="extended")
        for _ in range(2):
            extension = made(postgresql, EXTENSION, name="pg_trgm", database="extended")
        assert without_bookkeeping(extension.outputs) == {
            "id": "extended.pg_trgm",
            "name": "pg_trgm",
            "database": "extended",
            "schema": "public",
            "version": "1.6",
            "createCascade": False,
            "dropCascade": False,
        }
        assert server.value("SELECT similarity('a', 'a')", database="extended") == 1
        assert not difference(postgresql, EXTENSION, postgresql.read(EXTENSION, extension)).changed
        postgresql.delete(EXTENSION, extension)
        assert postgresql.read(EXTENSION, extension).id == ""
        postgresql.delete(DATABASE, database)
        assert postgresql.read(EXTENSION, extension).id == "", "an extension of a database that is gone is gone"

    def test_moves_to_another_schema(self, postgresql: PluginProcess) -> None:
        schema = made(postgresql, SCHEMA, name="tools")
        extension = updated(postgresql, EXTENSION, made(postgresql, EXTENSION, name="pg_trgm"), schema="tools")
        assert extension.outputs["schema"] == "tools"
        postgresql.delete(EXTENSION, extension)
        postgresql.delete(SCHEMA, schema)

    def test_can_be_imported(self, postgresql: PluginProcess) -> None:
        extension = made(postgresql, EXTENSION, name="pg_trgm")
        imported = postgresql.read(EXTENSION, State("postgres.pg_trgm", {}))
        assert (imported.id, imported.outputs["schema"]) == ("postgres.pg_trgm", "public")
        with pytest.raises(PluginError, match="has not the expected format"):
            postgresql.read(EXTENSION, State("pg_trgm", {}))
        postgresql.delete(EXTENSION, extension)

    @pytest.mark.parametrize(
        ("inputs", "reason"),
        [
            ({"name": "nonsense"}, 'pq: extension "nonsense" is not available (0A000)'),
            ({"database": "nowhere"}, 'pq: database "nowhere" does not exist'),
            ({"version": "99"}, 'no installation script nor update path for version "99" (22023)'),
        ],
    )
    def test_failure_tells_why(self, postgresql: PluginProcess, inputs: dict[str, object], reason: str) -> None:
        assert reason in failure_of(postgresql, EXTENSION, **{"name": "pg_trgm", **inputs})


class TestSchema:
    def test_is_made_changed_and_removed(self, postgresql: PluginProcess, server: PostgresqlServer) -> None:
        owner = made(postgresql, ROLE, name="schema owner")
        schema = made(postgresql, SCHEMA, name=AWKWARD, owner="schema owner")
        assert schema.id == f"postgres.{AWKWARD}"
        assert made(postgresql, SCHEMA, name=AWKWARD).outputs["owner"] == "schema owner", (
            "one that exists is taken over"
        )
        schema = updated(postgresql, SCHEMA, schema, name="plain", owner="postgres")
        assert (schema.id, schema.outputs["owner"]) == ("postgres.plain", "postgres")
        server.query("CREATE TABLE plain.t ()")
        with pytest.raises(PluginError, match="pq: cannot drop schema plain because other objects depend on it"):
            postgresql.delete(SCHEMA, schema)
        postgresql.delete(SCHEMA, updated(postgresql, SCHEMA, schema, dropCascade=True))
        postgresql.delete(SCHEMA, schema)
        assert postgresql.read(SCHEMA, schema).id == ""
        postgresql.delete(ROLE, owner)
