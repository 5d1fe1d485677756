"""Reading one table of a stack file: typed values out, every problem noted, nothing raised until the end."""

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
NAME_RULE = "lower-case letters, digits and hyphens, starting with a letter, at most 40 characters"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a stack file, told so that the reader can mend it by pasting `command`."""

    key: str
    given: str
    allowed: str
    command: str

    def __str__(self) -> str:
        return f"{self.key}: {self.given}\n    allowed: {self.allowed}\n    fix:     {self.command}"


class SettingsError(Exception):
    """A stack file cannot be used; the message lists every problem found in it."""

    def __init__(self, stack: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"Pulumi.{stack}.yaml has {count} problem{'s' if count > 1 else ''}; nothing was changed."
        super().__init__("\n  ".join([heading, *(str(problem) for problem in self.problems)]))


@dataclass
class Problems:
    """Collects the problems of one stack file.

    Keys are Pulumi's property paths: `server.port`, `hosts["my.host"]`.
    """

    stack: str
    found: list[Problem] = field(default_factory=list)

    def add(self, key: str, given: str, allowed: str, example: str) -> None:
        """Note that the plain value of `key` is wrong; `example` is one that would be right."""
        self._note(key, given, allowed, self._command("set", key, shlex.quote(example)))

    def add_of_wrong_type(self, key: str, given: str, allowed: str, example: str, *, element: str = "") -> None:
        """Note a value whose type is wrong; `example` is a good one, or for the `element` "[0]" a good first element.

        Pulumi keeps the type of a text that it sets anew, and sets no element of what is no list: the value goes first.
        """
        removal, setting = self._command("rm", key), self._command("set", key + element, shlex.quote(example))
        self._note(key, given, allowed, f"{removal} && {setting}")

    def add_secret(self, key: str, given: str, allowed: str, example: str) -> None:
        """Note that a secret is wrong; `example` is a command that prints a good one, or nothing to be asked for it."""
        command = f"pulumi config set --stack {self.stack} --secret {shlex.quote(key)}"
        self._note(key, given, allowed, f"{example} | {command}" if example else command)

    def add_needless(self, key: str, given: str, allowed: str) -> None:
        """Note something that must go; for a whole section, its default takes over."""
        self._note(key, given, allowed, self._command("rm", key))

    def add_outside(self, key: str, given: str, allowed: str, command: str) -> None:
        """Note something wrong with what `key` names outside the stack file, and what mends it there."""
        self._note(key, given, allowed, command)

    def add_unknown(self, key: str, name: str, known: Iterable[str]) -> None:
        """Note that `name`, the last part of `key`, means nothing, with the name that was probably meant."""
        known = sorted(known)
        self.add_needless(key, f"is not a setting{_suggestion(name, known)}", f"one of {', '.join(known)}")

    def raise_if_any(self) -> None:
        """Raise one `SettingsError` for all that was noted.

        Raises:
            SettingsError: if anything was noted.
        """
        if self.found:
            raise SettingsError(self.stack, self.found)

    def _note(self, key: str, given: str, allowed: str, command: str) -> None:
        self.found.append(Problem(key, given, allowed, command))

    def _command(self, verb: str, key: str, *value: str) -> str:
        path = ["--path"] if re.search(r"[.\[]", key) else []
        return " ".join(["pulumi config", verb, "--stack", self.stack, *path, shlex.quote(key), *value])


def _no_problem(_name: str) -> None:
    return None


class Table:
    """A mapping of the stack file, read key by key; `finish` reports the keys nobody asked for.

    One whose `values` are None could not be read, which was told before: it has nothing but defaults to give.
    """

    def __init__(self, problems: Problems, key: str, values: Mapping[str, Any] | None) -> None:
        self.problems = problems
        self.key = key
        self._values = values
        self._read: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return not self._values

    @property
    def names(self) -> list[str]:
        """The keys that are given, in their order."""
        return sorted(self._values or {})

    @classmethod
    def read(cls, problems: Problems, key: str, value: object) -> "Table":
        """Return the table that stands under `key`; anything else there is a problem."""
        if isinstance(value, Mapping):
            return cls(problems, key, value)
        problems.add_needless(key, f"is {value!r}", "a table of settings")
        return cls(problems, key, None)

    def text(self, name: str, default: str | None = None, *, allowed: str, example: str, pattern: str) -> str:
        """Return a line of text that matches `pattern`; without `default` it is required."""
        value = self._take(name, default, allowed, example)
        if value is None:
            return ""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.problems.add(self.path(name), f"is {value!r}", allowed, example)
        return str(value)

    def choice(
        self, name: str, choices: Iterable[str], default: str | None = None, *, where_none: str | None = None
    ) -> str:
        """Return one of `choices`; without `default` it is required.

        Where there is nothing to choose from, a choice must go, as `where_none` tells what it should be one of; without
        `where_none` that is a problem of its own, told where the choices should stand.
        """
        self._read.add(name)
        choices = list(choices)
        if not choices:
            value = (self._values or {}).get(name)
            if where_none and value is not None:
                self.problems.add_needless(self.path(name), f"is {value!r}, but there is none", where_none)
            return ""
        allowed = f"one of {', '.join(choices)}"
        value = self._take(name, default, allowed, choices[0])
        if value is None or value in choices:
            return value or ""
        near = _nearest(str(value), choices)
        self.problems.add(
            self.path(name), f"is {value!r}{_suggestion(str(value), choices)}", allowed, near or default or choices[0]
        )
        return default or ""

    def optional_choice(self, name: str, choices: Iterable[str], *, where_none: str | None = None) -> str | None:
        """Return one of `choices`, or None where the key is absent; see `choice` for `where_none`."""
        self._read.add(name)
        if not self._values or self._values.get(name) is None:
            return None
        return self.choice(name, choices, where_none=where_none) or None

    def choices(self, name: str, choices: Iterable[str], default: str | None = None) -> tuple[str, ...]:
        """Return a non-empty list, each element one of `choices`; without `default`, an element, it is required."""
        choices = list(choices)
        value = self._values.get(name) if self._values else None
        self._read.add(name)
        if value is None and default is not None:
            return (default,)
        if not choices or self._values is None:
            return ()
        if not isinstance(value, list) or not value or any(element not in choices for element in value):
            given = "is missing" if value is None else f"is {value!r}"
            allowed = f"a list with one or more of {', '.join(choices)}"
            self.problems.add_of_wrong_type(self.path(name), given, allowed, choices[0], element="[0]")
            return ()
        return tuple(value)

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum`."""
        allowed = f"a whole number from {minimum} to {maximum}"
        value = self._take(name, default, allowed, str(default))
        if isinstance(value, bool) or not isinstance(value, int):
            self.problems.add_of_wrong_type(self.path(name), f"is {value!r}", allowed, str(default))
            return default
        if not minimum <= value <= maximum:
            self.problems.add(self.path(name), f"is {value!r}", allowed, str(default))
            return default
        return value

    def required_integer(self, name: str, *, minimum: int, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum` that must be given."""
        if self._values is None or self.has(name):
            return self.integer(name, minimum, minimum=minimum, maximum=maximum)
        self._take(name, None, f"a whole number from {minimum} to {maximum}", str(minimum))
        return minimum

    def boolean(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._take(name, default, "true or false", str(default).lower())
        if not isinstance(value, bool):
            self.problems.add_of_wrong_type(self.path(name), f"is {value!r}", "true or false", str(default).lower())
            return default
        return value

    def port(self, name: str, default: int) -> int:
        """Return a TCP port that an ordinary user may bind."""
        return self.integer(name, default, minimum=1024, maximum=65535)

    def optional_integer(self, name: str, *, minimum: int, maximum: int) -> int | None:
        """Return a whole number, or None where the key is absent."""
        self._read.add(name)
        if not self._values or self._values.get(name) is None:
            return None
        return self.integer(name, minimum, minimum=minimum, maximum=maximum)

    def has(self, name: str) -> bool:
        """Return whether the key is given."""
        return (self._values or {}).get(name) is not None

    def refuse(self, name: str, allowed: str) -> None:
        """Note a key that is known but has no meaning beside what else is given; `allowed` says where it has one."""
        if self.has(name):
            self._read.add(name)
            self.problems.add_needless(self.path(name), "has no meaning here", allowed)

    def texts(self, name: str, *, allowed: str, example: str, is_good: Callable[[str], bool]) -> tuple[str, ...]:
        """Return a list of texts, each of them good; nothing where the key is absent."""
        self._read.add(name)
        value = (self._values or {}).get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(element, str) and is_good(element) for element in value):
            self.problems.add_of_wrong_type(
                self.path(name), f"is {value!r}", f"a list, each element {allowed}", example, element="[0]"
            )
            return ()
        return tuple(value)

    def scalars(self) -> list[tuple[str, bool | int | float | str]]:
        """Return every key that has a plain value, in the order of their names; any other value is a problem."""
        found = []
        for name, value in sorted((self._values or {}).items()):
            self._read.add(name)
            if isinstance(value, bool | int | float | str):
                found.append((name, value))
            else:
                self.problems.add_needless(self.path(name), f"is {value!r}", "a number, a text, true or false")
        return found

    def table(self, name: str) -> "Table | None":
        """Return the table that stands under a key; None where the key is absent."""
        self._read.add(name)
        value = (self._values or {}).get(name)
        return None if value is None else Table.read(self.problems, self.path(name), value)

    def optional_text(self, name: str) -> str | None:
        """Return any text, or None where the key is absent."""
        return self.text(name, "", allowed="a text", example="...", pattern=r"(?s).*") or None

    def number(self, name: str, default: float, *, minimum: float) -> float:
        """Return a number that is not below `minimum`."""
        value = self._take(name, default, "", "")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < minimum:
            self.problems.add_of_wrong_type(
                self.path(name), f"is {value!r}", f"a number from {minimum:g} on", str(default)
            )
            return default
        return value

    def anything(self, name: str, example: str) -> Any:
        """Return whatever stands under a key that must be there, null included."""
        self._read.add(name)
        if self._values is not None and name not in self._values:
            self.problems.add(
                self.path(name), "is missing", "a text, a number, true, false, null, a list or a table", example
            )
        return (self._values or {}).get(name)

    def list_of_tables(self, name: str) -> tuple[dict[str, Any], ...]:
        """Return a list of one or more tables without rules for keys and values; nothing where the key is absent."""
        self._read.add(name)
        value = (self._values or {}).get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(element, Mapping) for element in value):
            self.problems.add_needless(self.path(name), f"is {value!r}", "a list of one or more tables")
            return ()
        return tuple(dict(element) for element in value)

    def values(self, name: str) -> dict[str, Any] | None:
        """Return a table whose keys and values have no rules here; None where the key is absent."""
        table = self.table(name)
        return None if table is None else dict(table._values or {})

    def entries(self, name_problem: Callable[[str], str | None]) -> list[tuple[str, "Table"]]:
        """Return the named tables inside this one, if any, in the order of their names; Prefect's rule is theirs.

        `name_problem` says what is wrong with a name, None if nothing is.
        """
        found = []
        for name, value in sorted((self._values or {}).items()):
            self._read.add(name)
            if problem := name_problem(name):
                self.problems.add_needless(self.path(name), "is no good name", problem)
            found.append((name, Table.read(self.problems, self.path(name), {} if value is None else value)))
        return found

    def tables(self, name_problem: Callable[[str], str | None] = _no_problem) -> list[tuple[str, "Table"]]:
        """Return the named tables inside this one, in the order of their names; `NAME:` alone is an empty one.

        `name_problem` says what else is wrong with a name, None if nothing is.
        """
        if self._values is not None and not self._values:
            self.problems.add_needless(self.key, "is empty", "at least one named entry")
        return self.entries(lambda name: name_problem(name) if NAME.fullmatch(name) else NAME_RULE)

    def finish(self) -> None:
        """Note every key that nobody read."""
        for name in sorted(set(self._values or {}) - self._read):
            self.problems.add_unknown(self.path(name), name, self._read)

    def _take(self, name: str, default: Any, allowed: str, example: str) -> Any:
        self._read.add(name)
        value = None if self._values is None else self._values.get(name)
        if value is not None:
            return value
        if default is None and self._values is not None:
            self.problems.add(self.path(name), "is missing", allowed, example)
        return default

    def path(self, name: str) -> str:
        """Return the key of something in this table, as Pulumi's property path."""
        if re.fullmatch(r"[A-Za-z0-9_-]+", name):
            return f"{self.key}.{name}"
        escaped = name.replace('"', '\\"')
        return f'{self.key}["{escaped}"]'


def only(names: list[str]) -> str | None:
    """Return what need not be said: the one thing there is to choose."""
    return names[0] if len(names) == 1 else None


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = _nearest(name, known)
    return f"; did you mean {near}?" if near else ""
