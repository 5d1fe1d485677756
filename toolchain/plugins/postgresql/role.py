"""A role: who may log in, and what it may do."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Final

from psycopg import sql

from toolchain.plugins.postgresql.connections import Connections, Session, explained
from toolchain.plugins.postgresql.membership import acting_for, is_superuser, lock_role
from toolchain.plugins.postgresql.resource import Property, Resource, changed
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import ProviderError

_FLAGS: Final = {
    "superuser": "SUPERUSER",
    "createDatabase": "CREATEDB",
    "createRole": "CREATEROLE",
    "inherit": "INHERIT",
    "login": "LOGIN",
    "replication": "REPLICATION",
    "bypassRowLevelSecurity": "BYPASSRLS",
}
"""Property to keyword; its opposite has NO in front. In the order in which `read` asks for them."""

_SETTINGS: Final = {
    "statementTimeout": "statement_timeout",
    "idleInTransactionSessionTimeout": "idle_in_transaction_session_timeout",
    "assumeRole": "role",
}
"""Property to the server's setting that holds for the role's sessions."""


class Role(Resource):
    """postgresql.Role."""

    token = "postgresql:index/role:Role"  # noqa: S105
    autonamed = True
    properties: ClassVar = {
        "name": Property(required=True),
        "password": Property(secret=True),
        "passwordWo": Property(secret=True, followed=False),
        "passwordWoVersion": Property(followed=False),
        "encrypted": Property(followed=False),
        "encryptedPassword": Property("bool", default=True),
        "roles": Property("set"),
        "searchPaths": Property("list", terraform_name="search_path"),
        "validUntil": Property(default="infinity"),
        "connectionLimit": Property("int", default=-1, minimum=-1),
        "superuser": Property("bool", default=False),
        "createDatabase": Property("bool", default=False),
        "createRole": Property("bool", default=False),
        "inherit": Property("bool", default=True),
        "login": Property("bool", default=False),
        "replication": Property("bool", default=False),
        "bypassRowLevelSecurity": Property("bool", default=False),
        "idleInTransactionSessionTimeout": Property("int", minimum=0),
        "statementTimeout": Property("int", minimum=0),
        "assumeRole": Property(),
        "skipDropRole": Property("bool", default=False),
        "skipReassignOwned": Property("bool", default=False),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """CREATE ROLE, then memberships and settings, all or nothing."""
        session, name = connections.to(), str(wanted["name"])
        options: list[sql.Composable] = []
        if wanted["password"]:
            options.append(_password(wanted["password"]))
        options.append(sql.SQL("VALID UNTIL {}").format(sql.Literal(_valid_until(wanted))))
        options.append(sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(wanted["connectionLimit"])))
        options += [_flag(flag, wanted) for flag in _FLAGS]
        with session.transaction():
            with explained(f"error creating role {name}"):
                session.run("CREATE ROLE {name} WITH {options}", name=name, options=sql.SQL(" ").join(options))
            _grant_roles(session, wanted)
            _set_search_path(session, wanted)
            _change_settings(session, {}, wanted)
        return name

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:
        """Read pg_roles; the password only if we may, and it can be told from a hash."""
        session = connections.to()
        rows = session.rows(
            "SELECT rolname, rolconnlimit, coalesce(rolvaliduntil::text, 'infinity'), coalesce(rolconfig, '{}'),"
            " ARRAY(SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1),"
            " rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolcanlogin, rolreplication, rolbypassrls"
            " FROM pg_roles r WHERE rolname = %s",
            id_,
        )
        if not rows:
            return None
        name, limit, valid_until, config, roles, *flags = rows[0]
        settings = dict(entry.split("=", 1) for entry in config)
        present: Properties = {
            "id": name,
            "name": name,
            "connectionLimit": limit,
            "validUntil": valid_until,
            "roles": roles,
            "searchPaths": _search_path(settings.get("search_path", "")),
            "statementTimeout": int(settings.get("statement_timeout", 0)),
            "idleInTransactionSessionTimeout": int(settings.get("idle_in_transaction_session_timeout", 0)),
            "assumeRole": settings.get("role", ""),
            "encryptedPassword": True,
            **dict(zip(_FLAGS, flags, strict=True)),
        }
        if state.get("password"):
            present["password"] = _present_password(connections, session, present, state["password"])
        return present

    def update(self, connections: Connections, id_: str, old: Properties, wanted: Properties) -> str:  # noqa: ARG002
        """ALTER ROLE for each change, all or nothing."""
        session, name = connections.to(), str(wanted["name"])
        with session.transaction():
            lock_role(session, old["name"])
            if changed(old, wanted, "name"):
                with explained("error updating role NAME"):
                    session.run("ALTER ROLE {old} RENAME TO {new}", old=old["name"], new=name)
            if wanted["password"] and (changed(old, wanted, "password") or changed(old, wanted, "name")):
                _alter(session, name, "password", sql.SQL("PASSWORD {}").format(sql.Literal(wanted["password"])))
            if changed(old, wanted, "connectionLimit"):
                limit = sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(wanted["connectionLimit"]))
                _alter(session, name, "CONNECTION LIMIT", limit)
            for flag, keyword in _FLAGS.items():
                if changed(old, wanted, flag):
                    _alter(session, name, keyword, _flag(flag, wanted))
            if changed(old, wanted, "validUntil"):
                until = sql.SQL("VALID UNTIL {}").format(sql.Literal(_valid_until(wanted)))
                _alter(session, name, "VALID UNTIL", until)
            _revoke_roles(session, name)
            _grant_roles(session, wanted)
            _set_search_path(session, wanted)
            _change_settings(session, old, wanted)
        return name

    def delete(self, connections: Connections, old: Properties) -> None:
        """Hand over or drop what the role owns in the provider's database, then DROP ROLE."""
        session, name, heir = connections.to(), str(old["name"]), connections.server.database_username
        with session.transaction():
            lock_role(session, name)
            if not old.get("skipReassignOwned"):
                with acting_for(session, [name]):
                    with explained(f"could not reassign owned by role {name} to {heir}"):
                        session.run("REASSIGN OWNED BY {name} TO {heir}", name=name, heir=heir)
                    with explained(f"could not drop owned by role {name}"):
                        session.run("DROP OWNED BY {name}", name=name)
            if not old.get("skipDropRole"):
                with explained(f"could not delete role {name}"):
                    session.run("DROP ROLE {name}", name=name)


