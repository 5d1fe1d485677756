"""Every example previews as it is, although none of its hosts is there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.commands import StackCommands
from tests.engine.conftest import NewStack
from tests.engine.stack import Stack
from tests.settings.stack_file import CHECKOUT

EXAMPLES = [*sorted((CHECKOUT / "examples").glob("*.yaml")), CHECKOUT / "Pulumi.prod.yaml"]


@pytest.fixture(scope="module")
def clone(new_stack: NewStack) -> Iterator[Stack]:
    with new_stack() as stack:
        yield stack


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_previews(clone: Stack, example: Path) -> None:
    name = example.stem.removeprefix("Pulumi.")
    owner = StackCommands(layout=clone.layout, environment=clone.environment, name=name)
    shutil.copyfile(example, clone.layout.root / f"Pulumi.{name}.yaml")

    preview = owner.make("preview", f"STACK={name}").output

    assert " to create" in preview
    assert "Everything is new: nothing that runs now is touched." in preview
    assert "all kept" in preview, "an example breaks a policy"
    written = clone.layout.local / "preview" / name
    picture = (written / "topology.svg").read_text()
    for service in ("prefect-server", "prefect-postgresql", "nginx", "TLS :5432" if name == "split" else ":5432"):
        assert f">{service}</text>" in picture
    assert "nothing of it runs yet" in picture
    assert (written / "comment.md").read_text().startswith(f"<!-- prefect-selfhost preview of {name} -->\n")
