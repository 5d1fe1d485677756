"""Job variables of deployments: values for the variables of a work pool's job template, in place of its defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from components.prefect_api import blocks, json_schema, work_pools
from components.prefect_api.client import PrefectClient

_BLOCK = re.compile(r"\{\{\s*prefect\.blocks\.([a-z0-9-]+)\.([a-z0-9-]+)\s*\}\}")


def template_variables(client: PrefectClient, work_pool: str) -> dict[str, Any]:
    """Give the JSON schema of the variables of a work pool's job template.

    Raises:
        ValueError: there is no such pool.
    """
    pool = work_pools.find(client, work_pool)
    if pool is None:
        raise ValueError(f"There is no work pool {work_pool!r} in Prefect: create it before its deployments.")
    schema: dict[str, Any] = pool["base_job_template"].get("variables", {})
    return schema


def problems(schema: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Say of each variable why it does not fit the pool's template."""
    # a pool without a template of its own takes anything
    return json_schema.problems(variables, schema, partial=True) if schema else []


def with_references(client: PrefectClient, schema: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Give the variables as the server wants them: a block by its id where the template wants a whole block.

    Everywhere else `{{ prefect.blocks.TYPE.NAME }}` stays, and the worker puts the value there when a flow runs.

    Raises:
        ValueError: there is no such block.
    """
    properties = schema.get("properties", {})
    return {
        name: _reference(client, name, *match.groups())
        if isinstance(value, str) and (match := _BLOCK.fullmatch(value)) and _is_block(properties.get(name, {}))
        else value
        for name, value in variables.items()
    }


def _is_block(variable: Mapping[str, Any]) -> bool:
    forms = [variable, *variable.get("allOf", []), *variable.get("anyOf", [])]
    return any("$ref" in form for form in forms)


def _reference(client: PrefectClient, variable: str, slug: str, name: str) -> dict[str, Any]:
    document = blocks.find(client, slug, name)
    if document is None:
        raise ValueError(f"The job variable {variable} names the block {slug}/{name}, which is not in Prefect.")
    return {"$ref": {"block_document_id": document["id"]}}
