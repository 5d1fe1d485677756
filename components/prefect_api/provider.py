"""What the dynamic providers of Prefect's objects have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pulumi import dynamic

from components.prefect_api.client import PrefectClient

Properties = dict[str, Any]
"""Inputs or outputs of a resource, by name. The engine drops those that are None."""


class PrefectProvider(dynamic.ResourceProvider):
    """What the providers here have in common."""

    serialize_as_secret_always = False

    identity: ClassVar[frozenset[str]]
    """Inputs that name the object: a change of one replaces it."""
    settings: ClassVar[frozenset[str]]
    """Inputs that may change in place."""
    rules: ClassVar[Mapping[str, Callable[[str], str | None]]] = {}
    """Per input that has one, the rule that says what is wrong with a value."""

    _auth_string: str | None = None

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Take the credentials from the config of the stack."""
        self._auth_string = req.config.get("authString")

    def check(self, _olds: Properties, news: Properties) -> dynamic.CheckResult:
        """Refuse in the preview what the server would refuse later. Unknown values are no strings yet."""
        known = {key: news[key] for key in self.rules if isinstance(news.get(key), str)}
        problems = {key: self.rules[key](value) for key, value in known.items()}
        return dynamic.CheckResult(
            news, [dynamic.CheckFailure(key, problem) for key, problem in problems.items() if problem]
        )

    def diff(self, _id: str, olds: Properties, news: Properties) -> dynamic.DiffResult:
        """Compare the inputs. One that is not known yet differs from whatever was."""
        replaces = changed(self.identity, olds, news)
        changes = replaces or changed(self.settings | {"api_url"}, olds, news)
        return dynamic.DiffResult(changes=bool(changes), replaces=replaces)

    def read(self, id_: str, props: Properties) -> dynamic.ReadResult:
        """Bring the state up to what the server holds."""
        with self.connect(props) as client:
            found = self.find(client, props)
        if found is None:
            return dynamic.ReadResult("", {})
        outs = {**props, **found}
        # Without inputs in the result, a refresh shows each of them as changed.
        inputs = {key: outs[key] for key in self.inputs() if key in outs}
        return dynamic.ReadResult(id_, outs, inputs)

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Give the properties that the server knows of the object, None if there is no such object."""
        raise NotImplementedError

    def require_adoption(self, what: str, client: PrefectClient, props: Properties) -> None:
        """Let nothing be taken over unasked, save what is just as wished: an interrupted create may have made it.

        Raises:
            ValueError: there is such an object, it differs, and `adopt` is not set.
        """
        found = self.find(client, props) or {}
        if not props.get("adopt") and changed(self.settings & found.keys(), found, props):
            raise ValueError(
                f"There is a {what} already that this stack did not make. Set adopt=True to take it over and to"
                " change it to what is written here, or delete it in Prefect, or choose another name."
            )

    def connect(self, props: Properties) -> PrefectClient:
        """Open a connection to the server of a resource."""
        return PrefectClient(props["api_url"], self._auth_string)

    @classmethod
    def inputs(cls) -> frozenset[str]:
        """Names of all inputs."""
        return cls.identity | cls.settings | {"api_url", "adopt"}


def changed(keys: frozenset[str], olds: Properties, news: Properties) -> list[str]:
    """Name the properties that differ."""
    return sorted(key for key in keys if olds.get(key) != news.get(key))
