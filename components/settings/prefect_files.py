"""Deployments that a prefect.yaml tells of, read as `prefect deploy` reads it, save that nothing is run.

What a file says is turned into the words of a stack file and checked with the same rules; every problem names the
file's own key and line. https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml
"""

import difflib
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from components.prefect_api import deployments, flow_source
from components.prefect_api.flow_source import FlowSource
from components.settings.deployments import SCHEDULE_KEYS, DeploymentSettings, read_deployment
from components.settings.prefect_templates import Templates
from components.settings.table import NAME, NAME_RULE, Problem, Problems, Table
from components.settings.workers import WorkPoolSettings

_PLAIN = {
    "version": "version",
    "description": "description",
    "tags": "tags",
    "entrypoint": "entrypoint",
    "parameters": "parameters",
    "paused": "paused",
    "enforce_parameter_schema": "enforceParameters",
}
_POOL = {"name": "workPool", "work_queue_name": "workQueue", "job_variables": "jobVariables"}
_LIMIT = {
    "limit": "concurrencyLimit",
    "collision_strategy": "collisionStrategy",
    "grace_period_seconds": "gracePeriodSeconds",
}
_KNOWN = {
    *_PLAIN,
    *("name", "flow_name", "schedule", "schedules", "concurrency_limit", "work_pool", "pull", "build", "push"),
}
_ELSEWHERE = {
    "triggers": "automations of the stack file",
    "sla": "nothing: only Prefect Cloud has service level agreements",
    "version_type": "nothing: only Prefect Cloud has versions of deployments",
}
_THEIRS = {
    **{ours: theirs for theirs, ours in _PLAIN.items()},
    **{ours: f"work_pool.{theirs}" for theirs, ours in _POOL.items()},
    **{ours: f"concurrency_limit.{theirs}" for theirs, ours in _LIMIT.items()},
    **{ours: theirs for ours, theirs in SCHEDULE_KEYS.items() if ours != theirs},
    "pullSteps": "pull",
    "concurrencyLimit": "concurrency_limit",
}


class _Located(dict[str, Any]):
    """A table of the file that knows the line of each of its keys."""

    lines: Mapping[str, int] = MappingProxyType({})


class _Loader(yaml.SafeLoader):
    """Loads as Prefect does, and remembers lines."""


def _construct(loader: _Loader, node: yaml.MappingNode) -> Generator[_Located, None, None]:
    table = _Located()
    yield table
    loader.flatten_mapping(node)  # `<<: *anchor`
    table.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    table.update({str(key): value for key, value in loader.construct_mapping(node, deep=True).items()})


_Loader.add_constructor("tag:yaml.org,2002:map", _construct)


@dataclass
class _FileProblems(Problems):
    """Tells of problems by the key and the line of the file, whose fix is an edit."""

    file: str = ""
    name: str = ""
    """Of the deployment."""
    tables: Sequence[_Located] = field(default_factory=list)
    """Where the keys may stand, first the deployment's own."""

    def _note(self, key: str, given: str, allowed: str, command: str) -> None:  # noqa: ARG002 - no command mends a file
        theirs = re.sub(r"\w+", lambda word: _THEIRS.get(word[0], word[0]), key.removeprefix("deployment."))
        line = self._line(re.findall(r"[\w.-]+(?=\"\])|\w[\w-]*", theirs))
        place = f"{self.file}:{line}"
        self.found.append(
            Problem(f"{place}: {theirs} of deployment {self.name}", given, allowed, f"edit line {line} of {self.file}")
        )

    def _line(self, names: Sequence[str]) -> int:
        """Return the line of the deepest of these keys that stands in the file, each looked for below the last."""
        place: Any = list(self.tables)
        line = min(self.tables[0].lines.values(), default=1)
        for name in names:
            if name.isdigit() and isinstance(place, list) and int(name) < len(place):
                place = place[int(name)]
            elif found := _find(place, name):
                line, place = found
        return line


