"""What the dynamic providers of Prefect's objects have in common."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pulumi
from pulumi import dynamic
from pulumi.runtime import rpc

from components.prefect_api.client import PrefectClient
from components.prefect_api.server_version import check_version

Properties = dict[str, Any]
"""Inputs or outputs of a resource, by name. The engine drops those that are None."""

_LONGEST_DIFFERENCE = 160


class PrefectProvider(dynamic.ResourceProvider):
    """Brings an object of the server to what is declared. Subclasses say how it is found, made, changed and removed.

    The credentials come from the configuration of the stack: `authString`, and for servers behind a gateway or
    with a certificate of a private authority `apiHeaders` (a JSON object) and `apiCaCertificate` (PEM).
    """

    serialize_as_secret_always = False

    kind: ClassVar[str]
    """What the object is, in messages."""
    identity: ClassVar[frozenset[str]]
    """Inputs that name the object: a change of one replaces it."""
    settings: ClassVar[frozenset[str]]
    """Inputs that may change in place."""
    secret: ClassVar[frozenset[str]] = frozenset()
    """Inputs that no message may show."""
    rules: ClassVar[Mapping[str, Callable[[Any], str | None]]] = {}
    """Per input that has one, the rule that says what is wrong with a value."""

    _auth_string: str | None = None
    _headers: str | None = None
    _ca_certificate: str | None = None

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Take the credentials from the config of the stack."""
        self._auth_string = req.config.get("authString")
        self._headers = req.config.get("apiHeaders")
        self._ca_certificate = req.config.get("apiCaCertificate")

    def check(self, _olds: Properties, news: Properties) -> dynamic.CheckResult:
        """Refuse in the preview what the server would refuse later."""
        known = {key: news[key] for key in self.rules if news.get(key) not in (None, rpc.UNKNOWN)}
        problems = {key: self.rules[key](value) for key, value in known.items()}
        return dynamic.CheckResult(
            news, [dynamic.CheckFailure(key, problem) for key, problem in problems.items() if problem]
        )

    def diff(self, _id: str, olds: Properties, news: Properties) -> dynamic.DiffResult:
        """Compare the inputs. One that is not known yet differs from whatever was."""
        replaces = changed(self.identity, olds, news)
        changes = replaces or changed(self.settings | {"api_url"}, olds, news)
        return dynamic.DiffResult(changes=bool(changes), replaces=replaces)

    def create(self, props: Properties) -> dynamic.CreateResult:
        """Make the object, or take over the one that is there if told to, or if it is just the one wished for."""
        client = self.connect(props)
        found = self.find(client, props)
        if found is None:
            told = self.make(client, props)
        else:
            self.require_adoption(found, props)
            told = self.change(client, {**props, **found}, props)
        return dynamic.CreateResult(self.id_of(props), {**props, **told})

    def read(self, id_: str, props: Properties) -> dynamic.ReadResult:
        """Bring the state up to what the server holds."""
        found = self.find(self.connect(props), props)
        if found is None:
            return dynamic.ReadResult("", {})
        outs = {**props, **found}
        # Without inputs in the result, a refresh shows each of them as changed.
        inputs = {key: outs[key] for key in self.inputs() if key in outs}
        return dynamic.ReadResult(id_, outs, inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> dynamic.UpdateResult:
        """Change the object in place."""
        return dynamic.UpdateResult({**news, **self.change(self.connect(news), olds, news)})

    def delete(self, _id: str, props: Properties) -> None:
        """Delete the object; that it is gone is a success."""
        self.remove(self.connect(props), props)

    def id_of(self, props: Properties) -> str:
        """Give the id of the object in Pulumi's state."""
        return str(props["name"])

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Give the properties that the server knows of the object, None if there is no such object."""
        raise NotImplementedError

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the object where there is none; give what only the server knows of it."""
        raise NotImplementedError

    def change(self, client: PrefectClient, olds: Properties, news: Properties) -> Properties:
        """Change the object that is there; give what only the server knows of it."""
        raise NotImplementedError

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the object; that there is none is a success."""
        raise NotImplementedError

    def require_adoption(self, found: Properties, props: Properties) -> None:
        """Let nothing be taken over unasked, save what is just as wished: an interrupted create may have made it.

        Raises:
            ValueError: the object that is there differs and `adopt` is not set, or it cannot become what is wished.
        """
        what = f"{self.kind} {self.id_of(props)!r}"
        for key in changed(self.identity & found.keys(), found, props):
            raise ValueError(
                f"The {what} is there already with the {key} {found[key]!r}, which cannot change to {props[key]!r}:"
                f" set the {key} it has, or delete it in Prefect."
            )
        differing = changed(self.settings & found.keys(), found, props)
        if differing and not props.get("adopt"):
            differences = ", ".join(self._difference(key, found, props) for key in differing)
            raise ValueError(
                f"The {what} is there already, and this stack did not make it. Set adopt=True (in a stack file:"
                f" adopt: true) to take it over and to change it to what is written here, or delete it in Prefect, or"
                f" choose another name. It differs in {differences}."
            )

    def connect(self, props: Properties) -> PrefectClient:
        """Give the connection to the server of a resource, which all of them share."""
        return _connection(props["api_url"], self._auth_string, self._headers, self._ca_certificate)

    @classmethod
    def inputs(cls) -> frozenset[str]:
        """Names of all inputs."""
        return cls.identity | cls.settings | {"api_url", "adopt"}

    def _difference(self, key: str, found: Properties, props: Properties) -> str:
        there, here = repr(found.get(key)), repr(props.get(key))
        is_shown = key not in self.secret and len(there + here) <= _LONGEST_DIFFERENCE
        return f"{key} ({there} there, {here} here)" if is_shown else key


def changed(keys: frozenset[str] | set[str], olds: Properties, news: Properties) -> list[str]:
    """Name the properties that differ."""
    return sorted(key for key in keys if olds.get(key) != news.get(key))


def canonical_json(value: Any) -> str:
    """Write a value so that equal ones give equal texts. As text, because the engine drops nulls from objects."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def as_json(value: pulumi.Input[Any] | None) -> pulumi.Output[str] | None:
    """Turn an input into canonical JSON, None into None."""
    return None if value is None else pulumi.Output.from_input(value).apply(canonical_json)


def delete_first(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Delete before a replacement is created: names are unique in Prefect."""
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(delete_before_replace=True), opts)


def whole_number(value: float | None) -> int | None:
    """Undo that the engine knows no integers."""
    return None if value is None else int(value)


@functools.cache
def _connection(
    api_url: str, auth_string: str | None, headers: str | None, ca_certificate: str | None
) -> PrefectClient:
    """Connect once per server, whose version is checked then; it is open for as long as this process runs."""
    client = PrefectClient(api_url, auth_string, headers=_parsed(headers), ca_certificate=ca_certificate)
    check_version(client)
    return client


def _parsed(headers: str | None) -> dict[str, str]:
    try:
        parsed = json.loads(headers or "{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or not all(isinstance(value, str) for value in parsed.values()):
        raise ValueError('apiHeaders must be a JSON object of texts, such as {"X-Gateway-Token": "..."}')
    return parsed
