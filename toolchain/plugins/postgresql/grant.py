"""Privileges of a role on objects of a database."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from psycopg import sql

from toolchain.plugins.postgresql import privileges
from toolchain.plugins.postgresql.access import (
    NOT_IN_A_SCHEMA,
    granted_on_columns,
    granted_on_named,
    granted_on_objects,
    objects_sql,
    owners,
)
from toolchain.plugins.postgresql.connections import Connections, Session, explained
from toolchain.plugins.postgresql.membership import (
    PUBLIC,
    acting_for,
    database_exists,
    lock_role,
    role_exists,
    role_oid,
    schema_exists,
)
from toolchain.plugins.postgresql.resource import Property, Resource
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import ProviderError

_OBJECT_TYPES: Final = (
    "database",
    "function",
    "procedure",
    "routine",
    "schema",
    "sequence",
    "table",
    "foreign_data_wrapper",
    "foreign_server",
    "column",
)


class Grant(Resource):
    """postgresql.Grant."""

    token = "postgresql:index/grant:Grant"  # noqa: S105
    delete_before_replace = True
    properties: ClassVar = {
        "role": Property(required=True, replaces=True),
        "database": Property(required=True, replaces=True),
        "schema": Property(replaces=True),
        "objectType": Property(required=True, replaces=True, allowed=_OBJECT_TYPES),
        "objects": Property("set", replaces=True),
        "columns": Property("set", replaces=True),
        "privileges": Property("set", required=True),
        "withGrantOption": Property("bool", default=False, replaces=True),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """Revoke what the role has on the objects and GRANT what it shall have, all or nothing."""
        return self._grant(connections, wanted, wanted)

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:  # noqa: ARG002
        """Grant anew; the role is never without."""
        return self._grant(connections, {**wanted, "privileges": old["privileges"]}, wanted)

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:  # noqa: ARG002
        """Read the access lists; an object with other privileges than wanted shows its own."""
        database, kind = state.get("database"), state.get("objectType")
        if database is None or not database_exists(connections.to(), database):
            return None
        session = connections.to(database)
        if state["role"] != PUBLIC and not role_exists(session, state["role"]):
            return None
        if state.get("schema") and kind not in NOT_IN_A_SCHEMA and not schema_exists(session, state["schema"]):
            return None
        return {"id": _id(state), **_present(session, state)}

    def delete(self, connections: Connections, old: Properties) -> None:
        """REVOKE what was granted."""
        session = connections.to(old["database"])
        with session.transaction():
            _lock(session, old)
            with acting_for(session, owners(session, old)):
                _revoke(session, old)

    @staticmethod
    def _grant(connections: Connections, old: Properties, wanted: Properties) -> str:
        _require_consistent(wanted)
        privileges.require_allowed(connections.to(), wanted)
        session = connections.to(wanted["database"])
        with session.transaction():
            _lock(session, wanted)
            with acting_for(session, owners(session, wanted)):
                _revoke(session, old)
                if wanted["privileges"]:
                    _run(session, "GRANT {what} ON {objects} TO {role} {option}", wanted)
        return _id(wanted)


def _require_consistent(wanted: Properties) -> None:
    kind = wanted["objectType"]
    objects, columns = wanted["objects"] or [], wanted["columns"] or []
    problems = {
        "parameter 'schema' is mandatory for postgresql_grant resource": not wanted["schema"]
        and kind not in NOT_IN_A_SCHEMA,
        "cannot specify `objects` when `object_type` is `database` or `schema`": bool(objects)
        and kind in {"database", "schema"},
        "cannot specify `columns` when `object_type` is not `column`": bool(columns) and kind != "column",
        "must specify `columns` when `object_type` is `column`": not columns and kind == "column",
        "must specify exactly 1 `privileges` when `object_type` is `column`": kind == "column"
        and len(wanted["privileges"] or []) != 1,
        "must specify exactly 1 table in the `objects` field when `object_type` is `column`": kind == "column"
        and len(objects) != 1,
        "one element must be specified in `objects` when `object_type` is `foreign_data_wrapper` or `foreign_server`": (
            kind.startswith("foreign_") and len(objects) != 1
        ),
        "the stand-in does not follow argument types in `objects`; name the function without them": any(
            "(" in name for name in objects
        ),
    }
    for problem, is_so in problems.items():
        if is_so:
            raise ProviderError(problem)


def _lock(session: Session, properties: Properties) -> None:
    lock_role(session, properties["role"])
    if properties["objectType"] == "database":
        database = properties["database"]
        with explained(f"could not get advisory lock for database {database}"):
            session.rows("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_database WHERE datname = %s", database)


def _revoke(session: Session, old: Properties) -> None:
    """Revoke everything; from named objects only what we granted, to leave grants on columns alone."""
    held = old["privileges"] or []
    if old["objectType"] == "column" and not held:
        return
    everything = old["objectType"] != "column" and not (old["objects"] and held)
    with explained("could not execute revoke query"):
        _run(session, "REVOKE {what} ON {objects} FROM {role}", old, everything=everything)


def _run(session: Session, statement: str, properties: Properties, *, everything: bool = False) -> None:
    what = sql.SQL("ALL PRIVILEGES") if everything else privileges.as_sql(properties["privileges"])
    if properties["objectType"] == "column":
        columns = sql.SQL(", ").join(map(sql.Identifier, properties["columns"]))
        what = sql.SQL("{} ({})").format(what, columns)
    option = sql.SQL("WITH GRANT OPTION" if properties["withGrantOption"] else "")
    session.run(statement, what=what, objects=objects_sql(properties), role=properties["role"], option=option)


def _present(session: Session, state: Properties) -> dict[str, Any]:
    role, kind = role_oid(session, state["role"]), state["objectType"]
    if kind == "column":
        columns = granted_on_columns(session, role, state)
        return {} if columns == set(state["columns"]) else {"columns": sorted(columns)}
    if kind in {*NOT_IN_A_SCHEMA, "schema"}:
        held = [granted_on_named(session, role, state)]
    else:
        held = granted_on_objects(session, role, state)
    other = next((granted for granted in held if not privileges.are_wanted(session, state, granted)), None)
    return {} if other is None else {"privileges": sorted(other)}


def _id(properties: Properties) -> str:
    kind = properties["objectType"]
    schema = [] if kind in NOT_IN_A_SCHEMA else [properties["schema"] or ""]
    objects = privileges.in_hash_order(properties.get("objects") or [])
    columns = privileges.in_hash_order(properties.get("columns") or [])
    return "_".join([properties["role"], properties["database"], *schema, kind, *objects, *columns])
