"""The provider's own configuration: which keys there are, their defaults, and what they may be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Final

from toolchain.plugins.postgresql.connections import Server, server_from
from toolchain.plugins.properties import UNKNOWN, Properties, Secret, Value, reveal
from toolchain.plugins.provider import Checked, ProviderError

_DEFAULTS: Final[dict[str, tuple[str | None, str | int | bool]]] = {
    "host": ("PGHOST", ""),
    "port": ("PGPORT", 5432),
    "database": ("PGDATABASE", "postgres"),
    "username": ("PGUSER", "postgres"),
    "password": ("PGPASSWORD", ""),
    "superuser": ("PGSUPERUSER", True),
    "sslmode": ("PGSSLMODE", ""),
    "sslMode": (None, ""),
    "sslrootcert": (None, ""),
    "connectTimeout": ("PGCONNECT_TIMEOUT", 180),
    "maxConnections": (None, 20),
    "databaseUsername": (None, ""),
    "expectedVersion": (None, "9.0.0"),
    "scheme": (None, "postgres"),
}
"""Key to environment variable and default; the types of the defaults are the types of the keys."""

_NOT_FOLLOWED: Final = {
    "awsRdsIamAuth",
    "awsRdsIamProfile",
    "awsRdsIamProviderRoleArn",
    "awsRdsIamRegion",
    "azureIdentityAuth",
    "azureTenantId",
    "clientcert",
    "gcpIamImpersonateServiceAccount",
}
_SCHEMES: Final = ("postgres", "awspostgres", "gcppostgres")
_INVALID: Final = "could not validate provider configuration: "


def check(name: str, inputs: Properties) -> Checked:
    """Validate the configuration and turn its values into text, the form in which the engine keeps them.

    Raises:
        ProviderError: a number or a truth value cannot be read.
    """
    given = {key: reveal(value) for key, value in inputs.items() if value is not None}
    failures = list(_failures(name, given))
    if failures:
        return Checked({}, failures)
    checked: Properties = {key: _text(value) for key, value in given.items()}
    if checked.get("password", UNKNOWN) is not UNKNOWN:
        checked["password"] = Secret(checked["password"])
    return Checked(checked)


def complete(inputs: Properties) -> Server:
    """Add what the environment and the defaults say.

    Raises:
        ProviderError: a value is still unknown, so there is nothing to connect to.
    """
    config: Properties = {}
    for key, (variable, default) in _DEFAULTS.items():
        value = reveal(inputs.get(key))
        if value is UNKNOWN:
            raise ProviderError(f"the provider's '{key}' is not known yet, so it cannot connect")
        if value is None:
            value = os.environ.get(variable or "") or default
        config[key] = _parsed(key, value)
    config["sslmode"] = config["sslmode"] or config["sslMode"]
    return server_from(config)


def _failures(name: str, given: Properties) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        if key in _NOT_FOLLOWED:
            yield key, f"the stand-in does not follow '{key}'; install the real pulumi-resource-postgresql to use it"
        elif key not in _DEFAULTS and key != "version":
            yield "", f"{_INVALID}Invalid or unknown key. Examine values at '{name}.{key}'."
        elif key == "scheme" and value is not UNKNOWN and value not in _SCHEMES:
            allowed = " ".join(f'"{scheme}"' for scheme in _SCHEMES)
            problem = f"expected scheme to be one of [{allowed}], got {value}"
            yield "", f"{_INVALID}{problem}. Examine values at '{name}.scheme'."
        elif key == "scheme" and value not in {UNKNOWN, "postgres"}:
            yield key, f"the stand-in does not follow the scheme '{value}', only 'postgres'"
        elif key in {"connectTimeout", "maxConnections"} and value is not UNKNOWN and _parsed(key, value) < -1:
            snake = {"connectTimeout": "connect_timeout", "maxConnections": "max_connections"}[key]
            problem = f"expected {snake} to be at least (-1), got {value}"
            yield "", f"{_INVALID}{problem}. Examine values at '{name}.{key}'."
        elif key in _DEFAULTS and value is not UNKNOWN:
            _parsed(key, value)


def _parsed(key: str, value: Value) -> Value:
    kind = type(_DEFAULTS[key][1])
    if kind is str or isinstance(value, kind):
        return value
    try:
        parsed = json.loads(str(value).lower())
        if isinstance(parsed, kind):
            return parsed
    except ValueError:
        pass
    raise ProviderError(
        f"CheckConfig failed because of malformed resource inputs: '{key}' must be a {kind.__name__}, got {value!r}"
    )


def _text(value: Value) -> Value:
    return value if isinstance(value, str) or value is UNKNOWN else json.dumps(value)
