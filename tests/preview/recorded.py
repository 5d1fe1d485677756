"""Plans of real stack files, before and after an edit: what the program asks for, as Pulumi would compare it."""

import copy
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.graph.recorder import Graph, Resource, record, without_secrets
from tests.policies.plans import plan
from tests.settings.azure_stack import SEED
from tests.settings.stack_file import CHECKOUT, PROJECT, secret_keys, stack_file
from toolchain.preview.plan import Plan, read_plan

Settings = Mapping[str, Any]


def example(name: str) -> dict[str, Any]:
    """Return the settings of a stack file of the repository, without secrets that its owner has put there."""
    (found,) = (path for path in (*_files("examples"), *_files(".")) if path.stem in (name, f"Pulumi.{name}"))
    config = yaml.safe_load(found.read_text())["config"]
    plain = {key: value for key, value in config.items() if not (isinstance(value, dict) and "secure" in value)}
    return {key.removeprefix(f"{PROJECT['name']}:"): value for key, value in plain.items()}


def in_azure() -> dict[str, Any]:
    """Return the settings of the example in Azure, with what `make` generates."""
    pytest.importorskip("pulumi_azure_native", reason="pulumi-azure-native is not installed: make test")
    return {**example("azure"), "databaseAdminPassword": "Admin-91c4be07d6fa", "sshHostKeySeed": SEED}


@functools.cache
def graph_in_azure() -> Graph:
    """Return what the program asks for by the example in Azure."""
    return graph_of(in_azure())


def planned_in_azure() -> Plan:
    """Return the plan of the example in Azure, which is not there yet."""
    return compared({}, graph_in_azure().resources, in_azure())


def edited_in_azure(edit: Callable[[dict[str, Any]], object]) -> Plan:
    """Return the plan of the example in Azure, which is up, with one edit of its stack file."""
    settings = copy.deepcopy(in_azure())
    edit(settings)
    return compared(graph_in_azure().resources, graph_of(settings).resources, settings)


def planned(settings: Settings) -> Plan:
    """Return the plan of a stack that is not there yet."""
    return between(None, settings)


def between(before: Settings | None, after: Settings) -> Plan:
    """Return the plan of a stack that was brought up with other settings."""
    old = graph_of(before).resources if before is not None else {}
    return compared(old, graph_of(after).resources, after)


def graph_of(settings: Settings) -> Graph:
    """Return what the program asks for when all that it asks is answered."""
    return record(_values(settings))


def compared(old: Mapping[str, Resource], new: Mapping[str, Resource], settings: Settings) -> Plan:
    steps = [_step(old.get(name), new.get(name)) for name in dict.fromkeys([*new, *old])]
    stack = {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "inputs": {}}
    top = {"op": "same" if old else "create", "urn": stack["urn"], "oldState" if old else "newState": stack}
    values = _values(settings)
    config = {key: "[secret]" if key in secret_keys(values) else value for key, value in values.items()}
    return read_plan(plan({**top, "newState": stack}, *steps, config=config))


def _values(settings: Settings) -> dict[str, str]:
    return stack_file(
        **{key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    )


def _step(old: Resource | None, new: Resource | None) -> dict[str, Any]:
    resource = new or old
    assert resource is not None
    operation = "create" if old is None else "delete" if new is None else "update"
    if old and new and old.inputs == new.inputs:
        operation = "same"
    step: dict[str, Any] = {"op": operation, "urn": _urn(resource)}
    if old:
        step["oldState"] = _state(old)
    if new:
        step["newState"] = _state(new)
    if old and new and not resource.type.startswith("pulumi-python:dynamic"):
        step["diffReasons"] = [key for key in new.inputs if new.inputs[key] != old.inputs.get(key)]
    return step


def _state(one: Resource) -> dict[str, Any]:
    return {
        "urn": _urn(one),
        "type": one.type,
        "custom": one.custom,
        "inputs": without_secrets(one.inputs),
        "protect": one.protect,
        "dependencies": [f"urn::{name}" for name in sorted(one.depends_on)],
        **({"parent": f"urn::{one.parent}"} if one.parent else {}),
    }


def _urn(one: Resource) -> str:
    return f"urn:pulumi:dev::prefect-selfhost::{one.type}::{one.name}"


def _files(directory: str) -> list[Path]:
    return sorted((CHECKOUT / directory).glob("*.yaml"))
