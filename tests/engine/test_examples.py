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
