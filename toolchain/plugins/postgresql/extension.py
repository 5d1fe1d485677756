"""An extension in a database."""

from __future__ import annotations

from typing import ClassVar

from psycopg import sql

from toolchain.plugins.postgresql.connections import Connections, explained
from toolchain.plugins.postgresql.membership import database_exists
from toolchain.plugins.postgresql.resource import Property, Resource, changed
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import ProviderError


class Extension(Resource):
    """postgresql.Extension."""

    token = "postgresql:index/extension:Extension"  # noqa: S105
    autonamed = True
    properties: ClassVar = {
        "name": Property(required=True, replaces=True),
        "database": Property(computed=True, replaces=True),
        "schema": Property(computed=True),
        "version": Property(computed=True),
        "createCascade": Property("bool", default=False),
        "dropCascade": Property("bool", default=False),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """CREATE EXTENSION, unless it is there."""
        database = wanted["database"] or connections.server.database
        options: list[sql.Composable] = []
        if wanted["schema"]:
            options.append(sql.SQL("SCHEMA {}").format(sql.Identifier(wanted["schema"])))
        if wanted["version"]:
            options.append(sql.SQL("VERSION {}").format(sql.Identifier(wanted["version"])))
        if wanted["createCascade"]:
            options.append(sql.SQL("CASCADE"))
        connections.to(database).run(
            "CREATE EXTENSION IF NOT EXISTS {name} {options}", name=wanted["name"], options=sql.SQL(" ").join(options)
        )
        return f"{database}.{wanted['name']}"

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:
        """Read pg_extension of the database; when importing, the id is DATABASE.EXTENSION."""
        database, name = state.get("database") or connections.server.database, state.get("name")
        if not name:
            database, name = _parsed(id_)
        if not database_exists(connections.to(), database):
            return None
        rows = connections.to(database).rows(
            "SELECT n.nspname, e.extversion FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
            " WHERE e.extname = %s",
            name,
        )
        if not rows:
            return None
        schema, version = rows[0]
        return {"id": f"{database}.{name}", "name": name, "database": database, "schema": schema, "version": version}

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:
        """Move it to another schema, or to another version."""
        session = connections.to(wanted["database"])
        with session.transaction():
            if changed(old, wanted, "schema"):
                with explained("error updating extension SCHEMA"):
                    session.run(
                        "ALTER EXTENSION {name} SET SCHEMA {schema}", name=wanted["name"], schema=wanted["schema"]
                    )
            if changed(old, wanted, "version"):
                with explained("error updating extension version"):
                    session.run(
                        "ALTER EXTENSION {name} UPDATE TO {version}", name=wanted["name"], version=wanted["version"]
                    )
        return id_

    def delete(self, connections: Connections, old: Properties) -> None:
        """DROP EXTENSION."""
        mode = sql.SQL("CASCADE" if old.get("dropCascade") else "RESTRICT")
        connections.to(old.get("database")).run("DROP EXTENSION {name} {mode}", name=old["name"], mode=mode)


def _parsed(id_: str) -> tuple[str, str]:
    parts = id_.split(".")
    if len(parts) != 2:
        raise ProviderError(f"extension ID {id_} has not the expected format 'database.extension': [{' '.join(parts)}]")
    return parts[0], parts[1]
