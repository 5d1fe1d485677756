"""A work pool as a Pulumi resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi import dynamic
from pulumi.runtime import rpc

from components.prefect_api import work_pools
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import (
    PrefectProvider,
    Properties,
    as_json,
    canonical_json,
    delete_first,
    whole_number,
)


class WorkPoolProvider(PrefectProvider):
    """Creates, reads, updates and deletes work pools."""

    kind = "work pool"
    identity = frozenset({"name", "type"})
    settings = frozenset({"description", "concurrency_limit", "paused", "base_job_template", "job_variables"})
    rules = MappingProxyType({"name": work_pools.name_problem})

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the pool. Its job template counts only if something of it was given here."""
        pool = work_pools.find(client, props["name"])
        if pool is None:
            return None
        found = {
            "type": pool["type"],
            "description": pool["description"],
            "concurrency_limit": pool["concurrency_limit"],
            "paused": pool["is_paused"],
        }
        template = pool["base_job_template"]
        if pool["type"] == props["type"] and _is_given(props) and template != _template(client, props):
            found["base_job_template"] = canonical_json(template)
        return found

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the pool."""
        template = _template(client, props)
        work_pools.create(client, props["name"], props["type"], base_job_template=template, **_settings(props))
        return {}

    def change(self, client: PrefectClient, olds: Properties, news: Properties) -> Properties:
        """Change the pool; a job template that is no longer given becomes the server's default again."""
        template = _template(client, news) if _is_given(news) or _is_given(olds) else None
        work_pools.update(client, news["name"], base_job_template=template, **_settings(news))
        return {}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the pool with its queues."""
        work_pools.delete(client, props["name"])

    def check(self, olds: Properties, news: Properties) -> dynamic.CheckResult:
        """Check the job variables already here where the whole template is given, so that no server need be asked."""
        result = super().check(olds, news)
        given = news.get("base_job_template")
        if given not in (None, rpc.UNKNOWN) and news.get("job_variables") != rpc.UNKNOWN:
            problems = work_pools.job_variable_problems(json.loads(given), _job_variables(news))
            result.failures.extend(dynamic.CheckFailure("job_variables", problem) for problem in problems)
        return result


class WorkPool(dynamic.Resource, module="prefect", name="WorkPool"):
    """A work pool.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the pool; a change replaces it.
        type: `process`, `docker`, ...; a change replaces the pool.
        description: text for the UI.
        concurrency_limit: most flow runs at a time; None is unlimited.
        paused: whether the delivery of flow runs is halted.
        base_job_template: template of the jobs; None takes the server's default for the type.
        job_variables: defaults of variables of that template, by name, in place of its own. If neither these nor
            a template are given, the template is left alone once the pool is there.
        adopt: take over a pool of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    type: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        name: pulumi.Input[str],
        type: pulumi.Input[str],  # noqa: A002 - Prefect's own word
        description: pulumi.Input[str] | None = None,
        concurrency_limit: pulumi.Input[int] | None = None,
        paused: pulumi.Input[bool] = False,
        base_job_template: pulumi.Input[Mapping[str, Any]] | None = None,
        job_variables: pulumi.Input[Mapping[str, Any]] | None = None,
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "name": name,
            "type": type,
            "description": description,
            "concurrency_limit": concurrency_limit,
            "paused": paused,
            "base_job_template": as_json(base_job_template),
            "job_variables": as_json(job_variables),
            "adopt": adopt,
        }
        super().__init__(WorkPoolProvider(), resource_name, properties, delete_first(opts))


def _is_given(props: Properties) -> bool:
    return props.get("base_job_template") is not None or props.get("job_variables") is not None


def _template(client: PrefectClient, props: Properties) -> dict[str, Any]:
    given = props.get("base_job_template")
    template = json.loads(given) if given else work_pools.default_base_job_template(client, props["type"])
    return work_pools.with_job_variables(template, _job_variables(props))


def _job_variables(props: Properties) -> dict[str, Any]:
    variables: dict[str, Any] = json.loads(props.get("job_variables") or "{}")
    return variables


def _settings(props: Properties) -> Properties:
    return {
        "description": props.get("description"),
        "concurrency_limit": whole_number(props.get("concurrency_limit")),
        "paused": props.get("paused", False),
    }
