"""What a stand-in has to answer, free of the wire format."""

from __future__ import annotations

import abc
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from toolchain.plugins.properties import Properties

Kind = Literal["ADD", "ADD_REPLACE", "DELETE", "DELETE_REPLACE", "UPDATE", "UPDATE_REPLACE"]
"""How one property differs; the names of the protocol's PropertyDiff.Kind."""


class ProviderError(Exception):
    """An operation failed; the text goes to the user as it is, so it never holds a secret input."""


@dataclass(frozen=True)
class Checked:
    """Inputs completed with defaults and secrecy, and what is wrong with them: pairs of property and reason."""

    inputs: Properties
    failures: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Difference:
    """What an update would change: property path to kind. Empty means nothing."""

    details: Mapping[str, Kind] = field(default_factory=dict)
    delete_before_replace: bool = False
    stables: Sequence[str] = ()
    """Properties that no update of this resource can change."""


@dataclass(frozen=True)
class State:
    """A resource as the engine keeps it. An empty id means that it is gone."""

    id: str
    outputs: Properties
    inputs: Properties = field(default_factory=dict)


class Interruption:
    """Ends the work of one call when the engine cancels or the resource's custom timeout is over."""

    def __init__(self, seconds: float = 0) -> None:
        """Args: seconds: the custom timeout; 0 for none."""
        self.reason: str | None = None
        self._seconds = seconds
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None

    def interrupt(self, reason: str) -> None:
        """End the work under way, and any that would follow in the same call."""
        with self._lock:
            self.reason = self.reason or reason
            end = self._end
        if end is not None:
            end()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end`, from another thread, if this block is interrupted."""
        timer = threading.Timer(self._seconds, self.interrupt, ["context deadline exceeded"])
        timer.daemon = True
        with self._lock:
            self._end = end
            interrupted = self.reason is not None
        if interrupted:
            end()
        if self._seconds:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._end = None


@dataclass(frozen=True)
class Call:
    """The circumstances of one operation."""

    token: str
    """The type of the resource, such as "command:remote:Command"."""

    name: str
    """The logical name of the resource."""

    urn: str

    log: Callable[[str], None]
    """Shows one line under the resource while it is being worked on."""

    interruption: Interruption = field(default_factory=Interruption)
    preview: bool = False


class Provider(abc.ABC):
    """One plugin. Every method may be called from many threads at once; all raise `ProviderError`."""

    name: str
    version: str
    """The version of the real plugin whose behaviour this follows."""
    accepts_secrets: bool
    """Whether inputs tell what is secret; if not, the engine marks the outputs itself."""

    @abc.abstractmethod
    def check_config(self, name: str, new: Properties) -> Checked:
        """Validate and complete the provider's own configuration; `name` is that of the provider resource."""

    @abc.abstractmethod
    def diff_config(self, old: Properties, new: Properties) -> Difference:
        """Compare two configurations."""

    @abc.abstractmethod
    def configure(self, new: Properties) -> None:
        """Take the configuration; must not contact anything, because previews configure too."""

    @abc.abstractmethod
    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Validate and complete the inputs of a resource."""

    @abc.abstractmethod
    def diff(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Difference:
        """Compare a resource with its new inputs."""

    @abc.abstractmethod
    def create(self, call: Call, new: Properties) -> State:
        """Make a resource; in a preview only say what its outputs will be."""

    @abc.abstractmethod
    def read(self, call: Call, state: State) -> State:
        """Tell the present state of a resource."""

    @abc.abstractmethod
    def update(self, call: Call, state: State, new: Properties, ignore_changes: Sequence[str]) -> Properties:
        """Change a resource in place; in a preview only say what its outputs will be."""

    @abc.abstractmethod
    def delete(self, call: Call, state: State) -> None:
        """Remove a resource."""