def read_prefect_files(
    table: Table, pools: Sequence[WorkPoolSettings], blocks: Sequence[str]
) -> tuple[DeploymentSettings, ...]:
    """Return the deployments of all files that a stack file names; those without a name are left out, as Prefect does.

    Paths are relative to the directory that Pulumi runs the program in, that of Pulumi.yaml.
    """
    found: list[DeploymentSettings] = []
    for name, entry in table.entries(lambda name: None if NAME.fullmatch(name) else NAME_RULE):
        path = entry.text("path", allowed="the path of a prefect.yaml", example="../etl/prefect.yaml", pattern=".+")
        tags = entry.texts("tags", allowed="a text", example="etl", is_good=bool)
        adopt = entry.boolean("adopt", default=False)
        outputs = entry.values("stepOutputs") or {}
        entry.finish()
        content = _load(entry, Path(path)) if path else None
        for deployment in _deployments(entry, path, content):
            reader = _Reader(table.problems, Path(path), name, content or _Located(), outputs)
            if read := reader.read(deployment, tags, adopt, pools, blocks):
                found.append(read)
    return tuple(found)


def _load(entry: Table, path: Path) -> _Located | None:
    allowed, example = "a prefect.yaml that this machine can read", "../etl/prefect.yaml"
    try:
        # only tables differ from what SafeLoader makes
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except OSError as error:
        entry.problems.add(entry.path("path"), f"{path} cannot be read: {error.strerror}", allowed, example)
        return None
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        entry.problems.add(entry.path("path"), f"{path} is no YAML: {told}", allowed, example)
        return None
    if not isinstance(content, _Located):
        entry.problems.add(entry.path("path"), f"{path} holds no table", allowed, example)
        return None
    return content


def _deployments(entry: Table, path: str, content: _Located | None) -> list[_Located]:
    given = (content.get("deployments") if content else None) or []
    if not isinstance(given, list) or not all(isinstance(deployment, _Located) for deployment in given):
        entry.problems.add(entry.path("path"), f"deployments of {path} is no list of tables", "such a list", path)
        return []
    return [deployment for deployment in given if deployment.get("name") is not None]


class _Reader:
    """Reads one deployment of a file."""

    def __init__(
        self, problems: Problems, path: Path, file_name: str, content: _Located, outputs: Mapping[str, Any]
    ) -> None:
        self._problems, self._path, self._content = problems, path, content
        self._file_name, self._outputs = file_name, outputs

    def read(
        self,
        given: _Located,
        tags: Sequence[str],
        adopt: bool,
        pools: Sequence[WorkPoolSettings],
        blocks: Sequence[str],
    ) -> DeploymentSettings | None:
        """Return the deployment, None if not even its name and its flow's are known."""
        name = str(given["name"])
        problems = _FileProblems(
            self._problems.stack,
            self._problems.found,
            file=str(self._path),
            name=name,
            tables=[given, _Located(pull=self._content.get("pull"))],
        )
        before = len(problems.found)
        _check_keys(problems, given)
        templates = Templates(problems, self._file_name, self._outputs)
        ours = self._translated(problems, templates, given)
        source = self._source(problems, given)
        flow_name = source.name if source else given.get("flow_name")
        if not flow_name or deployments.flow_name_problem(str(flow_name)) or deployments.name_problem(name):
            if len(problems.found) == before:
                allowed = (
                    "the flow's name, where its file is not beside this one; and names that hold none of / % & < >"
                )
                problems.add("deployment.flow_name", f"is {flow_name!r}", allowed, "")
            return None
        own_tags = ours.get("tags") or []
        values = {**ours, "adopt": adopt}
        if isinstance(own_tags, list):
            values["tags"] = sorted({*own_tags, *tags})
        entry = Table(problems, "deployment", values)
        return read_deployment(entry, flow_name=str(flow_name), name=name, source=source, pools=pools, blocks=blocks)

    def _source(self, problems: Problems, given: _Located) -> FlowSource | None:
        """Read the flow's file if it is beside prefect.yaml, as it is where people deploy from."""
        entrypoint = str(given.get("entrypoint") or "")
        file, colon, _ = entrypoint.rpartition(":")
        if not colon or not (self._path.parent / file).is_file():
            return None
        try:
            return flow_source.read(self._path.parent, entrypoint)
        except ValueError as error:
            problems.add("deployment.entrypoint", str(error), "FILE.py:FUNCTION of a flow", "")
            return None

    def _translated(self, problems: Problems, templates: Templates, given: _Located) -> dict[str, Any]:
        """Return what the file says in the words of a stack file."""
        ours = {key: templates.filled(f"deployment.{key}", given.get(theirs)) for theirs, key in _PLAIN.items()}
        pool = _table(problems, "work_pool", given.get("work_pool"), _POOL)
        for theirs, key in _POOL.items():
            at_run_time = ("prefect.blocks.", "prefect.variables.", "ctx.") if theirs == "job_variables" else ()
            ours[key] = templates.filled(f"deployment.{key}", pool.get(theirs), at_run_time)
        limit = given.get("concurrency_limit")
        limit = limit if isinstance(limit, Mapping) else {"limit": limit}
        ours |= dict(zip(_LIMIT.values(), map(limit.get, _LIMIT), strict=True))
        _table(problems, "concurrency_limit", limit, _LIMIT)
        ours["schedules"] = _schedules(problems, templates, given)
        ours["pullSteps"] = self._pull_steps(problems, templates, given) or None
        return {key: value for key, value in ours.items() if value is not None}

    def _pull_steps(self, problems: Problems, templates: Templates, given: _Located) -> Any:
        steps = given["pull"] if "pull" in given else self._content.get("pull")
        if isinstance(steps, Mapping) and steps:
            steps = [steps]
        if steps is None or not isinstance(steps, list):
            allowed = "the steps by which a worker gets the code, [] if it has it: Pulumi cannot guess them"
            problems.add("deployment.pullSteps", "is missing" if steps is None else "is no list", allowed, "")
            return []
        steps = [step for step in steps if step]
        arguments = [inner for step in steps if isinstance(step, Mapping) for inner in step.values()]
        ids = [inner["id"] for inner in arguments if isinstance(inner, Mapping) and inner.get("id")]
        at_run_time = ("prefect.blocks.", "prefect.variables.", "$", *(f"{name}." for name in ids))
        return [
            templates.filled(f"deployment.pullSteps[{index}]", step, at_run_time) for index, step in enumerate(steps)
        ]


