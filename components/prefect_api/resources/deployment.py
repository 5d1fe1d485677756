"""A deployment as a Pulumi resource."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi import dynamic
from pulumi.runtime import rpc

from components.prefect_api import deployments, job_variables, parameters, pull_steps, schedules
from components.prefect_api.client import PrefectClient
from components.prefect_api.provider import (
    PrefectProvider,
    Properties,
    as_json,
    canonical_json,
    delete_first,
    whole_number,
)
from components.prefect_api.pull_steps import PullStep

_IN_JSON = frozenset({"pull_steps", "schedules", "parameters", "parameter_schema", "job_variables"})


class DeploymentProvider(PrefectProvider):
    """Creates, reads, updates and deletes deployments; a flow that is not there yet is made, and never deleted."""

    kind = "deployment"
    identity = frozenset({"flow_name", "name"})
    settings = _IN_JSON | {
        "entrypoint",
        "work_pool",
        "work_queue",
        "enforce_parameters",
        "concurrency_limit",
        "collision_strategy",
        "grace_period_seconds",
        "description",
        "version",
        "tags",
        "paused",
    }
    # who writes a deployment may have put one there
    secret = frozenset({"parameters", "job_variables"})
    rules = MappingProxyType(
        {
            "flow_name": deployments.flow_name_problem,
            "name": deployments.name_problem,
            "pull_steps": lambda text: _joined(
                f"step {number}: {argument or 'it'} must be {allowed}"
                for number, step in enumerate(json.loads(text), start=1)
                for argument, allowed in pull_steps.problems(step)
            ),
            "schedules": lambda text: _joined(
                f"{slug}: {key or 'it'} must be {allowed}"
                for slug, schedule in json.loads(text).items()
                for key, allowed in schedules.problems(schedule)
            ),
        }
    )

    def id_of(self, props: Properties) -> str:
        """Give the deployment as Prefect's command line names it."""
        return f"{props['flow_name']}/{props['name']}"

    def check(self, olds: Properties, news: Properties) -> dynamic.CheckResult:
        """Check the parameters, too, where the schema is known: no server need be asked."""
        result = super().check(olds, news)
        known = all(news.get(key) != rpc.UNKNOWN for key in ("parameter_schema", "parameters", "schedules"))
        if not result.failures and known and news.get("enforce_parameters", True) and news.get("parameter_schema"):
            wished = _declared(news)
            result.failures.extend(
                dynamic.CheckFailure("parameters", problem)
                for problem in parameters.problems(
                    wished["parameter_schema"], wished["parameters"], wished["schedules"]
                )
            )
        return result

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the deployment. The queue and the schema of the parameters count only if they were given here."""
        live = deployments.find(client, props["flow_name"], props["name"])
        if live is None:
            return None
        limit, options = live["global_concurrency_limit"] or {}, live["concurrency_options"] or {}
        found = {
            "deployment_id": live["id"],
            "entrypoint": live["entrypoint"],
            "pull_steps": self._as_given("pull_steps", live["pull_steps"] or [], _pull_steps(props), props),
            "work_pool": live["work_pool_name"],
            "schedules": self._as_given("schedules", schedules.declared(live), _schedules(props), props),
            "parameters": canonical_json(live["parameters"]),
            "enforce_parameters": live["enforce_parameter_schema"],
            "job_variables": canonical_json(live["job_variables"]),
            "concurrency_limit": limit.get("limit"),
            "collision_strategy": options.get("collision_strategy"),
            "grace_period_seconds": options.get("grace_period_seconds"),
            "description": live["description"] or None,
            "version": live["version"] or None,
            "tags": sorted(live["tags"]),
            "paused": live["paused"],
        }
        if props.get("work_queue") is not None:
            found["work_queue"] = live["work_queue_name"]
        if props.get("parameter_schema") is not None:
            found["parameter_schema"] = canonical_json(live["parameter_openapi_schema"])
        if "{{" in props.get("job_variables", ""):
            found["job_variables"] = self._job_variables_as_given(client, live, props)
        return found

    def make(self, client: PrefectClient, props: Properties) -> Properties:
        """Create the deployment with its schedules, and its flow if there is none."""
        settings = _settings(client, props)
        wished = [schedules.body(slug, schedule) for slug, schedule in _schedules(props).items()]
        body = {**settings, "schedules": wished}
        return {"deployment_id": deployments.create(client, props["flow_name"], props["name"], body)}

    def change(self, client: PrefectClient, olds: Properties, news: Properties) -> Properties:
        """Change the deployment, then those of its schedules that differ; runs that are under way go on."""
        settings = _settings(client, news, forget_schema=olds.get("parameter_schema") is not None)
        deployment_id = olds["deployment_id"]
        deployments.update(client, deployment_id, settings)
        schedules.replace(client, deployments.read(client, deployment_id), _schedules(news))
        return {"deployment_id": deployment_id}

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the deployment; its flow and past runs stay in Prefect's history."""
        deployments.delete(client, props["deployment_id"])

    @staticmethod
    def _as_given(key: str, live: Any, wished: Any, props: Properties) -> str:
        """Give what the server holds in the words of the declaration if both mean the same."""
        return str(props[key]) if live == wished and key in props else canonical_json(live)

    @staticmethod
    def _job_variables_as_given(client: PrefectClient, live: Mapping[str, Any], props: Properties) -> str:
        try:
            schema = job_variables.template_variables(client, live["work_pool_name"])
            wished = job_variables.with_references(client, schema, _declared(props)["job_variables"])
        except ValueError:  # the pool or the block is gone, which the next update tells
            return canonical_json(live["job_variables"])
        return DeploymentProvider._as_given("job_variables", live["job_variables"], wished, props)


