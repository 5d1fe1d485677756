"""A newcomer takes the deployment of the documents into the stack file, and sees it run."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import short_directory
from tests.engine.stack import Stack
from tests.settings.stack_file import CHECKOUT

DOCUMENT = (CHECKOUT / "docs" / "prefect-objects.md").read_text()
NAME = "deployments-Pipeline Data Complet/production-daily"


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give a directory that the worker's user may read, with the flow in it."""
    with short_directory() as place:
        shutil.copy(CHECKOUT / "examples" / "flows" / "data_pipeline.py", place)
        yield place


def test_the_deployment_of_the_documents_runs_to_its_end(stack: Stack, directory: Path) -> None:
    shown = re.findall(r"^```yaml\n(  prefect-selfhost:deployments:.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    example = shown[0]
    (loop,) = re.findall(r"^for name in (.*?); do$", DOCUMENT, re.MULTILINE | re.DOTALL)
    secrets = loop.replace("\\\n", " ").split()
    file = stack.layout.root / f"Pulumi.{stack.name}.yaml"
    before = file.read_text()
    try:
        for name in secrets:
            stack.config_set_secret(f"secretBlock-{name}", f"my-{name}-5c1e")
        here = example.replace("/tmp/flows", str(directory))  # noqa: S108 - the document's
        file.write_text(file.read_text().replace("config:\n", f"config:\n{here}", 1))

        steps = stack.preview()
        assert steps[NAME] == "create"
        stack.up()
        stack.expect_no_changes()
        with stack.api() as client:
            deployment = client.request("GET", "/deployments/name/Pipeline%20Data%20Complet/production-daily")
            run = client.request("POST", f"/deployments/{deployment['id']}/create_flow_run", {})
            stack.expect_completed(run["id"])

            client.request("PATCH", f"/deployments/{deployment['id']}", {"paused": True})
        stack.pulumi("refresh", "--yes", "--skip-preview")
        assert stack.preview() == {NAME: "update"}, "somebody paused it in the UI"
        stack.up()
        with stack.api() as client:
            assert not client.request("GET", f"/deployments/{deployment['id']}")["paused"]
    finally:
        file.write_text(before)
        stack.up()
    stack.expect_no_changes()
