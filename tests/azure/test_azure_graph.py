"""What a stack asks Azure for, and how the rest of the stack stands on it."""

import base64
import re
import sys
from typing import Any

import pulumi
import pytest
import yaml

from components.azure import host_keys
from components.settings.azure import ADMINISTRATOR
from tests.graph.recorder import Graph, Resource, as_json, is_secret, record, text, without_secrets
from tests.loopback_ports import free_port
from tests.settings.azure_stack import AZURE, HOSTS, SEED, azure_stack, with_azure, with_database_on_a_host, with_hosts

pytest.importorskip(
    "pulumi_azure_native",
    reason="pulumi-azure-native is not installed: make test, or components/azure/requirements.txt",
)

NETWORK, COMPUTE = "azure-native:network:", "azure-native:compute:"
PUBLIC = f"{NETWORK}PublicIPAddress"


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Record a stack with a managed database and a vault, as a preview does."""
    return record(azure_stack(), preview=True)


@pytest.fixture(scope="module")
def with_container() -> Graph:
    """Record a stack whose database is on a machine, with copies in a container."""
    return record(with_database_on_a_host(), preview=True)


def in_azure(graph: Graph) -> list[Resource]:
    return [resource for resource in graph.resources.values() if resource.type.startswith("azure-native:")]


def rules(graph: Graph, name: str) -> dict[str, Any]:
    return {rule["name"]: rule for rule in graph.resources[name].inputs["securityRules"]}


def test_this_is_what_there_is(graph: Graph) -> None:
    machine = {"rules", "interface", "machine"}
    assert {(resource.type.removeprefix("azure-native:"), resource.name) for resource in in_azure(graph)} == {
        ("resources:ResourceGroup", "azure-group"),
        ("network:VirtualNetwork", "azure-network-network"),
        ("network:NatGateway", "azure-network-nat-gateway"),
        ("network:PublicIPAddress", "azure-network-nat-address"),
        *(("network:Subnet", f"azure-network-{which}") for which in ("jump", "hosts", "database")),
        *(("network:NetworkSecurityGroup", f"azure-{which}-rules") for which in (*HOSTS, "network-database")),
        *(("network:NetworkInterface", f"azure-{host}-interface") for host in HOSTS),
        *(("compute:VirtualMachine", f"azure-{host}-machine") for host in HOSTS),
        ("network:PublicIPAddress", "azure-jump-address"),
        ("privatedns:PrivateZone", "azure-postgres-zone"),
        ("privatedns:VirtualNetworkLink", "azure-postgres-zone-link"),
        ("dbforpostgresql:Server", "azure-postgres-server"),
        ("dbforpostgresql:Configuration", "azure-postgres-azure-extensions"),
        ("dbforpostgresql:Configuration", "azure-postgres-require-secure-transport"),
        ("keyvault:Vault", "azure-key-vault-vault"),
        ("authorization:RoleAssignment", "azure-key-vault-worker-1"),
    }
    assert graph.children("azure-server-1") == {f"azure-server-1-{part}" for part in machine}


def test_each_belongs_to_its_component_and_each_component_tells_its_outputs_once(graph: Graph) -> None:
    assert graph.children("azure") == {
        "azure-group",
        *("azure-network", "azure-jump", "azure-server-1", "azure-worker-1", "azure-postgres", "azure-key-vault"),
    }
    components = [name for name in graph.registered_outputs if name.startswith("azure")]
    assert sorted(components) == sorted({*graph.children("azure"), "azure"} - {"azure-group"})


def test_without_the_section_nothing_of_it_is_loaded_or_made() -> None:
    graph = record(
        azure_stack(azure={}, hosts={"here": {"platform": "local"}}, server={}, workers={"a": {}}, sshHostKeySeed=None)
    )

    assert in_azure(graph) == []
    assert not graph.of_type("prefect-selfhost:index:AzureTopology")


def test_everything_is_made_in_the_subscription_that_the_stack_file_names(graph: Graph) -> None:
    inputs = graph.resources["azure-account"].inputs

    assert inputs["subscriptionId"] == AZURE["subscriptionId"]
    assert inputs["tenantId"] == AZURE["tenantId"]
    assert graph.of_type("pulumi:providers:azure-native") == {"azure-account"}


def test_names_follow_one_rule_and_tags_are_on_everything_that_can_have_some(graph: Graph) -> None:
    machine = graph.resources["azure-worker-1-machine"].inputs
    assert machine["vmName"] == "vm-prefect-test-worker-1"
    assert graph.resources["azure-group"].inputs["resourceGroupName"] == "rg-prefect-test"
    assert graph.resources["azure-network-hosts"].inputs["subnetName"] == "snet-prefect-test-hosts"
    without = {resource.type for resource in in_azure(graph) if "tags" not in resource.inputs}
    assert without == {
        *("azure-native:network:Subnet", "azure-native:dbforpostgresql:Configuration"),
        "azure-native:authorization:RoleAssignment",
    }
    tags = [resource.inputs["tags"] for resource in in_azure(graph) if "tags" in resource.inputs]
    assert all(tag == {"project": "prefect-selfhost", "stack": "dev"} for tag in tags)


def test_the_only_public_addresses_are_the_jump_hosts_and_that_of_the_way_out(graph: Graph) -> None:
    assert graph.of_type(PUBLIC) == {"azure-jump-address", "azure-network-nat-address"}
    interfaces = {host: graph.resources[f"azure-{host}-interface"] for host in HOSTS}
    public = {host for host, found in interfaces.items() if "publicIPAddress" in found.inputs["ipConfigurations"][0]}
    assert public == {"jump"}
    assert graph.resources["azure-jump-address"].inputs["dnsSettings"] == {"domainNameLabel": "prefect-test-jump"}


def test_another_host_has_one_only_if_the_stack_file_says_so_and_the_way_out_can_be_left_away() -> None:
    values = with_hosts(("server-1.azure.publicAddress", True))
    assert "azure-server-1-address" in record(values, preview=True).of_type(PUBLIC)

    graph = record(with_azure(("network", {"natGateway": False})), preview=True)
    assert graph.of_type(PUBLIC) == {"azure-jump-address"}
    assert "natGateway" not in graph.resources["azure-network-hosts"].inputs


def test_without_a_jump_host_nothing_can_be_reached_from_outside() -> None:
    values = with_azure(
        ("jumpHost", None),
        ("sshFrom", ["10.0.0.0/8"]),
        ("network", {"natGateway": False}),
        hosts={name: host for name, host in HOSTS.items() if name != "jump"},
    )
    assert record(values, preview=True).of_type(PUBLIC) == set()


def test_addresses_are_those_of_the_stack_file(graph: Graph) -> None:
    configuration = graph.resources["azure-server-1-interface"].inputs["ipConfigurations"][0]

    assert configuration["privateIPAddress"] == HOSTS["server-1"]["privateAddress"]
    assert configuration["privateIPAllocationMethod"] == "Static"


def test_the_hosts_subnets_have_no_way_out_but_the_gateway(graph: Graph) -> None:
    subnets = [graph.resources[name] for name in graph.of_type(f"{NETWORK}Subnet")]
    assert all(subnet.inputs["defaultOutboundAccess"] is False for subnet in subnets)
    assert "azure-network-nat-gateway" in graph.before("azure-network-hosts")


def test_subnets_are_made_one_after_the_other(graph: Graph) -> None:
    assert "azure-network-jump" in graph.resources["azure-network-hosts"].depends_on
    assert "azure-network-hosts" in graph.resources["azure-network-database"].depends_on


def test_a_group_opens_what_the_hosts_own_firewall_opens(graph: Graph) -> None:
    """Both come from one function; here what comes out is compared as text."""
    for host in ("server-1", "worker-1"):
        firewall = text(graph.resources[f"{host}-firewall-rules"].inputs["stdin"])
        opened = {int(port) for port in re.findall(r"^\t\t(?:ip saddr .*)?tcp dport (\d+) accept", firewall, re.M)}
        allowed = {
            int(rule["destinationPortRange"])
            for rule in rules(graph, f"azure-{host}-rules").values()
            if rule["access"] == "Allow"
        }
        assert allowed == opened | {22}
    assert set(rules(graph, "azure-server-1-rules")) == {"allow-tcp-22", "allow-tcp-80", "allow-tcp-443", "deny-all"}


def test_ssh_comes_from_the_jump_host_alone_and_to_it_from_where_the_stack_file_says(graph: Graph) -> None:
    assert rules(graph, "azure-server-1-rules")["allow-tcp-22"]["sourceAddressPrefixes"] == ["10.60.0.4/32"]
    assert rules(graph, "azure-jump-rules")["allow-tcp-22"]["sourceAddressPrefixes"] == ["93.184.216.0/24"]
    assert set(rules(graph, "azure-jump-rules")) == {"allow-tcp-22", "deny-all"}


def test_every_interface_has_its_group(graph: Graph) -> None:
    for host in HOSTS:
        assert f"azure-{host}-rules" in graph.resources[f"azure-{host}-interface"].depends_on


def test_only_the_server_comes_to_the_databases_subnet(graph: Graph) -> None:
    found = rules(graph, "azure-network-database-rules")

    assert found["allow-tcp-5432"]["sourceAddressPrefixes"] == ["10.60.1.10/32", "10.60.2.0/24"]
    assert found["allow-tcp-6432"]["sourceAddressPrefixes"] == ["10.60.2.0/24"]
    assert set(found) == {"allow-tcp-5432", "allow-tcp-6432", "deny-all"}
    delegation = graph.resources["azure-network-database"].inputs["delegations"][0]
    assert delegation["serviceName"] == "Microsoft.DBforPostgreSQL/flexibleServers"


def test_a_machine_is_born_with_the_host_key_that_pulumi_will_ask_for(graph: Graph) -> None:
    profile = graph.resources["azure-server-1-machine"].inputs["osProfile"]
    assert is_secret(profile["customData"]), "whoever reads the key can pose as the host"
    cloud_config = yaml.safe_load(base64.b64decode(text(profile["customData"])))
    public = host_keys.public_key(SEED, "dev", "server-1")
    assert cloud_config["ssh_keys"]["ed25519_public"] == public
    assert cloud_config["ssh_keys"]["ed25519_private"] == host_keys.private_key(SEED, "dev", "server-1")
    asked_for = graph.resources["server-1-prepare"].inputs["connection"]
    assert yaml.safe_load(text(asked_for))["hostKey"] == public
    assert profile["linuxConfiguration"]["disablePasswordAuthentication"] is True
    assert profile["adminUsername"] == "ops"


def test_no_secret_is_in_clear(graph: Graph, with_container: Graph) -> None:
    for found in (graph, with_container):
        clear = as_json([without_secrets(dict(resource.inputs)) for resource in found.resources.values()])
        private = host_keys.private_key(SEED, "dev", "server-1").splitlines()[1]
        for secret in (SEED, private, "Admin-91c4be07d6fa", "correct horse battery"):
            assert secret not in clear


def test_a_host_is_reached_only_when_it_and_the_jump_host_are_there(graph: Graph) -> None:
    assert "azure-postgres-server" in graph.before("server-1-preflight"), "it looks for the database's name"
    assert "azure-postgres-server" not in graph.before("worker-1-preflight")
    for step in ("server-1-preflight", "worker-1-preflight"):
        assert {"azure-jump-machine", f"azure-{step.removesuffix('-preflight')}-machine"} <= graph.resources[
            step
        ].depends_on
    proxy = yaml.safe_load(text(graph.resources["worker-1-prepare"].inputs["connection"]))["proxy"]
    assert proxy["host"] == "prefect-test-jump.germanywestcentral.cloudapp.azure.com"
    assert proxy["hostKey"] == host_keys.public_key(SEED, "dev", "jump")


def test_all_that_was_done_on_a_machine_is_done_again_on_another_one(graph: Graph) -> None:
    done = [graph.resources[name] for name in graph.of_type("command:remote:Command")]

    assert {machine for one in done for machine in one.replace_with} == {
        "azure-server-1-machine",
        "azure-worker-1-machine",
    }
    assert [one.name for one in done if len(one.replace_with) != 1] == []
    assert graph.resources["worker-default-service"].replace_with == {"azure-worker-1-machine"}


def test_the_jump_host_carries_nothing_of_prefect(graph: Graph) -> None:
    assert graph.of_type("prefect-selfhost:index:Host") == {"server-1", "worker-1"}


def test_the_database_is_private_and_demands_tls(graph: Graph) -> None:
    server = graph.resources["azure-postgres-server"]

    assert server.inputs["serverName"] == "psql-prefect-test"
    assert server.inputs["network"]["publicNetworkAccess"] == "Disabled"
    assert {"azure-network-database", "azure-postgres-zone-link"} <= graph.before("azure-postgres-server")
    assert is_secret(server.inputs["administratorLoginPassword"])
    assert server.inputs["administratorLogin"] == ADMINISTRATOR
    assert server.inputs["sku"] == {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}
    assert server.inputs["backup"] == {"backupRetentionDays": 14, "geoRedundantBackup": "Disabled"}
    assert server.inputs["highAvailability"]["mode"] == "Disabled"
    parameters = {
        inputs["configurationName"]: inputs["value"]
        for name in graph.of_type("azure-native:dbforpostgresql:Configuration")
        for inputs in [graph.resources[name].inputs]
    }
    assert parameters == {"azure.extensions": "PG_TRGM", "require_secure_transport": "on"}
    assert "azure-postgres-azure-extensions" in graph.before("azure-postgres-require-secure-transport")


def test_a_standby_and_longer_backups_are_for_those_who_ask() -> None:
    more = {"size": "Standard_E2ds_v5", "highAvailability": "ZoneRedundant", "backupRetentionDays": 35}
    inputs = record(with_azure(("postgres", more)), preview=True).resources["azure-postgres-server"].inputs

    assert inputs["highAvailability"]["mode"] == "ZoneRedundant"
    assert inputs["backup"]["backupRetentionDays"] == 35
    assert inputs["sku"]["tier"] == "MemoryOptimized"


def test_role_and_database_are_made_through_the_servers_host_when_all_is_there(graph: Graph) -> None:
    connection = graph.resources["postgres-connection"].inputs
    assert (connection["host"], connection["sslmode"]) == ("127.0.0.1", "verify-ca")
    assert {"azure-postgres-require-secure-transport", "azure-server-1-machine", "azure-jump-machine"} <= graph.before(
        "postgres-role"
    )
    assert "server-1-prepare" in graph.resources["postgres-role"].depends_on, "the tunnel needs a host that answers"
    assert "azure-postgres-server" in graph.before("server-migration")


def test_the_prefect_server_verifies_the_database_by_its_own_name(graph: Graph) -> None:
    settings = text(graph.resources["server-settings"].inputs["stdin"])

    assert "PREFECT_SERVER_DATABASE_HOST=psql-prefect-test.postgres.database.azure.com\n" in settings
    assert "_CONNECT_ARGS_TLS_CHECK_HOSTNAME=true\n" in settings
    assert "server-database-authority" in graph.resources


def test_the_vault_opens_to_workers_hosts_by_identity_and_network_alone(graph: Graph) -> None:
    vault = graph.resources["azure-key-vault-vault"].inputs["properties"]

    assert vault["enableRbacAuthorization"] is True
    assert vault["enablePurgeProtection"] is True
    assert vault["networkAcls"]["defaultAction"] == "Deny"
    assert vault["networkAcls"]["ipRules"] == [{"value": "93.184.216.0/24"}]
    assert graph.of_type("azure-native:authorization:RoleAssignment") == {"azure-key-vault-worker-1"}
    assert graph.resources["azure-worker-1-machine"].inputs["identity"] == {"type": "SystemAssigned"}
    assert "identity" not in graph.resources["azure-server-1-machine"].inputs
    endpoints = graph.resources["azure-network-hosts"].inputs["serviceEndpoints"]
    assert endpoints == [{"service": "Microsoft.KeyVault"}]


def test_what_holds_data_is_protected_and_nothing_else(graph: Graph, with_container: Graph) -> None:
    assert {resource.name for resource in in_azure(graph) if resource.protect} == {
        *("azure-group", "azure-postgres-server", "azure-key-vault-vault"),
    }
    assert {resource.name for resource in in_azure(with_container) if resource.protect} == {
        *("azure-group", "azure-key-vault-vault", "azure-server-1-machine"),
        *("azure-backups-account", "azure-backups-container"),
    }


def test_a_stack_that_says_so_protects_nothing() -> None:
    graph = record(azure_stack(protect=False), preview=True)

    assert not any(resource.protect for resource in in_azure(graph))


def test_copies_cannot_be_taken_back_by_whoever_makes_them(with_container: Graph) -> None:
    resources = with_container.resources
    account = resources["azure-backups-account"].inputs

    assert account["accountName"] == "stprefecttest"
    assert (account["allowSharedKeyAccess"], account["allowBlobPublicAccess"]) == (False, False)
    assert account["networkRuleSet"]["defaultAction"] == "Deny"
    assert resources["azure-backups-versions"].inputs["isVersioningEnabled"] is True
    assert resources["azure-backups-container"].inputs["immutableStorageWithVersioning"] == {"enabled": True}
    assert resources["azure-backups-immutability"].inputs["immutabilityPeriodSinceCreationInDays"] == 14
    assert "azure-backups-versions" in resources["azure-backups-container"].depends_on
    (rule,) = resources["azure-backups-expiry"].inputs["policy"]["rules"]
    assert rule["definition"]["actions"] == {"version": {"delete": {"daysAfterCreationGreaterThan": 15}}}


def test_the_databases_host_writes_copies_by_its_identity(with_container: Graph) -> None:
    assert with_container.resources["azure-server-1-machine"].inputs["identity"] == {"type": "SystemAssigned"}
    assert "azure-backups-server-1" in with_container.before("backups-prepare")
    configuration = [
        text(resource.inputs["stdin"])
        for resource in with_container.resources.values()
        if resource.name.startswith("backups-") and "stdin" in resource.inputs
    ]
    assert any("RESTIC_REPOSITORY=azure:prefect-backups:/" in found for found in configuration)
    assert any("AZURE_ACCOUNT_NAME=stprefecttest" in found and "RESTIC_PASSWORD=" in found for found in configuration)


def test_the_disk_of_a_database_outlives_its_machine(with_container: Graph) -> None:
    def disk(host: str) -> str:
        profile = with_container.resources[f"azure-{host}-machine"].inputs["storageProfile"]
        return str(profile["osDisk"]["deleteOption"])

    assert (disk("server-1"), disk("worker-1")) == ("Detach", "Delete")


def test_sizes_and_disks_are_those_of_the_stack_file(with_container: Graph) -> None:
    machine = with_container.resources["azure-server-1-machine"].inputs

    assert machine["hardwareProfile"] == {"vmSize": "Standard_D2s_v5"}
    assert machine["zones"] == ["1"]
    image = {"publisher": "Debian", "offer": "debian-13", "sku": "13-gen2", "version": "latest"}
    assert machine["storageProfile"]["imageReference"] == image
    assert machine["storageProfile"]["osDisk"]["diskSizeGB"] == 64


def test_up_asks_for_what_the_preview_showed(graph: Graph) -> None:
    """Plain values decide which resources there are; what is known only later fills them."""
    # the ports that the preview listens on are taken until this process ends
    values = with_hosts(("server-1.tunnelPort", free_port()), ("worker-1.tunnelPort", free_port()))

    assert {resource.name for resource in in_azure(record(values))} == {resource.name for resource in in_azure(graph)}


def test_without_the_library_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("pulumi_azure_native", "components.azure.topology"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pulumi_azure_native", None)

    with pytest.raises(pulumi.RunError, match=r"not installed.*make preview STACK=dev.*components/azure/requirements"):
        record(azure_stack(), preview=True)
