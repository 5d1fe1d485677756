"""The privileges of PostgreSQL, and access lists."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from psycopg import sql

from toolchain.plugins.postgresql.connections import Session
from toolchain.plugins.properties import Properties
from toolchain.plugins.provider import ProviderError

_ALLOWED: Final = {
    "database": ("ALL", "CREATE", "CONNECT", "TEMPORARY"),
    "table": ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
    "sequence": ("ALL", "USAGE", "SELECT", "UPDATE"),
    "schema": ("ALL", "CREATE", "USAGE"),
    "function": ("ALL", "EXECUTE"),
    "procedure": ("ALL", "EXECUTE"),
    "routine": ("ALL", "EXECUTE"),
    "type": ("ALL", "USAGE"),
    "foreign_data_wrapper": ("ALL", "USAGE"),
    "foreign_server": ("ALL", "USAGE"),
    "column": ("ALL", "SELECT", "INSERT", "UPDATE", "REFERENCES"),
}
_MAINTAIN_SINCE = 170000


def require_allowed(session: Session, properties: Properties) -> None:
    """Refuse privileges that the type of object does not know.

    Raises:
        ProviderError: naming the privilege.
    """
    kind = properties["objectType"]
    for privilege in properties["privileges"] or []:
        if privilege not in _allowed(session, kind):
            raise ProviderError(f"{privilege} is not an allowed privilege for object type {kind}")


def as_sql(privileges: Iterable[str]) -> sql.Composable:
    """Privileges as a list of keywords; only those that `require_allowed` let through may come here."""
    known = {word for words in _ALLOWED.values() for word in words} | {"MAINTAIN"}
    return sql.SQL(", ").join(sql.SQL(privilege) for privilege in privileges if privilege in known)


def are_wanted(session: Session, properties: Properties, granted: Iterable[str]) -> bool:
    """Whether what is granted is what the resource asks for; ALL stands for every single one."""
    wanted, present = set(properties.get("privileges") or []), set(granted)
    every = set(_allowed(session, properties["objectType"])) - {"ALL"}
    return present == wanted or ("ALL" in wanted and present == every)


def in_hash_order(values: Iterable[str]) -> list[str]:
    """Put values in the order of a Terraform set, which the ids of grants show."""
    return sorted(values, key=lambda value: str(zlib.crc32(value.encode())))


def _allowed(session: Session, kind: str) -> tuple[str, ...]:
    maintain = ("MAINTAIN",) if kind == "table" and session.version >= _MAINTAIN_SINCE else ()
    return (*_ALLOWED[kind], *maintain)
