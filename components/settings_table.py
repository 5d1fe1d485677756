"""Reading one table of a stack file: typed values out, every problem noted, nothing raised until the end."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]|[a-z]")
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
    """Collects the problems of one stack file."""

    stack: str
    found: list[Problem] = field(default_factory=list)

    def add(self, key: str, given: str, allowed: str, example: str = "VALUE", *, secret: bool = False) -> None:
        """Note that `key` is wrong; `example` is a value that would be right."""
        flag = "--secret" if secret else "--path"
        self.found.append(
            Problem(key, given, allowed, f"pulumi config set --stack {self.stack} {flag} '{key}' {example}")
        )

    def add_unknown(self, key: str, prefix: str, known: Iterable[str]) -> None:
        """Note a key that means nothing, with the key that was probably meant."""
        known = sorted(known)
        near = difflib.get_close_matches(key, known, n=1)
        given = f"is not a setting{f'; did you mean {prefix}{near[0]}?' if near else ''}"
        command = f"pulumi config rm --stack {self.stack} --path '{prefix}{key}'"
        self.found.append(Problem(f"{prefix}{key}", given, ", ".join(known), command))

    def raise_if_any(self) -> None:
        """Raise one `SettingsError` for all that was noted.

        Raises:
            SettingsError: if anything was noted.
        """
        if self.found:
            raise SettingsError(self.stack, self.found)


class Table:
    """A mapping of the stack file, read key by key; `finish` reports the keys nobody asked for."""

    def __init__(self, problems: Problems, key: str, values: object) -> None:
        self.problems = problems
        self.key = key
        self._read: set[str] = set()
        if isinstance(values, Mapping):
            self._values: Mapping[str, Any] = {str(name): value for name, value in values.items()}
        else:
            self._values = {}
            if values is not None:
                problems.add(key, f"is {values!r}", "a table of settings", "'{}'")

    def _take(self, name: str, default: Any, allowed: str, example: str) -> Any:
        self._read.add(name)
        value = self._values.get(name)
        if value is None:
            if default is None:
                self.problems.add(f"{self.key}.{name}", "is missing", allowed, example)
            return default
        return value

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        allowed: str,
        example: str,
        pattern: str = r"\S(.*\S)?",
    ) -> str:
        """Return a line of text that matches `pattern`; without `default` it is required."""
        value = self._take(name, default, allowed, example)
        if value is None or value is default:
            return default or ""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.problems.add(f"{self.key}.{name}", f"is {value!r}", allowed, example)
            return default or ""
        return value

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str:
        """Return one of `choices`; without `default` it is required."""
        choices = list(choices)
        allowed = f"one of {', '.join(choices)}" if choices else "nothing can be chosen yet"
        value = self._take(name, default, allowed, choices[0] if choices else "VALUE")
        if value is None or value in choices:
            return value or ""
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        self.problems.add(f"{self.key}.{name}", f"is {value!r}{hint}", allowed, (near or choices or ["VALUE"])[0])
        return default or ""

    def integer(self, name: str, default: int | None, *, minimum: int, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum`; without `default` it is required."""
        allowed = f"a whole number from {minimum} to {maximum}"
        example = str(default if default is not None else minimum)
        value = self._take(name, default, allowed, example)
        if value is None:
            return minimum
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            self.problems.add(f"{self.key}.{name}", f"is {value!r}", allowed, example)
            return default if default is not None else minimum
        return value

    def port(self, name: str, default: int) -> int:
        """Return a TCP port that an ordinary user may bind."""
        return self.integer(name, default, minimum=1024, maximum=65535)

    def optional_integer(self, name: str, *, minimum: int, maximum: int) -> int | None:
        """Return a whole number, or None where the key is absent."""
        if self._values.get(name) is None:
            self._read.add(name)
            return None
        return self.integer(name, minimum, minimum=minimum, maximum=maximum)

    def choices(self, name: str, choices: Iterable[str], default: str | None = None) -> tuple[str, ...]:
        """Return a non-empty list, each element one of `choices`; without `default` it is required."""
        choices = list(choices)
        allowed = f"a list with one or more of {', '.join(choices)}"
        example = f"'[\"{choices[0] if choices else 'NAME'}\"]'"
        value = self._take(name, default and [default], allowed, example)
        if value is None:
            return ()
        if not isinstance(value, list) or not value or any(element not in choices for element in value):
            self.problems.add(f"{self.key}.{name}", f"is {value!r}", allowed, example)
            return ()
        return tuple(value)

    def tables(self) -> list[tuple[str, "Table"]]:
        """Return the named tables inside this one, in the order of their names."""
        if not self._values and isinstance(self._values, dict):
            self.problems.add(self.key, "is empty", "at least one named entry", "'{\"default\": {}}'")
        found = []
        for name in sorted(self._values):
            self._read.add(name)
            if not NAME.fullmatch(name):
                self.problems.add(f"{self.key}.{name}", "is no good name", NAME_RULE)
            found.append((name, Table(self.problems, f"{self.key}.{name}", self._values[name] or {})))
        return found

    def finish(self) -> None:
        """Note every key that nobody read."""
        for name in sorted(set(self._values) - self._read):
            self.problems.add_unknown(name, f"{self.key}.", self._read)
