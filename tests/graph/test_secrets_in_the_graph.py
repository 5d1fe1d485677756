"""No secret leaves the program but as a secret, and none stands on a command line."""

import pytest

from tests.graph.recorder import Graph, as_json, is_secret, record, text, without_secrets
from tests.settings.stack_file import SECRETS, stack_file

BLOCKS = {"secretBlock-token": "block-c0ffee-77", "secretBlock-url": "https://u:block-decade-31@example.com"}
KNOWN = [*SECRETS.values(), SECRETS["authString"].partition(":")[2], *BLOCKS.values()]


@pytest.fixture(scope="module", params=[True, False], ids=["preview", "up"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return record(stack_file(**BLOCKS), preview=request.param)


def test_no_input_shows_a_secret(graph: Graph) -> None:
    for resource in graph.resources.values():
        open_to_all = as_json(without_secrets(resource.inputs))
        for secret in KNOWN:
            assert secret not in open_to_all, f"{resource.name} shows a secret"


AUTHENTICATION = {"server-secrets", "worker-default-secrets", "worker-default-drain"}


def test_every_secret_arrives_where_it_is_needed(graph: Graph) -> None:
    """Otherwise the test above would pass for a program that forgot them."""
    holders = {
        secret: {name for name, resource in graph.resources.items() if secret in as_json(resource.inputs)}
        for secret in KNOWN
    }
    assert holders == {
        SECRETS["databasePassword"]: {"postgres-role", "server-secrets"},
        SECRETS["databaseAdminPassword"]: {"postgres-admin-password", "postgres-connection"},
        SECRETS["authString"]: AUTHENTICATION,
        SECRETS["authString"].partition(":")[2]: AUTHENTICATION,
        SECRETS["encryptionKey"]: {"server-secrets"},
        BLOCKS["secretBlock-token"]: {"secrets-token"},
        BLOCKS["secretBlock-url"]: {"secrets-url"},
    }


def test_files_and_scripts_with_secrets_take_them_on_a_secret_standard_input(graph: Graph) -> None:
    for name in ("server-secrets", "worker-default-secrets", "postgres-admin-password"):
        assert is_secret(graph.resources[name].inputs["stdin"])


def test_files_with_secrets_are_for_their_service_alone(graph: Graph) -> None:
    for name in ("server-secrets", "worker-default-secrets"):
        assert " 0600 prefect " in graph.resources[name].inputs["create"]


def test_what_holds_no_secret_can_be_read_in_the_preview(graph: Graph) -> None:
    hidden = {name for name, resource in graph.resources.items() if is_secret(resource.inputs.get("stdin"))}
    fingerprints_of_secrets = {"server-service", "worker-default-service"}
    files_and_scripts = {*AUTHENTICATION, "postgres-admin-password"}
    assert hidden - fingerprints_of_secrets == files_and_scripts


def test_command_lines_are_never_secret_because_errors_repeat_them(graph: Graph) -> None:
    for resource in graph.resources.values():
        for key in ("create", "update", "delete"):
            command = resource.inputs.get(key)
            assert not is_secret(command)
            assert not any(secret in str(command) for secret in KNOWN)
        assert "environment" not in resource.inputs


def test_the_providers_are_kept_in_the_state_without_credentials(graph: Graph) -> None:
    providers = [
        resource.inputs["__provider"] for resource in graph.resources.values() if "__provider" in resource.inputs
    ]
    assert len(providers) == 4
    assert all(not is_secret(provider) and len(text(provider)) < 120 for provider in providers)


def test_the_only_secret_among_the_outputs_is_the_one_for_the_browser(graph: Graph) -> None:
    assert graph.secret_exports == {"authString"}
    assert graph.exports["authString"] == SECRETS["authString"]
    others = as_json({key: value for key, value in graph.exports.items() if key != "authString"})
    assert not any(secret in others for secret in KNOWN)


def test_a_block_read_back_stays_secret(graph: Graph) -> None:
    assert graph.resources["secrets-token"].additional_secret_outputs == ("value",)
