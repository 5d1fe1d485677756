"""Every example previews as it is, although none of its hosts is there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import azure
from tests.engine.commands import StackCommands
from tests.engine.conftest import NewStack
from tests.engine.stack import Stack
from tests.settings.stack_file import CHECKOUT

IN_AZURE = CHECKOUT / "examples" / "azure.yaml"
ON_SERVERS = sorted({*(CHECKOUT / "examples").glob("*.yaml")} - {IN_AZURE})
EXAMPLES = [*ON_SERVERS, CHECKOUT / "Pulumi.prod.yaml"]


@pytest.fixture(scope="module")
def clone(new_stack: NewStack) -> Iterator[Stack]:
    with new_stack() as stack:
        yield stack


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_previews(clone: Stack, example: Path) -> None:
    name = example.stem.removeprefix("Pulumi.")
    previewed(clone, example, name)

    written = clone.layout.local / "preview" / name
    picture = (written / "topology.svg").read_text()
    for service in ("prefect-server", "prefect-postgresql", "nginx", "TLS :5432" if name == "split" else ":5432"):
        assert f">{service}</text>" in picture
    assert "nothing of it runs yet" in picture
    assert (written / "comment.md").read_text().startswith(f"<!-- prefect-selfhost preview of {name} -->\n")


def test_the_azure_example_previews_with_a_provider_that_only_plans(clone: Stack) -> None:
    if not azure.is_installed():
        pytest.skip("pulumi-azure-native is not installed: run this test by `make test`")
    azure.add_azure(clone.layout)

    preview = previewed(clone, IN_AZURE, "azure")

    for made in ("azure-jump-machine", "azure-postgres-server", "azure-key-vault-vault", "worker-default-service"):
        assert made in preview
    assert "sshHostKeySeed" in (clone.layout.root / "Pulumi.azure.yaml").read_text(), "make generates it"


def previewed(clone: Stack, example: Path, name: str) -> str:
    """Return what `make preview` says of an example that is all new and breaks no policy."""
    owner = StackCommands(layout=clone.layout, environment=clone.environment, name=name)
    shutil.copyfile(example, clone.layout.root / f"Pulumi.{name}.yaml")

    preview = owner.make("preview", f"STACK={name}").output

    assert " to create" in preview
    assert "Everything is new: nothing that runs now is touched." in preview
    assert "all kept" in preview, "an example breaks a policy"
    return preview
