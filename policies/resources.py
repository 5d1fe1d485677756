"""A resource as rules see it, wherever it comes from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PREFECT = "pulumi-python:dynamic/prefect:"
"""What the types of objects in Prefect begin with."""


class Unknown:
    """A value that is only known when the resources before it are made."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that Pulumi keeps secret. A plan does not say which; where somebody does, `value` is not None."""

    value: Any = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that a program asks for. Other resources are told by name."""

    type: str
    """As in `command:remote:Command`."""
    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Text, numbers, lists and mappings, with `Secret` and `UNKNOWN` among them."""
    protect: bool = False
    parent: str | None = None
    depends_on: frozenset[str] = frozenset()

    @property
    def values(self) -> dict[str, Any]:
        """The inputs as people think of them: objects in Prefect carry their tables as JSON text."""
        return {key: _read_table(value) for key, value in self.inputs.items()} if self.is_prefect else {**self.inputs}

    @property
    def is_prefect(self) -> bool:
        """Whether it is kept in Prefect, rather than on a host."""
        return self.type.startswith(PREFECT)


def _read_table(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in clear, with where it stands: `connection.user`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from texts(inner, f"{path}[{index}]")
