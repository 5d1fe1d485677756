"""Which settings PostgreSQL has, which values each takes, and whether a change needs a restart.

The facts are PostgreSQL's own, in catalogue.json; `toolchain/postgresql_settings.py` asks for them.
https://www.postgresql.org/docs/current/config-setting.html has the forms of values.
"""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Value = bool | int | float | str
"""What YAML makes of a value; `on`, `yes` and `true` are all True."""

SUPPORTED_VERSIONS = range(14, 19)
"""Major versions; Prefect asks for 14.9 or newer, https://docs.prefect.io/v3/how-to-guides/self-hosted/server-cli."""

_BYTES = {"B": 1, "kB": 1024, "8kB": 8 * 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_MICROSECONDS = {
    **{"us": 1, "ms": 1000, "s": 1_000_000},
    **{"min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000},
}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")
_TRUE, _FALSE = {"on", "true", "yes", "1"}, {"off", "false", "no", "0"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting as PostgreSQL's view pg_settings tells it."""

    name: str
    vartype: str
    first: int
    last: int
    """The oldest and the newest supported major version that have it."""
    restart_last: int | None = None
    """The newest in which a change takes effect only when PostgreSQL starts; None where a reload is always enough."""
    unit: str | None = None
    min_val: str | None = None
    max_val: str | None = None
    enumvals: tuple[str, ...] = ()

    def exists_in(self, version: int | None) -> bool:
        """Return whether this major version has it; for None, whether any has."""
        return version is None or self.first <= version <= self.last

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        if self.vartype == "bool":
            return "on or off"
        if self.vartype == "enum":
            return f"one of {', '.join(self.enumvals)}"
        if self.vartype == "string":
            return "one line of text"
        number = "a whole number" if self.vartype == "integer" else "a number"
        units = ", ".join(unit for unit in self._units if unit not in {self.unit, "8kB"})
        of_unit = f" of {self.unit}" if self.unit else ""
        with_unit = f"; or with a unit: {units}" if units else ""
        return f"{number}{of_unit} from {self.min_val} to {self.max_val}{with_unit}"

    def accepts(self, value: Value) -> bool:
        """Return whether PostgreSQL would take `value`, as far as that can be known without it."""
        text = as_text(value)
        if self.vartype == "bool":
            return text.lower() in _TRUE | _FALSE
        if self.vartype == "enum":
            return text.lower() in {allowed.lower() for allowed in self.enumvals}
        if self.vartype == "string":
            return "\n" not in text and "\0" not in text
        number = _NUMBER.fullmatch(text)
        return number is not None and self._in_range(float(number[1]), number[2])

    @property
    def _units(self) -> Mapping[str, int]:
        return next((units for units in (_BYTES, _MICROSECONDS) if self.unit in units), {})

    def _in_range(self, number: float, unit: str) -> bool:
        if unit and (unit not in self._units or unit == "8kB"):
            return False
        if unit and self.unit:
            number *= self._units[unit] / self._units[self.unit]
        if self.vartype == "integer":
            number = round(number)
        return float(self.min_val or 0) <= number <= float(self.max_val or 0)


@cache
def settings() -> Mapping[str, Setting]:
    """Return every setting of the supported versions that may stand in postgresql.conf, by its name in lower case."""
    facts = json.loads((Path(__file__).parent / "catalogue.json").read_text())
    return {
        name.lower(): Setting(name=name, **{**values, "enumvals": tuple(values.get("enumvals", ()))})
        for name, values in facts.items()
    }


def find(name: str) -> Setting | None:
    """Return the setting of this name, in whatever case; None for an unknown one or an extension's (`NAME.NAME`)."""
    return settings().get(name.lower())


def is_of_an_extension(name: str) -> bool:
    """Return whether `name` has the form of an extension's setting: nothing can be known of it in advance."""
    return re.fullmatch(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", name) is not None


def nearest(name: str, version: int | None = None) -> str | None:
    """Return the setting that was probably meant by an unknown `name`."""
    known = [key for key, setting in settings().items() if setting.exists_in(version)]
    found = difflib.get_close_matches(name.lower(), known, n=1)
    return settings()[found[0]].name if found else None


def as_text(value: Value) -> str:
    """Return a value as PostgreSQL writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
