"""What stacks in Azure are made of keeps the rules that hold for hosts."""

from typing import Any

import pytest

from policies.data import SERVICES_HOLDING_DATA, data_is_protected
from policies.network import STACK, private_ports_are_closed, ssh_host_keys_are_pinned
from policies.resources import Resource
from policies.steps import ON_SERVERS


def unprotected(*, protect: bool) -> dict[str, str]:
    services = [Resource(type=type_, name=type_, protect=protect) for type_ in SERVICES_HOLDING_DATA]
    found = data_is_protected([Resource(type=ON_SERVERS, name="server-1-prepare"), *services])
    return {resource.type: message for resource, message in found}


def test_each_that_is_not_is_told_with_what_it_holds() -> None:
    found = unprotected(protect=False)

    assert set(found) == set(SERVICES_HOLDING_DATA)
    assert "copies of backups" in found["azure-native:storage:StorageAccount"]
    assert "pulumi config set protect true" in found["azure-native:dbforpostgresql:Server"]


def test_those_that_are_protected_are_left_alone() -> None:
    assert unprotected(protect=True) == {}


def security_group(**rule: Any) -> Resource:
    rules = [{"access": "Allow", "destinationPortRange": "22", **rule}, {"access": "Deny", "sourceAddressPrefix": "*"}]
    return Resource(type="azure-native:network:NetworkSecurityGroup", name="group", inputs={"securityRules": rules})


@pytest.mark.parametrize(
    "rule",
    [
        {"sourceAddressPrefix": "*"},
        {"sourceAddressPrefix": "Internet"},
        {"sourceAddressPrefixes": ["10.60.0.4/32", "0.0.0.0/0"]},
        {"sourceAddressPrefix": "*", "destinationPortRange": "5432"},
        {"sourceAddressPrefix": "*", "destinationPortRange": "*"},
    ],
)
def test_a_security_group_that_opens_a_private_port_to_everybody_is_refused(rule: dict[str, Any]) -> None:
    ((_, message),) = private_ports_are_closed([security_group(**rule)])
    assert "azure.sshFrom" in message


@pytest.mark.parametrize(
    "rule", [{"sourceAddressPrefixes": ["10.60.0.4/32"]}, {"sourceAddressPrefix": "*", "destinationPortRange": "443"}]
)
def test_one_that_does_not_is_left_alone(rule: dict[str, Any]) -> None:
    assert list(private_ports_are_closed([security_group(**rule)])) == []


def test_a_machine_that_the_stack_makes_has_its_key_from_the_seed() -> None:
    hosts = {"made": {"platform": "linux", "azure": {}}, "there": {"platform": "linux"}}
    (message,) = ssh_host_keys_are_pinned(Resource(type=STACK, name="s", inputs={"prefect-selfhost:hosts": hosts}))

    assert "there" in message
