"""Deployments of a stack file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.prefect_api import deployments, flow_source, parameters, pull_steps, schedules
from components.prefect_api.flow_source import FlowSource
from components.prefect_api.pull_steps import PullStep
from components.settings.table import Problems, Table, only
from components.settings.workers import WorkPoolSettings

_KEY_RULE = "FLOW/NAME, such as Main Flow/nightly: the flow's name as its @flow gives it, and one for the deployment"
_ENTRYPOINT = r"[^:]+\.py:[A-Za-z_]\w*|(?!.*\.py$)[A-Za-z_]\w*(\.[A-Za-z_]\w*)+"
_LARGEST_LIMIT = 100_000
_DEFAULT_QUEUE = "default"
_BLOCK = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")

SCHEDULE_KEYS = {
    "cron": "cron",
    "interval": "interval",
    "rrule": "rrule",
    "timezone": "timezone",
    "dayOr": "day_or",
    "anchorDate": "anchor_date",
    "active": "active",
    "parameters": "parameters",
}
"""What a schedule in a stack file may say, and what Prefect calls it."""


@dataclass(frozen=True, kw_only=True)
class DeploymentSettings:
    """A deployment; see components.prefect_api.resources.Deployment."""

    flow_name: str
    name: str
    entrypoint: str
    work_pool: str
    work_queue: str | None
    pull_steps: tuple[PullStep, ...]
    schedules: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]
    parameter_schema: Mapping[str, Any] | None
    enforce_parameters: bool
    job_variables: Mapping[str, Any]
    concurrency_limit: int | None
    collision_strategy: str | None
    grace_period_seconds: int | None
    description: str | None
    version: str | None
    tags: tuple[str, ...]
    paused: bool
    adopt: bool

    @property
    def key(self) -> str:
        """FLOW/NAME."""
        return f"{self.flow_name}/{self.name}"


def read_deployments(
    table: Table, pools: Sequence[WorkPoolSettings], blocks: Sequence[str]
) -> tuple[DeploymentSettings, ...]:
    """Return the deployments, in the order of their names; `blocks` are those of the stack, as TYPE/NAME."""
    found = []
    for key, entry in table.entries(_key_problem):
        flow_name, _, name = key.partition("/")
        source = _source(entry, flow_name)
        found.append(read_deployment(entry, flow_name=flow_name, name=name, source=source, pools=pools, blocks=blocks))
        entry.finish()
    return tuple(found)


def read_deployment(
    entry: Table,
    *,
    flow_name: str,
    name: str,
    source: FlowSource | None,
    pools: Sequence[WorkPoolSettings],
    blocks: Sequence[str],
) -> DeploymentSettings:
    """Return one deployment; `source` is what its flow's file says, None if that is not here."""
    pool_names = [pool.name for pool in pools]
    work_pool = entry.choice("workPool", pool_names, only(pool_names))
    queues = [queue.name for pool in pools if pool.name == work_pool for queue in pool.queues]
    settings = DeploymentSettings(
        flow_name=flow_name,
        name=name,
        entrypoint=entry.text("entrypoint", allowed="FILE.py:FUNCTION", example="flows.py:main", pattern=_ENTRYPOINT),
        work_pool=work_pool,
        work_queue=entry.optional_choice("workQueue", sorted({*queues, _DEFAULT_QUEUE})),
        pull_steps=_pull_steps(entry, blocks),
        schedules=_schedules(entry.table("schedules")),
        parameters=entry.values("parameters") or {},
        parameter_schema=source.parameter_schema if source else None,
        enforce_parameters=entry.boolean("enforceParameters", default=True),
        job_variables=entry.values("jobVariables") or {},
        concurrency_limit=entry.optional_integer("concurrencyLimit", minimum=1, maximum=_LARGEST_LIMIT),
        collision_strategy=entry.optional_choice("collisionStrategy", deployments.COLLISION_STRATEGIES),
        grace_period_seconds=entry.optional_integer("gracePeriodSeconds", minimum=60, maximum=86_400),
        description=entry.optional_text("description") or (source.description if source else None),
        version=entry.optional_text("version"),
        tags=entry.texts("tags", allowed="a text", example="etl", is_good=bool),
        paused=entry.boolean("paused", default=False),
        adopt=entry.boolean("adopt", default=False),
    )
    if settings.concurrency_limit is None:
        for key in ("collisionStrategy", "gracePeriodSeconds"):
            entry.refuse(key, "beside concurrencyLimit")
    _check_parameters(entry, settings)
    return settings


