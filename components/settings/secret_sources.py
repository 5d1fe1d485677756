"""Secrets that stand outside the stack file: in a file or an environment variable that an operator's vault fills.

    secretsFrom:
      secretBlock-warehouse: {file: /run/secrets/warehouse}
      secretField-lake: {environment: LAKE_PASSWORD}

No message says what a value is.
"""

import json
import os
import re
import shlex
import stat
from collections.abc import Mapping, Set
from pathlib import Path

from components.settings.prefect_objects import SECRET_FIELD_PREFIX
from components.settings.secrets import SECRET_BLOCK_PREFIX
from components.settings.table import Problems, Table

SECTION = "secretsFrom"

_KEY_RULE = f"{SECRET_BLOCK_PREFIX}NAME or {SECRET_FIELD_PREFIX}NAME; other secrets stand in the stack file"
_UNREAD = "unread"
"""In the place of what could not be read, so that it is not told of as missing, too."""


def read_outside(problems: Problems, values: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that stand outside a stack file; a section that is no table is told of elsewhere."""
    try:
        table = json.loads(values.get(SECTION, "{}"))
    except ValueError:
        table = None
    entries = Table(problems, SECTION, table if isinstance(table, Mapping) else None)
    return read_secret_sources(entries, values.keys(), os.environ)


def read_secret_sources(table: Table, given: Set[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that a table names, by their keys, each less one line break at its end.

    `given` are the keys of the stack file, none of which may stand in the table.
    """
    found = {}
    for key, entry in table.entries(_key_problem):
        if key in given:
            table.problems.add_needless(table.path(key), "is in the stack file already", "one of the two")
        found[key] = _value(entry, environment)
        entry.finish()
    return found


def _key_problem(key: str) -> str | None:
    return None if key.startswith((SECRET_BLOCK_PREFIX, SECRET_FIELD_PREFIX)) else _KEY_RULE


def _value(entry: Table, environment: Mapping[str, str]) -> str:
    if entry.has("file") == entry.has("environment"):
        number = "both" if entry.has("file") else "neither"
        allowed = "a file or an environment variable, as {file: /run/secrets/NAME} or {environment: NAME}"
        entry.problems.add_needless(entry.key, f"names {number} of file and environment", allowed)
        for name in ("file", "environment"):
            entry.optional_text(name)
        return _UNREAD
    return _of_file(entry) if entry.has("file") else _of_environment(entry, environment)


def _of_file(entry: Table) -> str:
    name = entry.text("file", allowed="an absolute path", example="/run/secrets/lake", pattern="/.+|[A-Za-z]:.+")
    problem, command = None, f"ls -l {shlex.quote(name)}"
    text = ""
    try:
        mode = Path(name).stat().st_mode if name else 0
        if not stat.S_ISREG(mode):
            problem = "is no file"
        elif os.name == "posix" and mode & stat.S_IRWXO:
            problem, command = "may be read or written by everybody on this machine", f"chmod o= {shlex.quote(name)}"
        else:
            text = Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problem = "holds no text"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    text = re.sub(r"\r?\n\Z", "", text)
    if problem is None and not text.strip():
        problem = "is empty"
    if name and problem:
        entry.problems.add_outside(
            entry.path("file"), f"names {name}, which {problem}", "a file with a secret", command
        )
    return _UNREAD if problem else text


def _of_environment(entry: Table, environment: Mapping[str, str]) -> str:
    rule = "the name of an environment variable"
    name = entry.text("environment", allowed=rule, example="LAKE_PASSWORD", pattern="[A-Za-z_][A-Za-z0-9_]*")
    value = environment.get(name, "")
    if name and not value.strip():
        problem = "is empty" if name in environment else "is not set"
        allowed = "a variable with a secret"
        entry.problems.add_outside(
            entry.path("environment"), f"names {name}, which {problem} here", allowed, f"export {name}"
        )
    return value if value.strip() else _UNREAD