class Deployment(dynamic.Resource, module="prefect", name="Deployment"):
    """A flow that the server may run: its code, when it runs, with what parameters, in which work pool.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        flow_name: name of the flow, as its `@flow` gives it; made if there is none. A change replaces the deployment.
        name: name of the deployment, unique for the flow; a change replaces it.
        entrypoint: `file.py:function`, below the directory in which the last pull step leaves the worker.
        work_pool: name of the pool whose workers run it, best that of a resource: `pool.name`.
        work_queue: name of a queue of that pool, best `queue.name`; None is the pool's own, `default`.
        pull_steps: how a worker gets the code, see components.prefect_api.pull_steps; none for what lies there.
        schedules: when it runs, by a name of your own, see components.prefect_api.schedules. All others are removed.
        parameters: by name, shown in clear in previews, in Pulumi's state and in Prefect.
        parameter_schema: JSON schema of the flow's parameters, as `components.prefect_api.flow_source` reads it;
            with it the parameters are checked in the preview, and the UI has a form for them. None leaves it alone.
        enforce_parameters: whether runs whose parameters do not fit the schema are refused.
        job_variables: values for variables of the pool's job template, say `image`. A block stands as
            `{{ prefect.blocks.TYPE.NAME }}`.
        concurrency_limit: most runs of this deployment at a time; None is unlimited.
        collision_strategy: `ENQUEUE` lets runs beyond the limit wait, `CANCEL_NEW` cancels them; None is Prefect's.
        grace_period_seconds: 60 to 86400, how long a run may need to start before it gives its place back.
        description: text for the UI.
        version: text of your own.
        tags: of its runs; limits of task runs go by tags.
        paused: whether its schedules rest.
        adopt: take over a deployment of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    flow_name: pulumi.Output[str]
    deployment_id: pulumi.Output[str]
    """UUID by which automations refer to the deployment."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        flow_name: pulumi.Input[str],
        name: pulumi.Input[str],
        entrypoint: pulumi.Input[str],
        work_pool: pulumi.Input[str],
        work_queue: pulumi.Input[str] | None = None,
        pull_steps: Sequence[PullStep] = (),
        schedules: Mapping[str, Mapping[str, Any]] | None = None,
        parameters: pulumi.Input[Mapping[str, Any]] | None = None,
        parameter_schema: pulumi.Input[Mapping[str, Any]] | None = None,
        enforce_parameters: pulumi.Input[bool] = True,
        job_variables: pulumi.Input[Mapping[str, Any]] | None = None,
        concurrency_limit: pulumi.Input[int] | None = None,
        collision_strategy: pulumi.Input[str] | None = None,
        grace_period_seconds: pulumi.Input[int] | None = None,
        description: pulumi.Input[str] | None = None,
        version: pulumi.Input[str] | None = None,
        tags: Sequence[str] = (),
        paused: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "flow_name": flow_name,
            "name": name,
            "entrypoint": entrypoint,
            "work_pool": work_pool,
            "work_queue": work_queue,
            "pull_steps": as_json([*pull_steps]),
            "schedules": as_json({**(schedules or {})}),
            "parameters": as_json(parameters or {}),
            "parameter_schema": as_json(parameter_schema),
            "enforce_parameters": enforce_parameters,
            "job_variables": as_json(job_variables or {}),
            "concurrency_limit": concurrency_limit,
            "collision_strategy": collision_strategy,
            "grace_period_seconds": grace_period_seconds,
            "description": description,
            "version": version,
            "tags": sorted(tags),
            "paused": paused,
            "adopt": adopt,
            "deployment_id": None,
        }
        super().__init__(DeploymentProvider(), resource_name, properties, delete_first(opts))


