"""Deployments that come from a prefect.yaml: what is taken over, and what is refused with its line."""

from pathlib import Path
from typing import Any

import pytest

from components.settings.table import Problem
from tests.settings.stack_file import parsed, problems, stack_file

FLOW = """
from prefect import flow

@flow(name="Main Flow")
def main(day: str = "monday"):
    "Counts."
"""
HEAD = """\
name: etl
prefect-version: 3.8.8
pull:
- prefect.deployments.steps.git_clone:
    id: clone
    repository: "{{ $REPOSITORY }}"
    credentials: "{{ prefect.blocks.github-credentials.etl }}"
- prefect.deployments.steps.set_working_directory:
    directory: "{{ clone.directory }}/flows"
deployments:
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows.py").write_text(FLOW)
    return tmp_path / "prefect.yaml"


def stack(project: Path, text: str, **more: Any) -> dict[str, str]:
    project.write_text(text)
    return stack_file(prefectFiles={"etl": {"path": str(project), **more}})


def test_everything_that_prefect_knows_of_a_deployment_arrives(project: Path) -> None:
    text = HEAD.replace("deployments:\n", "definitions:\n  at: &at {timezone: Europe/Paris}\ndeployments:\n") + (
        "- name: null\n"
        "- name: nightly\n"
        "  version: '2'\n"
        "  tags: [own]\n"
        "  entrypoint: flows.py:main\n"
        "  parameters: {day: friday}\n"
        "  enforce_parameter_schema: true\n"
        "  paused: true\n"
        "  concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW, grace_period_seconds: 90}\n"
        "  schedules:\n"
        "  - {slug: early, cron: 0 2 * * *, <<: *at, day_or: true, active: false}\n"
        "  - {interval: 3600, anchor_date: 2026-01-01T06:00:00}\n"
        "  - {slug: last, rrule: FREQ=DAILY, replaces: first, parameters: {day: x}}\n"
        "  work_pool:\n"
        "    name: default\n"
        "    work_queue_name: default\n"
        "    job_variables: {env: {TOKEN: '{{ prefect.blocks.secret.token }}'}}\n"
    )
    (found,) = parsed(stack(project, text, tags=["etl"], adopt=True)).deployments

    assert (found.key, found.version, found.description) == ("Main Flow/nightly", "2", "Counts.")
    assert (found.tags, found.adopt, found.paused) == (("etl", "own"), True, True)
    assert found.parameter_schema is not None
    assert found.parameters == {"day": "friday"}
    assert (found.concurrency_limit, found.collision_strategy, found.grace_period_seconds) == (2, "CANCEL_NEW", 90)
    assert found.schedules == {
        "early": {"cron": "0 2 * * *", "timezone": "Europe/Paris", "day_or": True, "active": False},
        "schedule-2": {"interval": 3600, "anchor_date": "2026-01-01T06:00:00+00:00"},
        "last": {"rrule": "FREQ=DAILY", "parameters": {"day": "x"}},
    }
    assert (found.work_pool, found.work_queue) == ("default", "default")
    assert found.job_variables == {"env": {"TOKEN": "{{ prefect.blocks.secret.token }}"}}
    clone, directory = found.pull_steps
    assert clone["prefect.deployments.steps.git_clone"]["repository"] == "{{ $REPOSITORY }}", "filled in by the worker"
    assert directory["prefect.deployments.steps.set_working_directory"]["directory"] == "{{ clone.directory }}/flows"


def test_the_single_schedule_of_prefect_2_is_one_of_several(project: Path) -> None:
    text = HEAD + "- {name: a, entrypoint: 'flows.py:main', schedule: {cron: 0 2 * * *, timezone: UTC, day_or: true}}\n"
    text += "- {name: b, entrypoint: 'flows.py:main', schedule: {}, version: null, tags: [], parameters: {}}\n"
    first, second = parsed(stack(project, text)).deployments
    assert [*first.schedules] == ["schedule-1"]
    assert not second.schedules


def test_a_deployments_own_pull_steps_take_the_place_of_the_files(project: Path) -> None:
    text = HEAD + "- {name: a, entrypoint: 'flows.py:main', pull: []}\n"
    (found,) = parsed(stack(project, text)).deployments
    assert found.pull_steps == ()


def test_a_flow_whose_file_is_elsewhere_needs_its_name(project: Path) -> None:
    text = HEAD + "- {name: a, entrypoint: 'elsewhere.py:main', flow_name: Other}\n"
    (found,) = parsed(stack(project, text)).deployments
    assert (found.key, found.parameter_schema) == ("Other/a", None)


def test_several_projects_share_pools(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(HEAD + "- {name: b, entrypoint: 'flows.py:main'}\n")
    project.write_text(HEAD + "- {name: a, entrypoint: 'flows.py:main'}\n")
    files = {"one": {"path": str(project), "tags": ["one"]}, "two": {"path": str(other), "tags": ["two"]}}
    found = parsed(stack_file(prefectFiles=files)).deployments
    assert [(deployment.key, deployment.tags, deployment.work_pool) for deployment in found] == [
        ("Main Flow/a", ("one",), "default"),
        ("Main Flow/b", ("two",), "default"),
    ]


def test_what_an_image_is_called_can_be_told_by_the_stack_file(project: Path) -> None:
    text = HEAD + (
        "- {name: a, entrypoint: 'flows.py:main', version: 'v{{ build_image.tag }}',"
        " work_pool: {name: default, job_variables: {command: '{{ build_image.image }}'}}}\n"
    )
    outputs = {"build_image": {"image": "etl:7", "tag": 7}}
    (found,) = parsed(stack(project, text, stepOutputs=outputs)).deployments
    assert (found.job_variables, found.version) == ({"command": "etl:7"}, "v7")


@pytest.mark.parametrize(
    ("deployment", "line", "key", "told"),
    [
        ("entrypoint: flows.py:main\n  triggers: [{}]", 13, "triggers", "automations of the stack file"),
        ("entrypoint: flows.py:main\n  paramters: {}", 13, "paramters", "did you mean parameters?"),
        ("entrypoint: flows.py:main\n  work_pool: {nmae: x}", 13, "work_pool.nmae", "did you mean name?"),
        ("entrypoint: flows.py:main\n  work_pool:\n    name: defualt", 14, "work_pool.name", "did you mean default?"),
        (
            "entrypoint: flows.py:main\n  work_pool:\n    job_variables:\n      image: '{{ build_image.image }}'",
            15,
            "work_pool.job_variables.image",
            "prefectFiles.etl.stepOutputs.build_image.image",
        ),
        ("entrypoint: flows.py:main\n  version: '{{ $GIT_SHA }}'", 13, "version", "two people would deploy"),
        (
            "entrypoint: flows.py:main\n  parameters:\n    day: '{{ prefect.variables.day }}'",
            14,
            "parameters.day",
            "only when `prefect deploy` runs",
        ),
        (
            "entrypoint: flows.py:main\n  schedules:\n  - slug: a\n    cron: nightly",
            15,
            "schedules.a.cron",
            "0 2 * * *",
        ),
        (
            "entrypoint: flows.py:main\n  schedules:\n  - cron: 0 2 * * *\n    timezon: UTC",
            15,
            "schedules.schedule-1.timezon",
            "did you mean timezone?",
        ),
        ("entrypoint: flows.py:mian", 12, "entrypoint", "with it: main"),
        ("entrypoint: elsewhere.py:main", 11, "flow_name", "the flow's name"),
        ("entrypoint: flows.py:main\n  parameters: {dya: x}", 13, "parameters", "did you mean day?"),
        (
            "entrypoint: flows.py:main\n  pull:\n  - prefect.deployments.steps.git_clone:\n    repository: r",
            13,
            "pull[0]",
            "a table of one step",
        ),
        (
            "entrypoint: flows.py:main\n  pull:\n"
            "  - prefect.deployments.steps.git_clone:\n      repository: r\n"
            "  - prefect.deployments.steps.git_clone:\n      repository: r\n      branhc: b",
            18,
            'pull[1]["prefect.deployments.steps.git_clone"].branhc',
            "did you mean branch?",
        ),
        ("entrypoint: flows.py:main\n  tags: x", 13, "tags", "a list"),
        (
            "entrypoint: flows.py:main\n  concurrency_limit: {limit: 1, colision_strategy: x}",
            13,
            "concurrency_limit.colision_strategy",
            "did you mean collision_strategy?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_files_own_key_and_line(
    project: Path, deployment: str, line: int, key: str, told: str
) -> None:
    (found,) = problems(stack(project, f"{HEAD}- name: a\n  {deployment}\n")).values()
    assert found.key.startswith(f"{project}:{line}: {key} of deployment a"), found
    assert told in str(found)
    assert found.command == f"edit line {line} of {project}"


def test_a_deployment_without_pull_steps_is_refused(project: Path) -> None:
    text = "deployments:\n- {name: a, entrypoint: 'flows.py:main'}\n"
    (found,) = problems(stack(project, text)).values()
    assert "Pulumi cannot guess them" in found.allowed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deployments: [", "is no YAML"),
        ("[]", "holds no table"),
        ("deployments: 3", "is no list of tables"),
    ],
)
def test_a_file_that_is_no_prefect_yaml_is_named(project: Path, text: str, told: str) -> None:
    assert told in problem(project, text).given


def test_a_file_that_is_not_there_is_named(project: Path) -> None:
    found = problems(stack_file(prefectFiles={"etl": {"path": str(project)}}))
    assert "cannot be read: No such file" in found["prefectFiles.etl.path"].given


def test_a_deployment_that_two_files_have_is_refused(project: Path) -> None:
    text = HEAD + "- {name: a, entrypoint: 'flows.py:main'}\n"
    project.write_text(text)
    files = {"one": {"path": str(project)}, "two": {"path": str(project)}}
    (found,) = problems(stack_file(prefectFiles=files)).values()
    assert "has 'Main Flow/a' twice" in found.given


def problem(project: Path, text: str) -> Problem:
    (found,) = problems(stack(project, text)).values()
    return found