def _check_keys(problems: Problems, given: _Located) -> None:
    for key in sorted(given.keys() - _KNOWN):
        if key in _ELSEWHERE:
            if given[key]:
                problems.add_needless(f"deployment.{key}", "is not supported", _ELSEWHERE[key])
            continue
        near = difflib.get_close_matches(key, _KNOWN, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        problems.add_needless(f"deployment.{key}", f"is not supported{meant}", f"one of {', '.join(sorted(_KNOWN))}")


def _table(problems: Problems, name: str, given: Any, known: Mapping[str, str]) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.add(f"deployment.{name}", f"is {given!r}", f"a table with {', '.join(known)}", "")
        return {}
    for key in sorted(given.keys() - known.keys()):
        near = difflib.get_close_matches(key, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        problems.add_needless(f"deployment.{name}.{key}", f"is not supported{meant}", f"one of {', '.join(known)}")
    return given


def _schedules(problems: Problems, templates: Templates, given: _Located) -> dict[str, Any] | None:
    """Return the schedules by slug; `schedule: {...}` of Prefect 2 is one of them, without a slug it has its number."""
    listed = given.get("schedules")
    if given.get("schedule"):
        if listed is not None:
            problems.add_needless("deployment.schedule", "stands beside schedules", "schedules alone")
        listed = [given["schedule"]]
    found = {}
    known = {theirs: ours for ours, theirs in SCHEDULE_KEYS.items()}
    for number, schedule in enumerate(listed or [], start=1):
        slug = str(schedule.get("slug") or f"schedule-{number}") if isinstance(schedule, Mapping) else str(number)
        key = f"schedules.{slug}"
        values = _table(problems, key, schedule, {**known, "slug": "", "replaces": ""})
        filled = templates.filled(f"deployment.{key}", {theirs: values.get(theirs) for theirs in known})
        if filled.get("anchor_date") is not None:
            filled["anchor_date"] = _moment(filled["anchor_date"])
        found[slug] = {known[theirs]: value for theirs, value in filled.items() if value is not None}
    return found or None


def _moment(value: Any) -> Any:
    """Write a moment as text; one without an offset is in UTC, as Prefect takes it."""
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    except ValueError:
        return value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=timezone.utc)
    if not isinstance(moment, datetime):
        return value
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).isoformat()


def _find(place: Any, name: str) -> tuple[int, Any] | None:
    """Return the line of a key in a table, or in those below it, and what stands there."""
    if isinstance(place, _Located) and name in place.lines:
        return place.lines[name], place[name]
    inner = place.values() if isinstance(place, Mapping) else place if isinstance(place, list) else ()
    return next((found for value in inner if (found := _find(value, name))), None)