def _password(password: str) -> sql.Composable:
    if password.upper() == "NULL":
        return sql.SQL("PASSWORD NULL")
    return sql.SQL("ENCRYPTED PASSWORD {}").format(sql.Literal(password))


def _valid_until(wanted: Properties) -> str:
    until = str(wanted["validUntil"])
    return "infinity" if until.lower() in {"", "infinity"} else until


def _flag(name: str, wanted: Properties) -> sql.SQL:
    keyword = _FLAGS[name]
    return sql.SQL(keyword if wanted[name] else f"NO{keyword}")


def _alter(session: Session, name: str, what: str, option: sql.Composable) -> None:
    with explained(f"error updating role {what}"):
        session.run("ALTER ROLE {name} WITH {option}", name=name, option=option)


def _revoke_roles(session: Session, name: str) -> None:
    rows = session.rows(
        "SELECT pg_get_userbyid(m.roleid) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
        " WHERE r.rolname = %s",
        name,
    )
    for (granted,) in rows:
        with explained(f"could not revoke role {granted} from {name}"):
            session.run("REVOKE {granted} FROM {name}", granted=granted, name=name)


def _grant_roles(session: Session, wanted: Properties) -> None:
    for granted in wanted["roles"] or []:
        with explained(f"could not grant role {granted} to {wanted['name']}"):
            session.run("GRANT {granted} TO {name}", granted=granted, name=wanted["name"])


def _set_search_path(session: Session, wanted: Properties) -> None:
    schemas = wanted["searchPaths"] or []
    for schema in schemas:
        if ", " in schema:
            raise ProviderError(f"search_path cannot contain `, `: {schema}")
    path = sql.SQL(", ").join(map(sql.Identifier, schemas)) if schemas else sql.SQL("DEFAULT")
    with explained(f"could not set search_path for {wanted['name']}"):
        session.run("ALTER ROLE {name} SET search_path TO {path}", name=wanted["name"], path=path)


def _change_settings(session: Session, old: Properties, wanted: Properties) -> None:
    for name, setting in _SETTINGS.items():
        if not changed(old, wanted, name):
            continue
        role, value = wanted["name"], wanted[name]
        if value:
            with explained(f"could not set {setting} {value} for {role}"):
                session.run(
                    "ALTER ROLE {role} SET {setting} TO {value}", role=role, setting=setting, value=sql.Literal(value)
                )
        else:
            with explained(f"could not reset {setting} for {role}"):
                session.run("ALTER ROLE {role} RESET {setting}", role=role, setting=setting)


def _search_path(setting: str) -> list[str]:
    return [schema.strip('"') for schema in setting.split(", ")] if setting else []


def _present_password(connections: Connections, session: Session, role: Properties, known: str) -> Any:
    """Return the known password if the server's hash may be of it, else the hash, which then shows as a change."""
    if not role["login"] or not connections.server.superuser:
        return known
    user = connections.server.database_username
    if not is_superuser(session, str(session.value("SELECT current_user"))):
        raise ProviderError(
            f"could not read role password from Postgres as connected user {user} is not a SUPERUSER."
            " You can set `superuser = false` in the provider configuration"
            " so it will not try to read the password from Postgres"
        )
    stored = session.value("SELECT coalesce(passwd, '') FROM pg_shadow WHERE usename = %s", role["name"]) or ""
    if known.startswith(("md5", "SCRAM-SHA-256")):
        return stored
    md5 = "md5" + hashlib.md5(f"{known}{role['name']}".encode(), usedforsecurity=False).hexdigest()
    return known if stored == md5 or stored.startswith("SCRAM-SHA-256") else stored
