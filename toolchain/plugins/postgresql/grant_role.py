"""Membership of a role in another."""

from __future__ import annotations

from typing import ClassVar

from psycopg import sql

from toolchain.plugins.postgresql.connections import Connections, Session, explained
from toolchain.plugins.postgresql.resource import Property, Resource
from toolchain.plugins.properties import Properties


class GrantRole(Resource):
    """postgresql.GrantRole."""

    token = "postgresql:index/grantRole:GrantRole"  # noqa: S105
    properties: ClassVar = {
        "role": Property(required=True, replaces=True),
        "grantRole": Property(required=True, replaces=True),
        "withAdminOption": Property("bool", default=False, replaces=True),
    }

    def create(self, connections: Connections, wanted: Properties) -> str:
        """REVOKE, then GRANT, all or nothing: an admin option that is not wanted goes."""
        session = connections.to()
        with session.transaction():
            _revoke(session, wanted)
            option = sql.SQL("WITH ADMIN OPTION" if wanted["withAdminOption"] else "")
            with explained("could not execute grant query"):
                session.run(
                    "GRANT {granted} TO {role} {option}",
                    granted=wanted["grantRole"],
                    role=wanted["role"],
                    option=option,
                )
        return _id(wanted)

    def read(self, connections: Connections, id_: str, state: Properties) -> Properties | None:  # noqa: ARG002
        """Read pg_auth_members."""
        admin = connections.to().value(
            "SELECT bool_or(admin_option) FROM pg_auth_members"
            " WHERE pg_get_userbyid(member) = %s AND pg_get_userbyid(roleid) = %s",
            state.get("role"),
            state.get("grantRole"),
        )
        if admin is None:
            return None
        present = {"role": state["role"], "grantRole": state["grantRole"], "withAdminOption": admin}
        return {"id": _id(present), **present}

    def delete(self, connections: Connections, old: Properties) -> None:
        """REVOKE."""
        _revoke(connections.to(), old)


def _revoke(session: Session, properties: Properties) -> None:
    with explained("could not execute revoke query"):
        session.run("REVOKE {granted} FROM {role}", granted=properties["grantRole"], role=properties["role"])


def _id(properties: Properties) -> str:
    admin = "true" if properties["withAdminOption"] else "false"
    return f"{properties['role']}_{properties['grantRole']}_{admin}"
