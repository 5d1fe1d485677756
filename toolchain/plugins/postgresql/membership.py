"""Who belongs to which role, and how an administrator who is no superuser acts for another role."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from toolchain.plugins.postgresql.connections import Session, explained
from toolchain.plugins.provider import ProviderError

PUBLIC = "public"
_SET_OPTION_SINCE = 160000


def lock_role(session: Session, role: str) -> None:
    """Hold off others who change this role or its members, until the transaction ends."""
    session.rows("SELECT set_config('statement_timeout', '0', false)")  # waiting here may take long, and may
    with explained(f"could not get advisory lock for role {role}"):
        session.rows("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_roles WHERE rolname = %s", role)
    with explained(f"could not get advisory lock for members of role {role}"):
        session.rows(
            "SELECT pg_advisory_xact_lock(m.member::bigint)"
            " FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = %s",
            role,
        )


@contextlib.contextmanager
def acting_for(session: Session, roles: Sequence[str]) -> Iterator[None]:
    """Belong to these roles for the length of the block; a superuser need not, and a superuser's role cannot be had."""
    user = str(session.value("SELECT current_user"))
    if not roles or is_superuser(session, user):
        yield
        return
    wanted = [role for role in roles if not is_superuser(session, role)]
    set_aside = [role for role in wanted if revoke_membership(session, user, role)]  # a circle is not allowed
    granted = [role for role in wanted if grant_membership(session, role, user)]
    yield
    for role in granted:
        revoke_membership(session, role, user)
    for role in set_aside:
        if role_exists(session, role):
            grant_membership(session, user, role)


def grant_membership(session: Session, role: str, member: str) -> bool:
    """Make a role a member of another; tells whether it was not yet."""
    if role == member or _is_member(session, role, member):
        return False
    with explained(f"error granting role {role} to {member}"):
        session.run("GRANT {role} TO {member}", role=role, member=member)
    return True


def revoke_membership(session: Session, role: str, member: str) -> bool:
    """End a membership; tells whether there was one."""
    if role == member or not _is_member(session, role, member):
        return False
    with explained(f"error revoking role {role} from {member}"):
        session.run("REVOKE {role} FROM {member}", role=role, member=member)
    return True


def is_superuser(session: Session, role: str) -> bool:
    """Whether a role is a superuser.

    Raises:
        ProviderError: there is no such role.
    """
    answer = session.value("SELECT rolsuper FROM pg_roles WHERE rolname = %s", role)
    if answer is None:
        raise ProviderError(f"could not check if role {role} is superuser: sql: no rows in result set")
    return bool(answer)


def role_exists(session: Session, role: str) -> bool:
    """Whether there is a role of this name."""
    return bool(session.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role))


def role_oid(session: Session, role: str) -> int:
    """Return the number under which access lists hold a role; 0 for everybody.

    Raises:
        ProviderError: there is no such role.
    """
    if role == PUBLIC:
        return 0
    oid = session.value("SELECT oid FROM pg_roles WHERE rolname = %s", role)
    if oid is None:
        raise ProviderError(f"could not find oid for role {role}: sql: no rows in result set")
    return int(oid)


def database_owner(session: Session, database: str) -> str:
    """Return the owner of a database.

    Raises:
        ProviderError: there is no such database.
    """
    owner = session.value(
        "SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = %s", database
    )
    if owner is None:
        raise ProviderError(f"could not find database '{database}' while looking for owner")
    return str(owner)


def database_exists(session: Session, database: str) -> bool:
    """Whether there is a database of this name."""
    return bool(session.rows("SELECT 1 FROM pg_database WHERE datname = %s", database))


def schema_exists(session: Session, schema: str) -> bool:
    """Whether the database of this session has a schema of this name."""
    return bool(session.rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", schema))


def _is_member(session: Session, role: str, member: str) -> bool:
    query = "SELECT 1 FROM pg_auth_members WHERE pg_get_userbyid(roleid) = %s AND pg_get_userbyid(member) = %s"
    if session.version >= _SET_OPTION_SINCE:
        query += " AND set_option"
    return bool(session.rows(query, role, member))
