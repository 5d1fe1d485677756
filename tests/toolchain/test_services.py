"""What `make up` and `make down` start and stop is read from the configuration files alone."""

from pathlib import Path

import pytest

from toolchain.services import local_hosts
from toolchain.summary import summary

PROJECT = """
name: prefect-selfhost
config:
  hosts:
    type: object
    default:
      this-machine:
        platform: local
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    return tmp_path


def test_a_stack_that_names_no_hosts_has_the_default_one(checkout: Path) -> None:
    hosts = local_hosts(checkout, "dev", user_id=1000)

    assert {name: host.directory for name, host in hosts.items()} == {
        "this-machine": f"{checkout}/.local/hosts/dev/this-machine"
    }


def test_hosts_on_this_machine_are_those_of_the_stack_file(checkout: Path) -> None:
    (checkout / "Pulumi.prod.yaml").write_text(
        """
config:
  prefect-selfhost:hosts:
    here: {platform: local, directory: /srv/prefect}
    there: {platform: linux, address: 203.0.113.10}
"""
    )

    hosts = local_hosts(checkout, "prod", user_id=1000)

    assert {name: host.directory for name, host in hosts.items()} == {"here": "/srv/prefect"}


def test_an_empty_stack_file_is_as_good_as_none(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("")

    assert set(local_hosts(checkout, "dev", user_id=0)) == {"this-machine"}


def test_a_secret_value_in_the_stack_file_is_not_needed(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("config: {'prefect-selfhost:authString': {secure: v1:abc}}")

    assert set(local_hosts(checkout, "dev", user_id=0)) == {"this-machine"}


def test_the_summary_says_where_it_is_and_how_to_get_in_but_no_secret() -> None:
    outputs = {"uiUrl": "http://127.0.0.1:4200", "authString": "[secret]", "canaryRuns": {"etl": "COMPLETED"}}

    text = summary("prod", outputs)

    assert "http://127.0.0.1:4200" in text
    assert "make login STACK=prod" in text
    assert "etl COMPLETED" in text
    assert "[secret]" not in text
