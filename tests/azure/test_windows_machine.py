"""A Windows machine in Azure: no stack file can name one yet, so the component is asked for one."""

import base64
from typing import Any

import pulumi
import pytest

from components.azure import host_keys
from components.azure.names import Names
from components.azure.place import Place
from components.settings.azure_machines import IMAGES, VirtualMachine
from components.settings.hosts import HostSettings
from tests.graph.recorder import Engine, Graph, Recorder, as_json, is_secret, running_program, text, without_secrets
from tests.scripts.powershell import Script
from tests.settings.azure_stack import SEED, azure_stack
from tests.settings.stack_file import CHECKOUT

pytest.importorskip(
    "pulumi_azure_native",
    reason="pulumi-azure-native is not installed: make test, or components/azure/requirements.txt",
)
SCRIPT = Script(CHECKOUT / "scripts" / "azure" / "install-openssh.ps1")
HOST = HostSettings(
    name="worker-on-windows-1",
    platform="windows",
    private_address="10.60.1.31",
    user="ops",
    virtual_machine=VirtualMachine(
        size="Standard_D2s_v5",
        image=IMAGES["windows"],
        disk_gib=128,
        disk_type="StandardSSD_LRS",
        zone="",
        public_address=False,
    ),
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Record what the component asks for."""
    from pulumi_azure_native.network import Subnet  # noqa: PLC0415 - see above

    from components.azure.machine import AzureMachine, AzureMachineArgs  # noqa: PLC0415

    recorder = Recorder(Engine(preview=True))

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> Any:
        subnet = Subnet("subnet", resource_group_name="rg", virtual_network_name="vnet")
        assert HOST.virtual_machine
        args = AzureMachineArgs(
            place=Place(names=Names("prefect-test"), location="westeurope", tags={}, resource_group="rg"),
            host=HOST,
            machine=HOST.virtual_machine,
            subnet=subnet,
            rules=[],
            ssh_public_key="ssh-ed25519 AAAA",
            host_key_seed=pulumi.Output.secret(SEED),
        )
        machine = AzureMachine("windows", args)
        assert len(machine.ready) == 2

    with running_program(azure_stack(), recorder, preview=True):
        program()
    return recorder.graph


def test_it_is_made_with_an_administrator_whose_password_nobody_sees(graph: Graph) -> None:
    inputs = graph.resources["windows-machine"].inputs

    assert inputs["storageProfile"]["imageReference"]["publisher"] == "MicrosoftWindowsServer"
    assert inputs["osProfile"]["computerName"] == "worker-on-windo"
    assert is_secret(inputs["osProfile"]["adminPassword"])
    assert "linuxConfiguration" not in inputs["osProfile"]


def test_openssh_gets_the_key_that_the_stack_knows(graph: Graph) -> None:
    command = graph.resources["windows-openssh"]
    (parameter,) = command.inputs["protectedParameters"]

    assert is_secret(parameter["value"]) or is_secret(parameter)
    private = base64.b64decode(text(parameter["value"])).decode()
    assert private == host_keys.private_key(SEED, "dev", HOST.name)
    assert private.splitlines()[1] not in as_json(without_secrets(dict(command.inputs)))
    assert command.deleted_with == "windows-machine"
    assert command.inputs["treatFailureAsDeploymentFailure"] is True


def test_the_script_can_be_parsed_and_takes_what_it_is_given(graph: Graph) -> None:
    assert SCRIPT.syntax_errors == []
    assert SCRIPT.text.isascii()
    assert "param([string] $AuthorizedKey, [string] $HostKey)" in SCRIPT.text.decode()
    command = graph.resources["windows-openssh"].inputs
    given = {one["name"] for one in (*command["parameters"], *command["protectedParameters"])}
    assert given == {"AuthorizedKey", "HostKey"}
    assert command["source"]["script"] == SCRIPT.text.decode()
