"""A database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import ClassVar

from psycopg import sql

from toolchain.plugins.postgresql.connections import Connections, Session, explained
from toolchain.plugins.postgresql.membership import database_owner, grant_membership, lock_role, revoke_membership
from toolchain.plugins.postgresql.resource import Property, Resource, changed
from toolchain.plugins.properties import Properties
from toolchain.plugins.quoting import quoted


class Database(Resource):
    """postgresql.Database."""

    token = "postgresql:index/database:Database"  # noqa: S105
    autonamed = True
    properties: ClassVar = {
        "name": Property(required=True),
        "owner": Property(computed=True),
        "template": Property(computed=True, replaces=True),
        "encoding": Property(computed=True, replaces=True),
        "lcCollate": Property(computed=True, replaces=True),
        "lcCtype": Property(computed=True, replaces=True),
        "tablespaceName": Property(computed=True),
        "connectionLimit": Property("int", default=-1, minimum=-1),
        "allowConnections": Property("bool", default=True),
        "isTemplate": Property("bool", computed=True),
        "alterObjectOwnership": Property("bool", default=False),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """CREATE DATABASE; without an owner it is ours, without a template template0, without an encoding UTF8."""
        session, name = connections.to(), str(wanted["name"])
        user = connections.server.database_username
        options = [
            sql.SQL("OWNER {}").format(sql.Identifier(wanted["owner"] or user)),
            sql.SQL("TEMPLATE {}").format(_or_default(wanted["template"] or "template0", sql.Identifier)),
            sql.SQL("ENCODING {}").format(_or_default(wanted["encoding"] or "UTF8", sql.Literal)),
            sql.SQL("ALLOW_CONNECTIONS {}").format(sql.Literal(wanted["allowConnections"])),
            sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(wanted["connectionLimit"])),
            sql.SQL("IS_TEMPLATE {}").format(sql.Literal(bool(wanted["isTemplate"]))),
        ]
        if wanted["lcCollate"]:
            options.append(sql.SQL("LC_COLLATE {}").format(_or_default(wanted["lcCollate"], sql.Literal)))
        if wanted["lcCtype"]:
            options.append(sql.SQL("LC_CTYPE {}").format(_or_default(wanted["lcCtype"], sql.Literal)))
        if wanted["tablespaceName"]:
            tablespace = _or_default(wanted["tablespaceName"], sql.Identifier)
            options.append(sql.SQL("TABLESPACE {}").format(tablespace))
        with _as_member(session, wanted["owner"], user), explained(f"error creating database {quoted(name)}"):
            session.run("CREATE DATABASE {name} {options}", name=name, options=sql.SQL(" ").join(options))
        return name

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:
        """Read pg_database."""
        rows = connections.to().rows(
            "SELECT d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,"
            " t.spcname, d.datconnlimit, d.datallowconn, d.datistemplate"
            " FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = %s",
            id_,
        )
        if not rows:
            return None
        names = ("name", "owner", "encoding", "lcCollate", "lcCtype", "tablespaceName", "connectionLimit")
        present = dict(zip((*names, "allowConnections", "isTemplate"), rows[0], strict=True))
        return {**present, "template": state.get("template") or "template0", "id": present["name"]}

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:  # noqa: ARG002
        """ALTER DATABASE for each change; each takes effect alone, as PostgreSQL knows no transaction for them all."""
        session, name = connections.to(), str(wanted["name"])
        if changed(old, wanted, "name"):
            with explained("error updating database name"):
                session.run("ALTER DATABASE {old} RENAME TO {name}", old=old["name"], name=name)
        if wanted["owner"] and wanted["alterObjectOwnership"]:
            _reassign_objects(connections, name, wanted["owner"])
        if changed(old, wanted, "owner") and wanted["owner"]:
            with _as_member(session, wanted["owner"], connections.server.database_username):
                _alter(session, name, "OWNER", "OWNER TO {value}", sql.Identifier(wanted["owner"]))
        if changed(old, wanted, "tablespaceName"):
            tablespace = wanted["tablespaceName"]
            _alter(session, name, "TABLESPACE", "SET TABLESPACE {value}", sql.Identifier(tablespace))
        if changed(old, wanted, "connectionLimit"):
            _alter(
                session, name, "CONNECTION LIMIT", "CONNECTION LIMIT = {value}", sql.Literal(wanted["connectionLimit"])
            )
        if changed(old, wanted, "allowConnections"):
            _allow_connections(session, name, wanted["allowConnections"])
        if changed(old, wanted, "isTemplate"):
            _make_template(session, name, wanted["isTemplate"])
        return name

    def delete(self, connections: Connections, old: Properties) -> None:
        """End all sessions in the database and DROP it."""
        session, name = connections.to(), str(old["name"])
        with _as_member(session, old.get("owner"), connections.server.database_username):
            if old.get("isTemplate"):
                _make_template(session, name, False)
            with explained("error blocking connections to database"):
                session.run("ALTER DATABASE {name} ALLOW_CONNECTIONS false", name=name)
            with explained("error terminating database connections"):
                session.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = %s AND pid <> pg_backend_pid()",
                    name,
                )
            with explained("error dropping database"):
                force = sql.SQL("WITH (FORCE)" if session.version >= 130000 else "")
                session.run("DROP DATABASE {name} {force}", name=name, force=force)


@contextlib.contextmanager
def _as_member(session: Session, owner: str | None, user: str) -> Iterator[None]:
    """Belong to the owner for the length of the block: who is no superuser cannot give to another role."""
    granted = bool(owner) and _grant_alone(session, str(owner), user)
    try:
        yield
    finally:
        if granted:
            revoke_membership(session, str(owner), user)


def _grant_alone(session: Session, owner: str, user: str) -> bool:
    with session.transaction():
        lock_role(session, user)
        return grant_membership(session, owner, user)


def _or_default(value: str, kind: type[sql.Identifier | sql.Literal]) -> sql.Composable:
    return sql.SQL("DEFAULT") if value.upper() == "DEFAULT" else kind(value)


def _alter(session: Session, name: str, what: str, option: str, value: sql.Composable) -> None:
    with explained(f"error updating database {what}"):
        session.run("ALTER DATABASE {name} " + option, name=name, value=value)


def _allow_connections(session: Session, name: str, allowed: bool) -> None:
    _alter(session, name, "ALLOW_CONNECTIONS", "ALLOW_CONNECTIONS {value}", sql.Literal(allowed))


def _make_template(session: Session, name: str, is_template: bool) -> None:
    _alter(session, name, "IS_TEMPLATE", "IS_TEMPLATE {value}", sql.Literal(bool(is_template)))


def _reassign_objects(connections: Connections, name: str, new_owner: str) -> None:
    session, user = connections.to(), connections.server.database_username
    owner = database_owner(session, name)
    if owner == new_owner:
        return
    with _as_member(session, owner, user), explained(f"error reassigning objects owned by '{owner}'"):
        connections.to(name).run("REASSIGN OWNED BY {owner} TO {new}", owner=owner, new=new_owner)