def _joined(problems: Iterable[str]) -> str | None:
    return "; ".join(problems) or None


def _declared(props: Properties) -> dict[str, Any]:
    return {key: json.loads(props.get(key) or ("[]" if key == "pull_steps" else "{}")) for key in _IN_JSON}


def _pull_steps(props: Properties) -> list[dict[str, dict[str, Any]]]:
    return [pull_steps.written_out(step) for step in _declared(props)["pull_steps"]]


def _schedules(props: Properties) -> dict[str, dict[str, Any]]:
    return {slug: schedules.normal(schedule) for slug, schedule in _declared(props)["schedules"].items()}


def _settings(client: PrefectClient, props: Properties, *, forget_schema: bool = False) -> dict[str, Any]:
    """Give all but the schedules as the server names it, once the job variables fit the pool's template.

    Raises:
        ValueError: they do not, or there is no such pool or block.
    """
    declared = _declared(props)
    template = job_variables.template_variables(client, props["work_pool"])
    if problems := job_variables.problems(template, declared["job_variables"]):
        raise ValueError(
            f"The job variables of deployment {props['flow_name']}/{props['name']} do not fit the work pool"
            f" {props['work_pool']!r}: {'; '.join(problems)}."
        )
    options = {
        "collision_strategy": props.get("collision_strategy") or "ENQUEUE",
        "grace_period_seconds": whole_number(props.get("grace_period_seconds")),
    }
    has_options = props.get("collision_strategy") or props.get("grace_period_seconds")
    settings = {
        "entrypoint": props["entrypoint"],
        "path": None,
        "pull_steps": _pull_steps(props) or None,
        "work_pool_name": props["work_pool"],
        "work_queue_name": props.get("work_queue"),
        "parameters": declared["parameters"],
        "enforce_parameter_schema": props.get("enforce_parameters", True),
        "job_variables": job_variables.with_references(client, template, declared["job_variables"]),
        "concurrency_limit": whole_number(props.get("concurrency_limit")),
        "concurrency_options": options if has_options else None,
        "description": props.get("description"),
        "version": props.get("version"),
        "tags": props.get("tags", []),
        "paused": props.get("paused", False),
    }
    if props.get("parameter_schema") is not None or forget_schema:
        settings["parameter_openapi_schema"] = declared["parameter_schema"] or dict(parameters.OPEN_SCHEMA)
    return settings
