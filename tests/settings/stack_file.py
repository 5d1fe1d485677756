"""Stack files for tests: the defaults of Pulumi.yaml, as the Pulumi CLI merges them, secrets, and what a test sets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.settings import Settings, parse_settings
from components.settings.secrets import OPTIONAL_SECRETS
from components.settings.table import Problem, SettingsError

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text())
SCHEMA: dict[str, dict[str, Any]] = PROJECT["config"]

SECRETS = {
    "databasePassword": "role-7f3a9c5e1b2d",
    "databaseAdminPassword": "admin-91c4be07d6fa",
    "authString": "ops:door-55aa17be90cd",
    "encryptionKey": "kEy_-aaaabbbbccccddddeeeeffffgggghhhhiiiij4=",
}
"""Good ones, each unlike anything else in a stack, so that a test can search for it."""


def stack_file(**overrides: Any) -> dict[str, str]:
    """Return a stack's configuration as Pulumi hands it to a program: text, JSON for tables; None removes a key."""
    defaults = {key: entry["default"] for key, entry in SCHEMA.items() if "default" in entry}
    values = {**defaults, **SECRETS, **overrides}
    return {key: _as_text(value) for key, value in values.items() if value is not None}


def secret_keys(values: Mapping[str, str]) -> set[str]:
    """Return the keys that a careful user encrypts."""
    return {
        key
        for key in values
        if key in SECRETS
        or key in OPTIONAL_SECRETS
        or key.startswith(("secretBlock-", "secretField-", "workerAccountPassword-"))
    }


def parsed(values: Mapping[str, str], *, stack: str = "dev", user_id: int = 1000) -> Settings:
    return parse_settings(values, secret_keys(values), stack, user_id)


def problems(values: Mapping[str, str], secrets: set[str] | None = None, stack: str = "dev") -> dict[str, Problem]:
    """Return what is wrong with a stack file, by key; nothing if nothing is."""
    keys = secret_keys(values) if secrets is None else secrets
    try:
        parse_settings(values, keys, stack, 1000)
    except SettingsError as refused:
        error = refused
    else:
        return {}
    found = {problem.key: problem for problem in error.problems}
    assert len(found) == len(error.problems), f"a key is told of twice:\n{error}"
    assert all(str(problem) in str(error) for problem in error.problems)
    return found


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
