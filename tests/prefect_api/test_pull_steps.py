"""Pull steps: what is refused, and what Prefect is told."""

import json
import subprocess
from typing import Any

import pytest

from components.prefect_api import pull_steps
from tests.prefect_runtime import install_prefect

STEPS = "prefect.deployments.steps"


@pytest.mark.parametrize(
    ("step", "written_out"),
    [
        ({"set_working_directory": {"directory": "/srv"}}, {f"{STEPS}.set_working_directory": {"directory": "/srv"}}),
        (
            {f"{STEPS}.git_clone": {"repository": "r", "branch": None, "credentials": "github-credentials/etl"}},
            {
                f"{STEPS}.git_clone": {
                    "repository": "r",
                    "credentials": "{{ prefect.blocks.github-credentials.etl }}",
                }
            },
        ),
        (
            {"git_clone": {"repository": "r", "access_token": "{{ prefect.blocks.secret.token }}"}},
            {f"{STEPS}.git_clone": {"repository": "r", "access_token": "{{ prefect.blocks.secret.token }}"}},
        ),
        (
            {"pull_from_s3": {"bucket": "b", "folder": "f", "credentials": "aws-credentials/lake", "requires": "x"}},
            {
                "prefect_aws.deployments.steps.pull_from_s3": {
                    "bucket": "b",
                    "folder": "f",
                    "credentials": "{{ prefect.blocks.aws-credentials.lake }}",
                    "requires": "x",
                }
            },
        ),
        ({"acme.steps.fetch": {"anything": 1}}, {"acme.steps.fetch": {"anything": 1}}),
    ],
)
def test_a_good_step_is_written_out_as_prefect_wants_it(step: dict[str, Any], written_out: dict[str, Any]) -> None:
    assert [*pull_steps.problems(step)] == []
    assert pull_steps.written_out(step) == written_out


@pytest.mark.parametrize(
    ("step", "argument", "allowed"),
    [
        ({}, "", "a table of one step"),
        ({"git_clone": None, "repository": "r"}, "", "a table of one step"),
        ({"gitclone": {"repository": "r"}}, "", "did you mean git_clone?"),
        ({"git_clone": None}, "", "a table of its arguments"),
        ({"git_clone": {"repository": "r", "brunch": "b"}}, "brunch", "did you mean branch?"),
        ({f"{STEPS}.git_clone": {"repository": "r", "brunch": "b"}}, "brunch", "did you mean branch?"),
        ({"git_clone": {"branch": "b"}}, "repository", "git_clone needs it"),
        ({"git_clone": {"repository": "r", "access_token": "ghp_1"}}, "access_token", "prefect.blocks.secret"),
    ],
)
def test_a_bad_step_has_the_argument_named(step: dict[str, Any], argument: str, allowed: str) -> None:
    ((found, told),) = pull_steps.problems(step)
    assert (found, allowed in told) == (argument, True), told
    assert "ghp_1" not in told


def test_prefect_knows_its_own_steps_and_their_arguments() -> None:
    program = (
        "import inspect, json\n"
        "import prefect.deployments.steps as steps\n"
        "print(json.dumps({name: {p.name: p.default is p.empty for p in inspect.signature(f).parameters.values()}"
        " for name, f in vars(steps).items() if inspect.isfunction(f)}))"
    )
    ended = subprocess.run([install_prefect(), "-c", program], capture_output=True, text=True, check=True)
    theirs = json.loads(ended.stdout)
    ours = {name: known for name, known in pull_steps._KNOWN.items() if known.module == STEPS}
    for name, known in ours.items():
        assert {argument for argument, required in theirs[name].items() if required} == known.required, name
        assert {argument for argument, required in theirs[name].items() if not required} == known.optional, name
