"""A schema in a database."""

from __future__ import annotations

from typing import ClassVar

from psycopg import sql

from toolchain.plugins.postgresql.connections import Connections, Session, explained
from toolchain.plugins.postgresql.membership import acting_for, database_exists, database_owner, schema_exists
from toolchain.plugins.postgresql.resource import Property, Resource, changed
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import ProviderError


class Schema(Resource):
    """postgresql.Schema."""

    token = "postgresql:index/schema:Schema"  # noqa: S105
    autonamed = True
    properties: ClassVar = {
        "name": Property(required=True),
        "database": Property(computed=True, replaces=True),
        "owner": Property(computed=True),
        "ifNotExists": Property("bool", default=True),
        "dropCascade": Property("bool", default=False),
        "policies": Property("set", computed=True, followed=False, terraform_name="policy"),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """CREATE SCHEMA; one that is there gets the owner instead."""
        database, name = wanted["database"] or connections.server.database, str(wanted["name"])
        session = connections.to(database)
        with session.transaction():
            owner = database_owner(session, database)
            others = [wanted["owner"]] if wanted["owner"] not in {None, "", owner} else []
            with acting_for(session, [owner, *others]):
                if schema_exists(session, name):
                    _set_owner(session, name, wanted["owner"])
                else:
                    _create(session, name, wanted["owner"])
        return f"{database}.{name}"

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:
        """Read pg_namespace of the database; when importing, the id is DATABASE.SCHEMA."""
        database, name = state.get("database") or connections.server.database, state.get("name")
        if not name:
            database, name = _parsed(id_)
        if not database_exists(connections.to(), database):
            return None
        owner = connections.to(database).value(
            "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s", name
        )
        if owner is None:
            return None
        policies = state.get("policies") or []
        return {"id": f"{database}.{name}", "name": name, "database": database, "owner": owner, "policies": policies}

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:  # noqa: ARG002
        """Rename it, or give it to another owner."""
        database, name = wanted["database"], str(wanted["name"])
        session = connections.to(database)
        with session.transaction():
            if changed(old, wanted, "name"):
                with explained("error updating schema NAME"):
                    session.run("ALTER SCHEMA {old} RENAME TO {name}", old=old["name"], name=name)
            if changed(old, wanted, "owner"):
                _set_owner(session, name, wanted["owner"])
        return f"{database}.{name}"

    def delete(self, connections: Connections, old: Properties) -> None:
        """DROP SCHEMA, if it is still there."""
        session = connections.to(old.get("database"))
        with session.transaction():
            if not schema_exists(session, old["name"]):
                return
            mode = sql.SQL("CASCADE" if old.get("dropCascade") else "RESTRICT")
            with acting_for(session, [old["owner"]]), explained("error deleting schema"):
                session.run("DROP SCHEMA {name} {mode}", name=old["name"], mode=mode)


def _create(session: Session, name: str, owner: str | None) -> None:
    authorization = sql.SQL("AUTHORIZATION {}").format(sql.Identifier(owner)) if owner else sql.SQL("")
    with explained(f"error creating schema {name}"):
        session.run("CREATE SCHEMA {name} {authorization}", name=name, authorization=authorization)


def _set_owner(session: Session, name: str, owner: str | None) -> None:
    if owner:
        with explained("error updating schema OWNER"):
            session.run("ALTER SCHEMA {name} OWNER TO {owner}", name=name, owner=owner)


def _parsed(id_: str) -> tuple[str, str]:
    parts = id_.split(".")
    if len(parts) != 2:
        raise ProviderError(f"schema ID {id_} has not the expected format 'database.schema': [{' '.join(parts)}]")
    return parts[0], parts[1]