def _key_problem(key: str) -> str | None:
    flow_name, slash, name = key.partition("/")
    if not slash or deployments.flow_name_problem(flow_name) or deployments.name_problem(name):
        return _KEY_RULE
    return None


def _source(entry: Table, flow_name: str) -> FlowSource | None:
    """Read the flow's file where the stack file says that it is on this machine, too."""
    directory = entry.optional_text("sourceDirectory")
    if directory is None:
        return None
    key = entry.path("sourceDirectory")
    entrypoint = entry.text("entrypoint", allowed="FILE.py:FUNCTION", example="flows.py:main", pattern=r"(?s).*")
    try:
        source = flow_source.read(Path(directory), entrypoint)
    except ValueError as error:
        entry.problems.add(key, str(error), "a directory with the entrypoint's file, below this one or from /", ".")
        return None
    if source.name != flow_name:
        entry.problems.add_needless(entry.key, f"is a flow that its file calls {source.name!r}", "its name in the file")
    return source


def _pull_steps(entry: Table, blocks: Sequence[str]) -> tuple[PullStep, ...]:
    steps = entry.list_of_tables("pullSteps")
    for index, step in enumerate(steps):
        key = f"{entry.path('pullSteps')}[{index}]"
        name, arguments = next(iter(step.items()), ("", None))
        for argument, allowed in pull_steps.problems(step):
            given = _given(argument, arguments)
            entry.problems.add(_below(_below(key, name), argument) if argument else key, given, allowed, "...")
        credentials = arguments.get("credentials") if isinstance(arguments, Mapping) else None
        if isinstance(credentials, str) and _BLOCK.fullmatch(credentials) and credentials not in blocks:
            entry.problems.add(
                _below(_below(key, name), "credentials"),
                f"is {credentials!r}",
                "one of the blocks of the stack; for others {{ prefect.blocks.TYPE.NAME }}",
                "TYPE/NAME",
            )
    return steps


def _given(argument: str, arguments: object) -> str:
    """Tell what was given, save what may be secret."""
    if not argument or not isinstance(arguments, Mapping):
        return "is no pull step"
    if argument not in arguments:
        return "is missing"
    return "stands there in clear" if argument == "access_token" else f"is {arguments[argument]!r}"


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if re.fullmatch(r"\w+", name) else f'{key}["{name}"]'


def _schedules(table: Table | None) -> dict[str, dict[str, Any]]:
    if table is None:
        return {}
    found = {}
    for slug in table.names:
        given = table.values(slug) or {}
        key = table.path(slug)
        for name in sorted(given.keys() - SCHEDULE_KEYS.keys()):
            table.problems.add_unknown(f"{key}.{name}", name, SCHEDULE_KEYS)
        found[slug] = {theirs: given[ours] for ours, theirs in SCHEDULE_KEYS.items() if given.get(ours) is not None}
        ours_of = {theirs: ours for ours, theirs in SCHEDULE_KEYS.items()}
        for theirs, allowed in schedules.problems(found[slug]):
            told = f"is {found[slug][theirs]!r}" if theirs else f"has {', '.join(sorted(given)) or 'nothing'}"
            table.problems.add(f"{key}.{ours_of[theirs]}" if theirs else key, told, allowed, "0 2 * * *")
    return found


def _check_parameters(entry: Table, settings: DeploymentSettings) -> None:
    if settings.parameter_schema is None or not settings.enforce_parameters:
        return
    found = parameters.problems(settings.parameter_schema, settings.parameters, settings.schedules)
    if found:
        known = ", ".join(settings.parameter_schema["properties"]) or "none"
        entry.problems.add_needless(
            entry.path("parameters"), f"do not fit the flow: {'; '.join(found)}", f"its parameters: {known}"
        )


def refuse_twice(problems: Problems, found: Sequence[DeploymentSettings]) -> tuple[DeploymentSettings, ...]:
    """Note deployments that the stack file and files that it names both have; return the others and one of each."""
    unique: dict[str, DeploymentSettings] = {}
    for deployment in found:
        if deployment.key in unique:
            problems.add_needless("prefectFiles", f"has {deployment.key!r} twice", "each deployment once in a stack")
        unique.setdefault(deployment.key, deployment)
    return tuple(unique.values())
