"""What the PostgreSQL plugin says without a server: configuration, checks, differences, previews."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.plugin_process import PluginError, PluginProcess, State
from tests.plugins.plugin_under_test import PluginUnderTest
from tests.plugins.postgresql_resources import (
    DATABASE,
    DEFAULT_PRIVILEGES,
    EXTENSION,
    GRANT,
    GRANT_ROLE,
    ROLE,
    SCHEMA,
    checked,
    difference,
)
from toolchain.plugins.properties import UNKNOWN, Properties, Secret

ROLE_DEFAULTS = {"connectionLimit": -1, "encryptedPassword": True, "inherit": True, "validUntil": "infinity"}
ROLE_OUTPUTS = {
    **ROLE_DEFAULTS,
    "name": "r",
    "password": Secret("p"),
    "login": False,
    "superuser": False,
    "createDatabase": False,
    "createRole": False,
    "replication": False,
    "bypassRowLevelSecurity": False,
    "skipDropRole": False,
    "skipReassignOwned": False,
    "roles": None,
    "searchPaths": None,
    "assumeRole": None,
    "statementTimeout": None,
    "idleInTransactionSessionTimeout": None,
    "encrypted": None,
    "passwordWo": Secret(None),
    "passwordWoVersion": None,
    "id": UNKNOWN,
}
DATABASE_OUTPUTS = {
    "name": "d",
    "id": "d",
    "owner": "r",
    "template": "template0",
    "encoding": "UTF8",
    "lcCollate": "C",
    "lcCtype": "C",
    "tablespaceName": "pg_default",
    "connectionLimit": -1,
    "allowConnections": True,
    "isTemplate": False,
    "alterObjectOwnership": False,
}
GRANT_INPUTS = {"role": "r", "database": "d", "objectType": "database", "privileges": ["CREATE"]}
GRANT_OUTPUTS = {**GRANT_INPUTS, "schema": None, "objects": None, "columns": None, "withGrantOption": False, "id": "g"}


def _reasons(plugin: PluginProcess, token: str, inputs: Properties) -> str:
    return "\n".join(reason for _, reason in plugin.check(token, inputs).failures)


class TestConfiguration:
    def test_values_become_text_and_the_password_secret(self, offline: PluginProcess) -> None:
        config = {"host": "h", "port": 5433, "superuser": False, "connectTimeout": "15", "password": "p"}
        answer = offline.check_config(config)
        assert answer.failures == []
        assert answer.inputs == {
            "host": "h",
            "port": "5433",
            "superuser": "false",
            "connectTimeout": "15",
            "password": Secret("p"),
        }

    def test_unknown_values_stay_unknown(self, offline: PluginProcess) -> None:
        assert offline.check_config({"host": UNKNOWN}).inputs == {"host": UNKNOWN}

    @pytest.mark.parametrize(
        ("config", "reason"),
        [
            ({"hots": "h"}, "Invalid or unknown key. Examine values at 'test.hots'."),
            ({"scheme": "mysql"}, 'expected scheme to be one of ["postgres" "awspostgres" "gcppostgres"], got mysql'),
            ({"connectTimeout": -5}, "expected connect_timeout to be at least (-1), got -5"),
        ],
    )
    def test_refuses(self, offline: PluginProcess, config: Properties, reason: str) -> None:
        ((_, told),) = offline.check_config(config).failures
        assert told.startswith("could not validate provider configuration: ")
        assert reason in told

    def test_a_number_must_be_one(self, offline: PluginProcess) -> None:
        with pytest.raises(PluginError, match="CheckConfig failed because of malformed resource inputs"):
            offline.check_config({"port": "x"})

    def test_no_change_of_it_replaces_resources(self, offline: PluginProcess) -> None:
        changed = offline.diff_config({"host": "a", "port": "1"}, {"host": "b", "username": "u"})
        assert changed.details == {"host": "UPDATE", "port": "DELETE", "username": "ADD"}
        assert changed.replaces == set()

    def test_what_is_not_followed_is_refused(self, postgresql_plugin: PluginUnderTest, offline: PluginProcess) -> None:
        postgresql_plugin.skip_unless_stand_in("it can log in with a client certificate and to clouds")
        for key in ("clientcert", "awsRdsIamAuth", "azureIdentityAuth"):
            ((name, reason),) = offline.check_config({key: "x"}).failures
            assert name == key
            assert "install the real pulumi-resource-postgresql" in reason


class TestCheck:
    def test_fills_in_defaults_and_lists_them(self, offline: PluginProcess) -> None:
        assert checked(offline, ROLE, {"name": "r"}) == {
            "name": "r",
            **ROLE_DEFAULTS,
            "__defaults": sorted(ROLE_DEFAULTS),
        }

    def test_a_given_value_is_no_default(self, offline: PluginProcess) -> None:
        inputs = {"name": "d", "connectionLimit": 5, "allowConnections": False}
        assert checked(offline, DATABASE, inputs) == {**inputs, "__defaults": []}

    def test_makes_a_password_secret(self, offline: PluginProcess) -> None:
        assert checked(offline, ROLE, {"name": "r", "password": "p"})["password"] == Secret("p")

    @pytest.mark.parametrize("token", [ROLE, DATABASE, EXTENSION, SCHEMA])
    def test_makes_up_a_name_once(self, offline: PluginProcess, token: str) -> None:
        first = checked(offline, token, {})
        assert first["name"].startswith("test-")
        assert "name" in first["__defaults"]
        assert checked(offline, token, {}, first) == first

    @pytest.mark.parametrize(
        ("given", "understood"),
        [({"login": "true"}, {"login": True}), ({"name": 1}, {"name": "1"}), ({"roles": "a"}, {"roles": ["a"]})],
    )
    def test_understands_values_of_another_type(
        self, offline: PluginProcess, given: Properties, understood: Properties
    ) -> None:
        inputs = checked(offline, ROLE, {"name": "r", **given})
        assert {name: inputs[name] for name in understood} == understood

    @pytest.mark.parametrize(
        ("token", "inputs", "reason"),
        [
            (ROLE, {"name": "r", "logni": True}, "Invalid or unknown key. Examine values at 'test.logni'."),
            (ROLE, {"name": "r", "connectionLimit": -2}, "expected connection_limit to be at least (-1), got -2."),
            (ROLE, {"name": "r", "login": "yes"}, "parsing \"yes\": invalid syntax. Examine values at 'test.login'."),
            (GRANT, {}, 'The argument "object_type" is required'),
            (GRANT_ROLE, {}, 'The argument "grant_role" is required'),
            (DEFAULT_PRIVILEGES, {}, 'The argument "owner" is required'),
            (GRANT, {**GRANT_INPUTS, "objectType": "tabel"}, "got tabel. Examine values at 'test.objectType'."),
        ],
    )
    def test_refuses(self, offline: PluginProcess, token: str, inputs: Properties, reason: str) -> None:
        assert reason in _reasons(offline, token, inputs)

    def test_every_missing_argument_is_told(self, offline: PluginProcess) -> None:
        assert len(offline.check(GRANT, {}).failures) == 4

    @pytest.mark.parametrize(
        ("token", "inputs"), [(ROLE, {"passwordWo": "x"}), (ROLE, {"encrypted": "x"}), (SCHEMA, {"policies": []})]
    )
    def test_what_is_not_followed_is_refused(
        self, postgresql_plugin: PluginUnderTest, offline: PluginProcess, token: str, inputs: Properties
    ) -> None:
        postgresql_plugin.skip_unless_stand_in("it knows all properties")
        assert "install the real pulumi-resource-postgresql" in _reasons(offline, token, {"name": "x", **inputs})


class TestPreview:
    """The server of `offline` cannot be reached, so a preview that connected would fail."""

    def test_a_new_role(self, offline: PluginProcess) -> None:
        inputs = checked(offline, ROLE, {"name": "r", "password": "p"})
        assert offline.create(ROLE, inputs, preview=True).outputs == ROLE_OUTPUTS

    def test_what_the_server_will_choose_is_unknown(self, offline: PluginProcess) -> None:
        outputs = offline.create(
            DATABASE, checked(offline, DATABASE, {"name": "d", "owner": "r"}), preview=True
        ).outputs
        chosen = ("id", "template", "encoding", "lcCollate", "lcCtype", "tablespaceName", "isTemplate")
        assert outputs == {**DATABASE_OUTPUTS, **dict.fromkeys(chosen, UNKNOWN)}

    def test_an_unknown_input_stays_unknown(self, offline: PluginProcess) -> None:
        inputs = checked(offline, ROLE, {"name": UNKNOWN, "password": UNKNOWN, "roles": UNKNOWN})
        outputs = offline.create(ROLE, inputs, preview=True).outputs
        assert (outputs["name"], outputs["roles"]) == (UNKNOWN, UNKNOWN)
        assert outputs["password"] in (UNKNOWN, Secret(UNKNOWN))

    def test_sets_are_in_one_order(self, offline: PluginProcess) -> None:
        inputs = checked(offline, GRANT, {**GRANT_INPUTS, "privileges": ["TEMPORARY", "CONNECT"]})
        assert offline.create(GRANT, inputs, preview=True).outputs["privileges"] == ["CONNECT", "TEMPORARY"]

    def test_an_update_keeps_what_the_server_chose(self, offline: PluginProcess) -> None:
        state = State("d", DATABASE_OUTPUTS, checked(offline, DATABASE, {"name": "d", "owner": "r"}))
        inputs = checked(offline, DATABASE, {"name": "d", "owner": UNKNOWN, "connectionLimit": 9})
        outputs = offline.update(DATABASE, state, inputs, preview=True).outputs
        seen = {name: value for name, value in outputs.items() if not name.startswith("__")}
        assert seen == {**DATABASE_OUTPUTS, "owner": UNKNOWN, "connectionLimit": 9}


class TestDiff:
    @pytest.fixture
    def database(self, offline: PluginProcess) -> State:
        return State("d", DATABASE_OUTPUTS, checked(offline, DATABASE, {"name": "d", "owner": "r"}))

    @pytest.fixture
    def grant(self, offline: PluginProcess) -> State:
        return State("g", GRANT_OUTPUTS, checked(offline, GRANT, GRANT_INPUTS))

    @pytest.fixture
    def role(self, offline: PluginProcess) -> State:
        zeros = {"assumeRole": "", "statementTimeout": 0, "idleInTransactionSessionTimeout": 0, "id": "r"}
        return State("r", {**ROLE_OUTPUTS, **zeros}, checked(offline, ROLE, {"name": "r", "password": "p"}))

    def test_equal_inputs_change_nothing(
        self, offline: PluginProcess, database: State, grant: State, role: State
    ) -> None:
        for token, state in ((DATABASE, database), (GRANT, grant), (ROLE, role)):
            assert not difference(offline, token, state).changed

    @pytest.mark.parametrize(
        "change",
        [
            {"owner": "other"},
            {"owner": UNKNOWN},
            {"name": "other"},
            {"connectionLimit": 3},
            {"allowConnections": False},
            {"isTemplate": True},
            {"tablespaceName": "fast"},
            {"alterObjectOwnership": True},
        ],
    )
    def test_a_database_changes_in_place(self, offline: PluginProcess, database: State, change: dict[str, Any]) -> None:
        answer = difference(offline, DATABASE, database, **change)
        assert (answer.details, answer.replaces) == (dict.fromkeys(change, "UPDATE"), set())

    @pytest.mark.parametrize("name", ["encoding", "template", "lcCollate", "lcCtype"])
    @pytest.mark.parametrize("value", ["LATIN1", UNKNOWN])
    def test_a_database_of_another_making_is_deleted_first(
        self, offline: PluginProcess, database: State, name: str, value: Any
    ) -> None:
        answer = difference(offline, DATABASE, database, **{name: value})
        assert (answer.details, answer.replaces) == ({name: "UPDATE_REPLACE"}, {name})
        assert answer.delete_before_replace, "two databases of one name cannot be"

    def test_what_the_server_chose_is_no_change(self, offline: PluginProcess, database: State) -> None:
        assert not difference(offline, DATABASE, database, owner=None).changed
        assert not difference(offline, DATABASE, database, encoding="UTF8").changed

    @pytest.mark.parametrize(
        ("change", "details"),
        [
            ({"password": "new"}, {"password": "UPDATE"}),
            ({"password": UNKNOWN}, {"password": "UPDATE"}),
            ({"password": None}, {"password": "DELETE"}),
            ({"name": "other", "login": True}, {"name": "UPDATE", "login": "UPDATE"}),
            ({"roles": ["a"]}, {"roles": "ADD"}),
        ],
    )
    def test_a_role_changes_in_place(
        self, offline: PluginProcess, role: State, change: dict[str, Any], details: dict[str, str]
    ) -> None:
        answer = difference(offline, ROLE, role, **change)
        assert (answer.details, answer.replaces) == (details, set())

    def test_ignored_changes_are_ignored(self, offline: PluginProcess, role: State) -> None:
        wanted = checked(offline, ROLE, {"name": "r", "password": "new", "login": True})
        assert offline.diff(ROLE, role, wanted, ignore_changes=["password"]).details == {"login": "UPDATE"}

    @pytest.mark.parametrize(
        ("change", "details"),
        [
            ({"privileges": ["CREATE", "CONNECT"]}, {"privileges[1]": "ADD"}),
            ({"privileges": UNKNOWN}, {"privileges": "UPDATE"}),
        ],
    )
    def test_privileges_change_in_place(
        self, offline: PluginProcess, grant: State, change: dict[str, Any], details: dict[str, str]
    ) -> None:
        answer = difference(offline, GRANT, grant, **change)
        assert (answer.details, answer.replaces, answer.diffs) == (details, set(), {"privileges"})

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"role": "other"}, "UPDATE_REPLACE"),
            ({"database": "other"}, "UPDATE_REPLACE"),
            ({"objectType": "schema"}, "UPDATE_REPLACE"),
            ({"withGrantOption": True}, "UPDATE_REPLACE"),
            ({"schema": "public"}, "ADD_REPLACE"),
            ({"objects": ["t"]}, "ADD_REPLACE"),
        ],
    )
    def test_a_grant_on_something_else_is_revoked_first(
        self, offline: PluginProcess, grant: State, change: dict[str, Any], kind: str
    ) -> None:
        answer = difference(offline, GRANT, grant, **change)
        assert (answer.details, answer.replaces) == (dict.fromkeys(change, kind), set(change))
        assert answer.delete_before_replace, "deleting the old one would revoke what the new one granted"
        assert answer.stables == {name for name in GRANT_OUTPUTS if name not in {"id", "privileges", *change}}

    def test_another_object_replaces_the_whole(self, offline: PluginProcess, grant: State) -> None:
        outputs, inputs = {**grant.outputs, "objects": ["a", "b"]}, {**grant.inputs, "objects": ["a", "b"]}
        answer = difference(offline, GRANT, State("g", outputs, inputs), objects=["a", "c"])
        assert (answer.details, answer.replaces) == ({"objects[1]": "UPDATE_REPLACE"}, {"objects"})
