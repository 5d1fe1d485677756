"""What a stack file with a Windows machine asks Azure for, and what is run on it."""

import base64
import json

import pytest

from components.azure import host_keys
from tests.graph.recorder import Graph, as_json, is_secret, record, text, without_secrets
from tests.platforms.windows_transport import read
from tests.scripts.powershell import Script
from tests.scripts.powershell_commands import COMMANDS
from tests.settings.azure_stack import AZURE, SEED, WINDOWS, with_changes, with_windows
from tests.settings.stack_file import CHECKOUT

pytest.importorskip(
    "pulumi_azure_native",
    reason="pulumi-azure-native is not installed: make test, or components/azure/requirements.txt",
)
SCRIPT = Script(CHECKOUT / "scripts" / "azure" / "install-openssh.ps1")
PUBLIC_KEY = host_keys.public_key(SEED, "dev", "windows-1")


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Record a stack with a worker on a Windows machine, as a preview does."""
    return record(with_windows(), preview=True)


def decoded(value: str) -> str:
    return base64.b64decode(value).decode()


def test_it_is_made_with_an_administrator_whose_password_nobody_sees(graph: Graph) -> None:
    inputs = graph.resources["azure-windows-1-machine"].inputs

    assert inputs["storageProfile"]["imageReference"]["publisher"] == "MicrosoftWindowsServer"
    assert inputs["storageProfile"]["osDisk"]["diskSizeGB"] == 128
    profile = inputs["osProfile"]
    assert (profile["computerName"], profile["adminUsername"]) == ("windows-1", "ops")
    assert is_secret(profile["adminPassword"])
    assert not {"linuxConfiguration", "customData"} & profile.keys()


def test_openssh_gets_the_key_that_pulumi_will_ask_for(graph: Graph) -> None:
    command = graph.resources["azure-windows-1-openssh"]
    (parameter,) = command.inputs["protectedParameters"]

    assert is_secret(parameter["value"]) or is_secret(parameter)
    private = decoded(text(parameter["value"]))
    assert private == host_keys.private_key(SEED, "dev", "windows-1")
    connection = json.loads(text(graph.resources["windows-1-prepare"].inputs["connection"]).replace("'", '"'))
    assert (connection["host"], connection["hostKey"]) == (WINDOWS["privateAddress"], PUBLIC_KEY)
    assert connection["proxy"]["host"].startswith("prefect-test-jump.")


def test_no_secret_is_in_clear(graph: Graph) -> None:
    clear = as_json([without_secrets(dict(resource.inputs)) for resource in graph.resources.values()])
    private = host_keys.private_key(SEED, "dev", "windows-1")

    assert SEED not in clear
    assert private.splitlines()[1] not in clear
    assert base64.b64encode(private.encode()).decode() not in clear


def test_a_host_is_asked_for_nothing_before_openssh_answers(graph: Graph) -> None:
    assert "azure-windows-1-openssh" in graph.resources["windows-1-preflight"].depends_on
    assert "azure-windows-1-machine" in graph.resources["azure-windows-1-openssh"].depends_on
    assert graph.resources["azure-windows-1-openssh"].deleted_with == "azure-windows-1-machine"
    assert graph.resources["azure-windows-1-openssh"].replace_with == {"azure-windows-1-machine"}


def test_azure_says_so_if_openssh_cannot_be_had(graph: Graph) -> None:
    assert graph.resources["azure-windows-1-openssh"].inputs["treatFailureAsDeploymentFailure"] is True


def test_it_has_no_public_address_and_lets_in_ssh_from_the_jump_host_alone(graph: Graph) -> None:
    (configuration,) = graph.resources["azure-windows-1-interface"].inputs["ipConfigurations"]
    rules = {rule["name"]: rule for rule in graph.resources["azure-windows-1-rules"].inputs["securityRules"]}

    assert configuration["privateIPAddress"] == WINDOWS["privateAddress"]
    assert "publicIPAddress" not in configuration
    assert "azure-windows-1-rules" in graph.resources["azure-windows-1-interface"].depends_on
    assert rules.keys() == {"allow-tcp-22", "deny-all"}
    assert rules["allow-tcp-22"]["sourceAddressPrefixes"] == ["10.60.0.4/32"]


def test_its_security_group_opens_what_windows_firewall_does() -> None:
    graph = record(with_windows(firewall={"allow": ["9182/tcp from 10.60.1.10"]}), preview=True)
    rules = {rule["name"]: rule for rule in graph.resources["azure-windows-1-rules"].inputs["securityRules"]}
    loaded = read(text(graph.resources["windows-1-firewall-loaded"].inputs["stdin"]).encode())

    assert loaded.settings["openings"] == "tcp:9182@10.60.1.10"
    assert rules["allow-tcp-9182"]["sourceAddressPrefixes"] == ["10.60.1.10/32"]


def test_its_flows_read_the_vault_by_its_identity(graph: Graph) -> None:
    assert graph.resources["azure-windows-1-machine"].inputs["identity"] == {"type": "SystemAssigned"}
    assert "azure-key-vault-windows-1" in graph.of_type("azure-native:authorization:RoleAssignment")


def test_another_login_key_reaches_a_machine_that_is_there() -> None:
    another = with_changes(AZURE, ("sshPublicKey", "ssh-ed25519 BBBB"))
    graph = record(with_windows(azure=another), preview=True)
    (parameter,) = graph.resources["azure-windows-1-openssh"].inputs["parameters"]

    assert decoded(parameter["value"]) == "ssh-ed25519 BBBB"


class TestTheScript:
    def test_it_can_be_parsed(self) -> None:
        assert SCRIPT.syntax_errors == []
        assert SCRIPT.text.isascii()

    def test_it_calls_what_windows_powershell_has(self) -> None:
        known = {command.lower() for command in COMMANDS} | SCRIPT.functions
        known |= {"add-windowscapability", "join-path", "remove-item", "set-netfirewallrule", "set-service"}

        assert [call for call in SCRIPT.calls if call.name.lower() not in known] == []

    def test_it_takes_what_it_is_given(self, graph: Graph) -> None:
        command = graph.resources["azure-windows-1-openssh"].inputs
        given = {one["name"] for one in (*command["parameters"], *command["protectedParameters"])}

        assert given == {"AuthorizedKey", "HostKey"}
        assert "param([string] $AuthorizedKey, [string] $HostKey)" in SCRIPT.text.decode()
        assert command["source"]["script"] == SCRIPT.text.decode()

    def test_what_it_is_given_has_no_blank_at_which_it_could_be_cut(self, graph: Graph) -> None:
        (parameter,) = graph.resources["azure-windows-1-openssh"].inputs["parameters"]

        assert decoded(parameter["value"]) == AZURE["sshPublicKey"]
        assert " " not in parameter["value"]
