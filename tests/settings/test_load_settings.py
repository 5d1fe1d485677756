"""The doorway itself: what a running program gets from Pulumi's configuration."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi.runtime.config import set_config

from components.settings import Settings, load_settings
from tests.graph.recorder import running_program
from tests.settings.stack_file import PROJECT, SECRETS, parsed, stack_file


class Nothing(mocks.Mocks):
    """An engine that is asked for nothing: reading the settings contacts nobody and makes no resource."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"settings call {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        raise AssertionError(f"settings make {args.name}")


def loaded(
    values: dict[str, str], secrets: set[str] | None = None, others: Mapping[str, str] = MappingProxyType({})
) -> tuple[Settings, dict[str, tuple[str, bool]]]:
    """Return the settings, and each secret's value with whether Pulumi will keep it one."""
    read: list[Settings] = []
    revealed: dict[str, tuple[str, bool]] = {}

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> Any:
        settings, found = load_settings(pulumi.Config(PROJECT["name"]))
        read.append(settings)
        outputs = {
            "databasePassword": found.database_password,
            "databaseAdminPassword": found.database_admin_password,
            "authString": found.auth_string,
            "encryptionKey": found.encryption_key,
            "sshPrivateKey": found.ssh_private_key,
            **{f"secretBlock-{name}": value for name, value in found.secret_blocks.items()},
        }

        async def reveal() -> None:
            for key, output in outputs.items():
                if output is not None:
                    revealed[key] = (str(await output.future()), await output.is_secret())

        return reveal()

    with running_program(values, mocks.MockMonitor(Nothing()), preview=True, secrets=secrets):
        for key, value in others.items():
            set_config(key, value)
        program()
    return read[0], revealed


def test_the_settings_are_those_of_the_running_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    settings, _ = loaded(stack_file(server={"logLevel": "DEBUG"}))

    assert settings == parsed(stack_file(server={"logLevel": "DEBUG"}), stack="dev")
    assert settings.server.log_level == "DEBUG"


def test_the_secrets_arrive_as_secrets() -> None:
    optional = {"secretBlock-a": "value-a", "sshPrivateKey": "-----BEGIN PRIVATE KEY-----\nx\n"}
    _, secrets = loaded(stack_file(**optional))

    assert secrets == {key: (value, True) for key, value in {**SECRETS, **optional}.items()}


def test_without_an_ssh_key_the_agent_is_asked() -> None:
    _, secrets = loaded(stack_file())
    assert "sshPrivateKey" not in secrets


def test_a_bad_stack_file_ends_the_program_with_every_problem_and_no_traceback() -> None:
    with pytest.raises(pulumi.RunError) as caught:
        loaded(stack_file(server={"port": 1}, postgres={"port": 2}))

    assert "Pulumi.dev.yaml has 2 problems; nothing was changed." in str(caught.value)
    assert "server.port" in str(caught.value)
    assert "postgres.port" in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_secret_that_pulumi_does_not_keep_encrypted_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="authString: stands in the stack file in clear text"):
        loaded(stack_file(), secrets=set(SECRETS) - {"authString"})


def test_the_configuration_of_other_packages_is_none_of_ours() -> None:
    settings, _ = loaded(stack_file(), others={"postgresql:host": "elsewhere"})
    assert settings.postgres.host == "this-machine"
