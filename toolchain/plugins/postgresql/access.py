"""Objects that privileges are granted on: their names in SQL, their owners, their access lists."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from toolchain.plugins.postgresql.connections import Session
from toolchain.plugins.postgresql.membership import database_owner
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import ProviderError

NOT_IN_A_SCHEMA: Final = ("database", "foreign_data_wrapper", "foreign_server")

_NAMED: Final = {
    "database": "SELECT (aclexplode(datacl)).* FROM pg_database WHERE datname = %s",
    "schema": "SELECT (aclexplode(nspacl)).* FROM pg_namespace WHERE nspname = %s",
    "foreign_data_wrapper": "SELECT (aclexplode(fdwacl)).* FROM pg_foreign_data_wrapper WHERE fdwname = %s",
    "foreign_server": "SELECT (aclexplode(srvacl)).* FROM pg_foreign_server WHERE srvname = %s",
}
"""The access list of an object: grantor, grantee, privilege, and whether it may be passed on."""

_RELATIONS: Final = """
    SELECT c.relname, coalesce(array_agg(a.privilege_type) FILTER (WHERE a.grantee = %s), '{}')
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL aclexplode(c.relacl) a ON true
    WHERE n.nspname = %s AND c.relkind = %s
    GROUP BY c.oid, c.relname ORDER BY c.relname
"""
_FUNCTIONS: Final = """
    SELECT p.proname, coalesce(array_agg(a.privilege_type) FILTER (WHERE a.grantee = %s), '{}')
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN LATERAL aclexplode(p.proacl) a ON true
    WHERE n.nspname = %s
    GROUP BY p.oid, p.proname ORDER BY p.proname
"""
_RELATION_KINDS: Final = {"table": "r", "sequence": "S"}


def objects_sql(properties: Properties) -> sql.Composable:
    """Name the objects as GRANT and REVOKE do, such as ALL TABLES IN SCHEMA "s"."""
    kind, schema = properties["objectType"], properties["schema"]
    keyword = sql.SQL("TABLE" if kind == "column" else kind.replace("_", " ").upper())
    if kind in {*_NAMED}:
        return sql.SQL("{} {}").format(keyword, sql.Identifier(_name(properties)))
    if properties["objects"]:
        names = sql.SQL(", ").join(sql.Identifier(schema, name) for name in properties["objects"])
        return sql.SQL("{} {}").format(keyword, names)
    return sql.SQL("ALL {}S IN SCHEMA {}").format(keyword, sql.Identifier(schema))


def owners(session: Session, properties: Properties) -> list[str]:
    """Who owns the objects; on whose behalf privileges are granted.

    Raises:
        ProviderError: there is no such schema.
    """
    kind, schema = properties["objectType"], properties["schema"]
    if kind in NOT_IN_A_SCHEMA:
        return []
    owner = session.value("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s", schema)
    if owner is None:
        raise ProviderError(f"could not find schema '{schema}' while looking for owner")
    rows = (
        []
        if kind == "schema"
        else session.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = %s", schema)
    )
    found = dict.fromkeys([*(row[0] for row in rows), owner])
    return [database_owner(session, properties["database"]) if role == "pg_database_owner" else role for role in found]


def granted_on_named(session: Session, role: int, properties: Properties) -> set[str]:
    """Privileges of a role on a database, a schema, a foreign data wrapper or a foreign server."""
    rows = session.rows(_NAMED[properties["objectType"]], _name(properties))
    return {privilege for _, grantee, privilege, _ in rows if grantee == role}


def granted_on_objects(session: Session, role: int, properties: Properties) -> list[set[str]]:
    """Privileges of a role on each of the objects, or on each in the schema."""
    kind, schema = properties["objectType"], properties["schema"]
    if kind in _RELATION_KINDS:
        rows = session.rows(_RELATIONS, role, schema, _RELATION_KINDS[kind])
    else:
        rows = session.rows(_FUNCTIONS, role, schema)
    wanted = properties.get("objects") or []
    return [set(granted) for name, granted in rows if not wanted or name in wanted]


def granted_on_columns(session: Session, role: int, properties: Properties) -> set[str]:
    """Which of the columns the role has the privilege on."""
    rows = session.rows(
        "SELECT t.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute t ON t.attrelid = c.oid CROSS JOIN LATERAL aclexplode(t.attacl) a"
        " WHERE n.nspname = %s AND c.relname = %s AND a.grantee = %s AND a.privilege_type = ANY(%s)",
        properties["schema"],
        properties["objects"][0],
        role,
        properties["privileges"],
    )
    return {row[0] for row in rows} & set(properties["columns"])


def _name(properties: Properties) -> str:
    kind = properties["objectType"]
    return str(properties[kind] if kind in {"database", "schema"} else properties["objects"][0])
