"""Every example previews as it is, although none of its hosts is there."""

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine import azure
from tests.engine.commands import PROJECT, StackCommands
from tests.engine.conftest import NewStack
from tests.engine.stack import Stack
from tests.settings.stack_file import CHECKOUT

PRODUCTION = CHECKOUT / "Pulumi.prod.yaml"
IN_AZURE = CHECKOUT / "examples" / "azure.yaml"
ON_SERVERS = sorted({*(CHECKOUT / "examples").glob("*.yaml")} - {IN_AZURE})
EXAMPLES = [*ON_SERVERS, PRODUCTION]
PREVIEW_SECONDS = 20


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
    # on Windows there is none
    proxy = ["nginx"] if name != "windows" else []
    for service in ("prefect-server", "prefect-postgresql", *proxy, "TLS :5432" if name == "split" else ":5432"):
        assert f">{service}</text>" in picture
    assert "nothing of it runs yet" in picture
    assert (written / "comment.md").read_text().startswith(f"<!-- prefect-selfhost preview of {name} -->\n")


def test_the_azure_example_previews_with_a_provider_that_only_plans(clone: Stack) -> None:
    if not azure.is_installed():
        pytest.skip("pulumi-azure-native is not installed: run this test by `make test`")
    azure.add_azure(clone.layout)

    preview = previewed(clone, IN_AZURE, "azure")

    machines = ("azure-jump-machine", "azure-windows-1-machine", "azure-windows-1-openssh")
    for made in (*machines, "azure-postgres-server", "azure-key-vault-vault", "worker-windows-service"):
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


def test_a_preview_of_production_takes_seconds_and_goes_to_no_host(clone: Stack) -> None:
    with contextlib.ExitStack() as closing:
        config = production()
        hosts = config["hosts"]
        doors = [closing.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in hosts]
        for host, door in zip(hosts.values(), doors, strict=True):
            host |= {"address": "127.0.0.1", "port": door.getsockname()[1]}

        result = owner(clone, "listened", config).make("preview", "STACK=listened")

        assert "all kept" in result.output
        assert result.seconds < PREVIEW_SECONDS
        assert [name for name, door in zip(hosts, doors, strict=True) if somebody_came(door)] == []


def test_a_stack_file_that_breaks_policies_is_refused_with_each_of_them(clone: Stack) -> None:
    config = production()
    config |= {"protect": False, "backups": {"enabled": False}, "variables": {"warehouse_token": {"value": "5e9c1f"}}}
    config["workPools"]["reports"]["jobVariables"]["image"] = "registry.example.com/etl:latest"
    config["firewall"]["allow"] = ["5432/tcp"]

    output = " ".join(owner(clone, "careless", config).make("preview", "STACK=careless", expect=2).output.split())

    for refused in (
        "postgres-cluster: holds the database's cluster but is not protected",
        "pulumi config set protect true",
        "postgres-cluster: is a database that nobody backs up",
        "pulumi config set --path backups.enabled true",
        "job_variables.image is registry.example.com/etl:latest, which is another image each time",
        "objects-variable-warehouse_token: is a variable, which everybody may read who may log in to Prefect",
        "db-1-firewall-rules: opens port 5432 (postgres.port) to every address",
    ):
        assert refused in output
    assert "5e9c1f" not in output
    assert "nothing was changed" in output


def production() -> dict[str, Any]:
    """Return the settings of the production example."""
    config = yaml.safe_load(PRODUCTION.read_text())["config"]
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}


def owner(clone: Stack, name: str, config: dict[str, Any]) -> StackCommands:
    """Return the owner of a stack with these settings."""
    text = yaml.safe_dump({"config": {f"{PROJECT}:{key}": value for key, value in config.items()}})
    (clone.layout.root / f"Pulumi.{name}.yaml").write_text(text)
    return StackCommands(layout=clone.layout, environment=clone.environment, name=name)


def somebody_came(door: socket.socket) -> bool:
    """Tell whether a connection was ever made to a listening socket."""
    door.setblocking(False)
    try:
        door.accept()[0].close()
    except BlockingIOError:
        return False
    return True
