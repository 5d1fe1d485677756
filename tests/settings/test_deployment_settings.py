"""Deployments of a stack file, and what is refused of them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.settings.stack_file import CHECKOUT, parsed, problems, stack_file

DOCUMENT = CHECKOUT / "docs" / "prefect-objects.md"

KEY = "Main Flow/nightly"
PLACE = f'deployments["{KEY}"]'
FLOW = '''
from prefect import flow

@flow(name="Main Flow")
def main(day: str, count: int = 1):
    """Counts."""
'''
POOLS: dict[str, Any] = {"etl": {"workQueues": {"urgent": {}}}, "default": {}}
GOOD: dict[str, Any] = {"entrypoint": "flows.py:main", "workPool": "etl"}


def with_deployment(**given: Any) -> dict[str, str]:
    deployment = {key: value for key, value in {**GOOD, **given}.items() if value is not None}
    return stack_file(workPools=POOLS, workers={"w": {"workPool": "etl"}}, deployments={KEY: deployment})


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "flows.py").write_text(FLOW)
    return str(tmp_path)


def test_the_deployments_of_the_documents_are_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    examples = re.findall(
        r"^```yaml\n(  prefect-selfhost:deployments:.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
    )
    for example in examples:
        ((key, table),) = yaml.safe_load(example).items()
        (found,) = parsed(stack_file(**{key.removeprefix("prefect-selfhost:"): table})).deployments
        assert found.parameter_schema is not None, "its flow is in the examples"
    assert len(examples) == 2


def test_a_stack_file_that_names_none_has_none() -> None:
    assert parsed(stack_file()).deployments == ()


def test_every_key_arrives(source: str) -> None:
    steps = [{"git_clone": {"repository": "https://git.example.com/etl"}}]
    given = {
        "workQueue": "urgent",
        "sourceDirectory": source,
        "pullSteps": steps,
        "schedules": {
            "a": {"cron": "0 2 * * *", "dayOr": False},
            "b": {"interval": 60, "anchorDate": "2026-01-01T00:00:00Z"},
        },
        "parameters": {"day": "monday", "count": 2},
        "enforceParameters": True,
        "jobVariables": {"env": {"A": "1"}},
        "concurrencyLimit": 2,
        "collisionStrategy": "CANCEL_NEW",
        "gracePeriodSeconds": 90,
        "version": "1",
        "tags": ["x"],
        "paused": True,
        "adopt": True,
    }
    (found,) = parsed(with_deployment(**given)).deployments

    assert (found.flow_name, found.name, found.key) == ("Main Flow", "nightly", KEY)
    assert (found.work_pool, found.work_queue, found.entrypoint) == ("etl", "urgent", "flows.py:main")
    assert found.pull_steps == tuple(steps)
    assert found.schedules == {
        "a": {"cron": "0 2 * * *", "day_or": False},
        "b": {"interval": 60, "anchor_date": "2026-01-01T00:00:00Z"},
    }
    assert found.parameter_schema is not None
    assert found.parameter_schema["required"] == ["day"]
    assert found.description == "Counts."
    assert (found.concurrency_limit, found.collision_strategy, found.grace_period_seconds) == (2, "CANCEL_NEW", 90)
    assert (found.paused, found.adopt, found.tags, found.version) == (True, True, ("x",), "1")


def test_the_only_pool_need_not_be_named() -> None:
    (found,) = parsed(stack_file(deployments={KEY: {"entrypoint": "flows.py:main"}})).deployments
    assert (found.work_pool, found.work_queue, found.parameter_schema) == ("default", None, None)


@pytest.mark.parametrize(
    ("given", "key", "told"),
    [
        ({"entrypoint": None}, ".entrypoint", "is missing"),
        ({"entrypoint": "flows.py"}, ".entrypoint", "FILE.py:FUNCTION"),
        ({"workPool": "elt"}, ".workPool", "did you mean etl?"),
        ({"workPool": None}, ".workPool", "one of default, etl"),
        ({"workQueue": "urgnet"}, ".workQueue", "did you mean urgent?"),
        ({"pullSteps": [{"git_clone": {}}]}, ".pullSteps[0].git_clone.repository", "is missing"),
        ({"pullSteps": [{"gitclone": {}}]}, ".pullSteps[0]", "did you mean git_clone?"),
        (
            {"pullSteps": [{"git_clone": {"repository": "r", "access_token": "ghp_7d"}}]},
            ".pullSteps[0].git_clone.access_token",
            "stands there in clear",
        ),
        (
            {"pullSteps": [{"git_clone": {"repository": "r", "credentials": "github-credentials/x"}}]},
            ".pullSteps[0].git_clone.credentials",
            "one of the blocks of the stack",
        ),
        ({"schedules": {"a": {"cron": "nightly"}}}, ".schedules.a.cron", "0 2 * * *"),
        ({"schedules": {"a": {"timezone": "UTC"}}}, ".schedules.a", "exactly one of cron, interval, rrule"),
        ({"schedules": {"a": {"cron": "@daily", "timezon": "UTC"}}}, ".schedules.a.timezon", "did you mean timezone?"),
        ({"schedules": {"a": {"interval": 60, "dayOr": True}}}, ".schedules.a.dayOr", "nothing beside interval"),
        ({"collisionStrategy": "ENQUEUE"}, ".collisionStrategy", "beside concurrencyLimit"),
        ({"concurrencyLimit": 1, "collisionStrategy": "WAIT"}, ".collisionStrategy", "ENQUEUE, CANCEL_NEW"),
        ({"sourceDirectory": "nowhere"}, ".sourceDirectory", "cannot be read"),
        ({"paramters": {}}, ".paramters", "did you mean parameters?"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(given: dict[str, Any], key: str, told: str) -> None:
    found = problems(with_deployment(**given))
    assert [*found] == [PLACE + key]
    text = str(found[PLACE + key])
    assert told in text
    assert "ghp_7d" not in text


@pytest.mark.parametrize("key", ["nightly", "/nightly", "a/b/c", "a%/b"])
def test_a_deployment_is_named_after_its_flow(key: str) -> None:
    found = problems(stack_file(deployments={key: {"entrypoint": "flows.py:main"}}))
    assert "FLOW/NAME" in str(*found.values())


def test_a_flow_that_its_file_calls_otherwise_is_named(source: str) -> None:
    deployment = {"entrypoint": "flows.py:main", "sourceDirectory": source, "parameters": {"day": "x"}}
    found = problems(stack_file(deployments={"main/nightly": deployment}))
    assert "is a flow that its file calls 'Main Flow'" in str(found['deployments["main/nightly"]'])


def test_parameters_are_checked_against_the_flows_file(source: str) -> None:
    given = {"sourceDirectory": source, "parameters": {"cuont": 2, "day": 3}, "schedules": {"a": {"cron": "@daily"}}}
    text = str(problems(with_deployment(**given))[f"{PLACE}.parameters"])
    assert "cuont is unknown; did you mean count?; day must be of type string" in text
    assert problems(with_deployment(**given, enforceParameters=False)) == {}


def test_a_required_parameter_that_scheduled_runs_would_lack_is_named(source: str) -> None:
    found = problems(with_deployment(sourceDirectory=source, schedules={"a": {"cron": "@daily"}}))
    assert "day is missing, which the runs of schedule a need" in str(found[f"{PLACE}.parameters"])


def test_every_problem_is_told_at_once() -> None:
    given = {"entrypoint": 3, "workPool": "x", "schedules": {"a": {}}, "tags": "x", "paused": "no", "unknown": 1}
    found = problems(with_deployment(**given))
    names = ("entrypoint", "workPool", "schedules.a", "tags", "paused", "unknown")
    assert {*found} == {f"{PLACE}.{name}" for name in names}
