"""Privileges of a role on what another role will create."""

from __future__ import annotations

from typing import ClassVar, Final

from psycopg import sql

from toolchain.plugins.postgresql import privileges
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

_CATALOG_KINDS: Final = {"table": "r", "sequence": "S", "function": "f", "routine": "f", "type": "T", "schema": "n"}


class DefaultPrivileges(Resource):
    """postgresql.DefaultPrivileges."""

    token = "postgresql:index/defaultPrivileges:DefaultPrivileges"  # noqa: S105
    properties: ClassVar = {
        "role": Property(required=True, replaces=True),
        "database": Property(required=True, replaces=True),
        "owner": Property(required=True, replaces=True),
        "schema": Property(replaces=True),
        "objectType": Property(required=True, replaces=True, allowed=tuple(_CATALOG_KINDS)),
        "privileges": Property("set", required=True),
        "withGrantOption": Property("bool", default=False, replaces=True),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """ALTER DEFAULT PRIVILEGES: revoke all, grant what is wanted, all or nothing."""
        if wanted["schema"] and wanted["objectType"] == "schema":
            raise ProviderError("cannot specify `schema` when `object_type` is `schema`")
        if wanted["withGrantOption"] and wanted["role"].lower() == PUBLIC:
            raise ProviderError("with_grant_option cannot be true for role 'public'")
        privileges.require_allowed(connections.to(), wanted)
        session = connections.to(wanted["database"])
        with session.transaction():
            lock_role(session, wanted["owner"])
            with acting_for(session, [wanted["owner"]]):
                _revoke(session, wanted)
                _grant(session, wanted)
        return _id(wanted)

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:  # noqa: ARG002
        """Grant anew."""
        return self.create(connections, wanted)

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:  # noqa: ARG002
        """Read pg_default_acl; without any of the privileges it counts as gone."""
        database, schema = state.get("database"), state.get("schema")
        if database is None or not database_exists(connections.to(), database):
            return None
        session = connections.to(database)
        if state["role"] != PUBLIC and not role_exists(session, state["role"]):
            return None
        if schema and not schema_exists(session, schema):
            return None
        rows = session.rows(
            "SELECT a.privilege_type FROM pg_default_acl d"
            " LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) a"
            " WHERE d.defaclobjtype = %s AND a.grantee = %s AND pg_get_userbyid(a.grantor) = %s"
            " AND coalesce(n.nspname, '') = %s",
            _CATALOG_KINDS[state["objectType"]],
            role_oid(session, state["role"]),
            state["owner"],
            schema or "",
        )
        granted = {row[0] for row in rows}
        if not granted and state.get("privileges"):
            return None
        if privileges.are_wanted(session, state, granted):
            return {"id": _id(state)}
        return {"id": _id(state), "privileges": sorted(granted)}

    def delete(self, connections: Connections, old: Properties) -> None:
        """ALTER DEFAULT PRIVILEGES ... REVOKE ALL."""
        session = connections.to(old["database"])
        with session.transaction():
            lock_role(session, old["owner"])
            with acting_for(session, [old["owner"]]):
                _revoke(session, old)


def _revoke(session: Session, properties: Properties) -> None:
    with explained("could not revoke default privileges"):
        _alter(session, properties, "REVOKE ALL ON {kinds} FROM {role}")


def _grant(session: Session, properties: Properties) -> None:
    if properties["privileges"]:
        with explained("could not alter default privileges"):
            _alter(session, properties, "GRANT {what} ON {kinds} TO {role} {option}")


def _alter(session: Session, properties: Properties, action: str) -> None:
    schema = properties["schema"]
    session.run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} {schema} " + action,
        owner=properties["owner"],
        schema=sql.SQL("IN SCHEMA {}").format(sql.Identifier(schema)) if schema else sql.SQL(""),
        what=privileges.as_sql(properties["privileges"] or []),
        kinds=sql.SQL(properties["objectType"].upper() + "S"),
        role=properties["role"],
        option=sql.SQL("WITH GRANT OPTION" if properties["withGrantOption"] else ""),
    )


def _id(properties: Properties) -> str:
    schema = properties.get("schema") or "noschema"
    parts = (properties["role"], properties["database"], schema, properties["owner"], properties["objectType"])
    return "_".join(parts)
