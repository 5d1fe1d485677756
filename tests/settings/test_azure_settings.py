"""The section `azure` of a stack file, and hosts that are machines in Azure."""

import re
from typing import Any

import pytest

from components.settings.azure import AzureSettings
from components.settings.azure_machines import VirtualMachine
from components.settings.azure_services import BlobBackups, FlexibleServer, KeyVault
from tests.settings.azure_stack import (
    AZURE,
    HOSTS,
    WINDOWS,
    azure_stack,
    with_azure,
    with_changes,
    with_database_on_a_host,
    with_hosts,
    with_windows,
)
from tests.settings.stack_file import parsed, problems, stack_file


def azure_of(values: dict[str, str]) -> AzureSettings:
    azure = parsed(values).azure
    assert azure is not None
    return azure


def test_a_stack_makes_nothing_in_azure_unless_it_says_so() -> None:
    assert parsed(stack_file()).azure is None
    assert parsed(stack_file()).hosts[0].virtual_machine is None


def test_what_a_stack_file_leaves_out_has_a_default_and_what_costs_money_is_written_there() -> None:
    azure = azure_of(azure_stack())

    assert azure.network.address_space == "10.60.0.0/16"
    assert (azure.network.jump_subnet, azure.network.host_subnet) == ("10.60.0.0/24", "10.60.1.0/24")
    assert (azure.network.database_subnet, azure.network.nat_gateway) == ("10.60.2.0/24", True)
    assert azure.tags == {"project": "prefect-selfhost", "stack": "dev"}
    assert azure.backups is None
    assert azure.key_vault == KeyVault(soft_delete_days=90)
    assert azure.postgres == FlexibleServer(
        size="Standard_D2ds_v5",
        storage_gib=32,
        version="16",
        backup_retention_days=14,
        geo_redundant_backup=False,
        high_availability="Disabled",
    )
    assert parsed(azure_stack()).hosts[1].virtual_machine == VirtualMachine(
        size="Standard_D2s_v5",
        image="Debian:debian-12:12-gen2:latest",
        disk_gib=64,
        disk_type="StandardSSD_LRS",
        zone="",
        public_address=False,
    )


def test_hosts_are_as_those_that_somebody_else_made() -> None:
    jump, server, worker = parsed(azure_stack()).hosts

    assert jump.address == "prefect-test-jump.germanywestcentral.cloudapp.azure.com"
    assert (server.address, worker.address) == ("10.60.1.10", "10.60.1.21")
    assert server.jump_host == worker.jump_host == jump
    assert jump.jump_host is None
    assert {host.user for host in (jump, server, worker)} == {"ops"}
    assert len({host.host_key for host in (jump, server, worker)}) == 3
    assert all(host.host_key.startswith("ssh-ed25519 ") for host in (jump, server, worker))


def test_a_host_key_is_the_same_on_every_run_and_another_in_another_stack() -> None:
    keys = [host.host_key for host in parsed(azure_stack()).hosts]

    assert keys == [host.host_key for host in parsed(azure_stack()).hosts]
    assert not {*keys} & {host.host_key for host in parsed(azure_stack(), stack="prod").hosts}
    assert not {*keys} & {host.host_key for host in parsed(azure_stack(sshHostKeySeed="6f" * 32)).hosts}


def test_ssh_comes_to_the_jump_host_from_where_the_stack_file_says_and_to_the_others_from_the_jump_host() -> None:
    settings = parsed(azure_stack())
    azure = azure_of(azure_stack())

    assert [azure.ssh_sources(host) for host in settings.hosts] == [
        ("93.184.216.0/24",),
        ("10.60.0.4",),
        ("10.60.0.4",),
    ]


def test_without_a_jump_host_pulumi_comes_by_private_addresses() -> None:
    values = with_azure(
        ("jumpHost", None), ("sshFrom", ["10.0.0.0/8"]), hosts={k: v for k, v in HOSTS.items() if k != "jump"}
    )
    hosts = parsed(values).hosts

    assert [host.address for host in hosts] == ["10.60.1.10", "10.60.1.21"]
    assert not any(host.jump_host or host.virtual_machine is None for host in hosts)
    assert not any(host.virtual_machine.public_address for host in hosts if host.virtual_machine)


def test_only_the_jump_host_has_a_public_address_unless_another_asks_for_one() -> None:
    def public(values: dict[str, str]) -> list[str]:
        return [h.name for h in parsed(values).hosts if h.virtual_machine and h.virtual_machine.public_address]

    assert public(azure_stack()) == ["jump"]
    assert public(with_hosts(("server-1.azure.publicAddress", True))) == ["jump", "server-1"]


def test_the_database_is_one_that_is_there_already_and_verified() -> None:
    postgres = parsed(azure_stack()).postgres

    assert postgres.existing
    assert postgres.existing.address == "psql-prefect-test.postgres.database.azure.com"
    assert postgres.existing.admin_user == "prefectadmin"
    assert postgres.existing.reached_through == "server-1"
    assert postgres.existing.ca_certificate.count("BEGIN CERTIFICATE") == 2
    assert parsed(azure_stack(postgres={"maxConnections": 200})).postgres.max_connections == 200


def test_a_database_on_a_machine_is_copied_to_a_container_that_restic_opens() -> None:
    settings = parsed(with_database_on_a_host())

    assert settings.azure
    assert settings.azure.backups == BlobBackups(redundancy="Standard_ZRS", immutable_days=14)
    assert settings.backups
    assert settings.backups.copy_to == "azure:prefect-backups:/"


def test_a_windows_machine_is_as_one_that_somebody_else_made() -> None:
    jump, _, windows, _ = parsed(with_windows()).hosts

    assert (windows.address, windows.user, windows.jump_host) == ("10.60.1.31", "ops", jump)
    assert windows.host_key.startswith("ssh-ed25519 ")
    assert windows.directory == "C:/ProgramData/Prefect"
    assert windows.windows
    assert windows.windows.wrapper.path == "C:/offline/shawl.exe"
    assert windows.virtual_machine
    assert windows.virtual_machine.image.startswith("MicrosoftWindowsServer:WindowsServer:2025-")
    assert (windows.virtual_machine.disk_gib, windows.virtual_machine.public_address) == (128, False)


def test_windows_machines_may_keep_everything_in_directories_of_one_name() -> None:
    other = {**WINDOWS, "privateAddress": "10.60.1.32"}
    workers = {"a": {"host": "windows-1"}, "b": {"host": "windows-2"}}

    assert not problems(with_windows(("windows-2", other), workers=workers))


def test_a_small_image_of_windows_takes_a_small_disk() -> None:
    small = "MicrosoftWindowsServer:WindowsServer:2025-datacenter-azure-edition-core-smalldisk:latest"
    azure = ("windows-1.azure.image", small), ("windows-1.azure.diskGib", 64)

    assert not problems(with_windows(*azure))
    assert "from 127 to" in problems(with_windows(azure[1]))["hosts.windows-1.azure.diskGib"].allowed


def test_the_name_of_a_windows_machine_is_that_of_a_computer() -> None:
    hosts = {**HOSTS, "windows-worker-1": WINDOWS}
    found = problems(azure_stack(hosts=hosts, workers={"windows": {"host": "windows-worker-1"}}))

    assert list(found) == ["hosts.windows-worker-1"]
    assert "at most 15 characters" in found["hosts.windows-worker-1"].allowed


def test_all_that_is_wrong_with_a_windows_machine_is_told_at_once() -> None:
    wrong = [("directory", "D:/Prefect"), ("user", "admin"), ("azure.size", "big"), ("shawl.sha256", "abc")]
    found = problems(with_windows(*((f"windows-1.{key}", value) for key, value in wrong)))

    assert set(found) == {f"hosts.windows-1.{key}" for key, _ in wrong}
    assert "Azure empties D:" in found["hosts.windows-1.directory"].allowed


BAD_VALUES: list[tuple[str, Any]] = [
    ("azure.name", "Prefect"),
    ("azure.name", "a-name-that-is-too-long"),
    ("azure.subscriptionId", "mine"),
    ("azure.tenantId", "mine"),
    ("azure.location", "Germany West"),
    ("azure.sshPublicKey", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ("azure.sshFrom", ["0.0.0.0/0"]),
    ("azure.sshFrom", "203.0.113.7"),
    ("azure.sshFrom", ["somewhere"]),
    ("azure.jumpHost", "server-2"),
    ("azure.tags", ["owner"]),
    ("azure.network", "10.60.0.0/16"),
    ("azure.network.addressSpace", "8.8.0.0/16"),
    ("azure.network.addressSpace", "10.60.0.1/16"),
    ("azure.network.jumpSubnet", "10.60.0.0/30"),
    ("azure.network.jumpSubnet", "10.61.0.0/24"),
    ("azure.network.hostSubnet", "10.60.0.0/20"),
    ("azure.network.databaseSubnet", "10.60.1.0/28"),
    ("azure.network.databaseSubnet", "somewhere"),
    ("azure.network.natGateway", "yes"),
    ("azure.postgres", "Standard_D2ds_v5"),
    ("azure.postgres.size", "D2ds_v5"),
    ("azure.postgres.size", "Standard_F2s_v2"),
    ("azure.postgres.storageGib", 100),
    ("azure.postgres.storageGib", 16),
    ("azure.postgres.version", 13),
    ("azure.postgres.backupRetentionDays", 6),
    ("azure.postgres.geoRedundantBackup", "no"),
    ("azure.postgres.highAvailability", "zoneRedundant"),
    ("azure.keyVault", "vault"),
    ("azure.keyVault.softDeleteDays", 5),
    ("azure.backups", True),
    ("azure.backups.redundancy", "LRS"),
    ("azure.backups.immutableDays", 0),
    ("hosts.server-1.azure", "Standard_D2s_v5"),
    ("hosts.server-1.azure.size", "D2s_v5"),
    ("hosts.server-1.azure.image", "debian-12"),
    ("hosts.server-1.azure.diskGib", 10),
    ("hosts.server-1.azure.diskType", "Premium"),
    ("hosts.server-1.azure.zone", "4"),
    ("hosts.server-1.azure.publicAddress", "yes"),
    ("hosts.server-1.privateAddress", "10.60.1.3"),
    ("hosts.server-1.privateAddress", "10.60.1.255"),
    ("hosts.server-1.privateAddress", "10.60.0.10"),
    ("hosts.server-1.privateAddress", "10.60.1.x"),
    ("hosts.worker-1.privateAddress", "10.60.1.10"),
    ("hosts.server-1.user", "root"),
    ("hosts.server-1.user", "admin1"),
    ("hosts.server-1.address", "203.0.113.1"),
    ("hosts.server-1.hostKey", "ssh-ed25519 AAAA"),
    ("hosts.server-1.jumpHost", "worker-1"),
    ("hosts.server-1.port", 2222),
    ("hosts.windows-1.platform", "Windows"),
    ("hosts.windows-1.azure", "Standard_D2s_v5"),
    ("hosts.windows-1.azure.size", "D2s_v5"),
    ("hosts.windows-1.azure.image", "windows-2025"),
    ("hosts.windows-1.azure.diskGib", 64),
    ("hosts.windows-1.azure.diskType", "Premium"),
    ("hosts.windows-1.azure.zone", "4"),
    ("hosts.windows-1.azure.publicAddress", "yes"),
    ("hosts.windows-1.privateAddress", "10.60.0.10"),
    ("hosts.windows-1.user", "Administrator"),
    ("hosts.windows-1.user", "support"),
    ("hosts.windows-1.user", "a-name-of-21-letters-"),
    ("hosts.windows-1.directory", "/srv/prefect"),
    ("hosts.windows-1.directory", "D:/Prefect"),
    ("hosts.windows-1.python", "C:/Python312/python.exe"),
    ("hosts.windows-1.shawl", "C:/offline/shawl.exe"),
    ("hosts.windows-1.postgresql", {"archive": "C:/offline/postgresql.zip", "sha256": "cd" * 32}),
    ("hosts.windows-1.wheelDirectory", "wheels"),
    ("hosts.windows-1.tunnelPort", 80),
    ("hosts.windows-1.address", "203.0.113.1"),
    ("hosts.windows-1.hostKey", "ssh-ed25519 AAAA"),
    ("hosts.windows-1.jumpHost", "jump"),
    ("hosts.windows-1.port", 2222),
]


def changed(key: str, value: Any) -> dict[str, str]:
    """Return a stack file that is good but for `value` at `key`."""
    section, _, path = key.partition(".")
    if path.startswith("backups"):
        return with_database_on_a_host(azure=with_changes(AZURE, ("postgres", None), (path, value)))
    if path.startswith("windows-1"):
        return with_windows((path, value))
    return with_azure((path, value)) if section == "azure" else with_hosts((path, value))


@pytest.mark.parametrize(("key", "value"), BAD_VALUES, ids=str)
def test_a_bad_value_is_told_by_its_key(key: str, value: Any) -> None:
    found = problems(changed(key, value))

    assert key in found
    assert found[key].allowed
    assert key in found[key].command


@pytest.mark.parametrize("key", ["subscriptionId", "tenantId", "location", "sshPublicKey", "sshFrom"])
def test_what_has_no_default_must_be_there(key: str) -> None:
    (problem,) = problems(with_azure((key, None))).values()

    assert (problem.key, problem.given) == (f"azure.{key}", "is missing")


@pytest.mark.parametrize("key", ["azure.size", "privateAddress"])
def test_so_must_a_machines_size_and_address(key: str) -> None:
    found = problems(with_hosts((f"worker-1.{key}", None)))

    assert {key: problem.given.partition(";")[0] for key, problem in found.items()} == {
        f"hosts.worker-1.{key}": "is missing"
    }


def test_an_example_of_a_good_value_is_one() -> None:
    """Pasting the first fix of each bad value leaves no problem of that key."""
    for key, value in BAD_VALUES:
        command = problems(changed(key, value))[key].command
        if match := re.search(rf"config set --stack dev --path {re.escape(key)}(\[0\])? (.+)$", command):
            fixed: Any = match[2].strip("'")
            fixed = [fixed] if match[1] else int(fixed) if fixed.isdigit() and "zone" not in key else fixed
            fixed = {"true": True, "false": False}.get(fixed, fixed) if isinstance(fixed, str) else fixed
            assert key not in problems(changed(key, fixed)), f"{key}: the fix {fixed!r} of {value!r} is refused too"


def test_every_key_is_tested_and_a_misspelled_one_is_told_with_the_one_that_was_meant() -> None:
    tables = ["azure", "azure.network", "azure.postgres", "azure.keyVault", "azure.backups"]
    tables += ["hosts.server-1.azure", "hosts.windows-1", "hosts.windows-1.azure"]
    known = set()
    for table in tables:
        allowed = problems(changed(f"{table}.colour", 1))[f"{table}.colour"].allowed
        known |= {f"{table}.{name}" for name in allowed.removeprefix("one of ").split(", ")}

    assert known <= {key for key, _ in BAD_VALUES}
    (problem,) = problems(with_azure(("sshfrom", ["93.184.216.0/24"]))).values()
    assert "did you mean sshFrom?" in problem.given


def test_a_machine_in_azure_needs_the_section() -> None:
    assert list(problems(azure_stack(azure={}, postgres={"host": "server-1"}))) == ["azure.location"]


def test_the_seed_of_host_keys_is_asked_for_where_it_is_used() -> None:
    assert "machines in Azure need it" in problems(azure_stack(sshHostKeySeed=None))["sshHostKeySeed"].given
    assert "nobody uses it" in problems(stack_file(sshHostKeySeed="5e" * 32))["sshHostKeySeed"].given
    assert "openssl rand -hex 32" in problems(azure_stack(sshHostKeySeed="short"))["sshHostKeySeed"].command


def test_a_password_that_azure_would_refuse_halfway_is_refused_beforehand() -> None:
    problem = problems(azure_stack(databaseAdminPassword="only-lower-case-letters"))["databaseAdminPassword"]

    assert "Azure refuses" in problem.given
    assert "only-lower-case" not in str(problem)


def test_a_burstable_server_has_no_standby() -> None:
    key = "azure.postgres.highAvailability"
    sizes = ("postgres.size", "Standard_B2s"), ("postgres.highAvailability", "ZoneRedundant")

    assert "burstable" in problems(with_azure(*sizes))[key].allowed
    assert not problems(with_azure(sizes[1]))


@pytest.mark.parametrize("key", ["address", "host", "port", "settings", "caCertificate", "sslMode", "adminUser"])
def test_what_follows_from_azure_is_not_said_twice(key: str) -> None:
    assert "azure.postgres" in problems(azure_stack(postgres={key: "server-1"}))[f"postgres.{key}"].allowed


def test_a_container_for_copies_is_for_a_database_on_a_machine() -> None:
    assert "azure.backups" in problems(with_azure(("backups", {})))

    elsewhere = {"platform": "linux", "address": "203.0.113.1", "hostKey": "ssh-ed25519 AAAA"}
    found = problems(with_database_on_a_host(hosts={**HOSTS, "db": elsewhere}, postgres={"host": "db"}))
    assert "the database is on db" in found["azure.backups"].given


def test_nothing_copies_backups_from_windows_to_a_container() -> None:
    database = {**WINDOWS, "postgresql": {"archive": "C:/offline/postgresql.zip", "sha256": "cd" * 32}}
    alone = {"postgres": {"host": "win"}, "server": {"hosts": ["win"]}, "workers": {"default": {"host": "win"}}}
    hosts = {"jump": HOSTS["jump"], "win": database}
    found = problems(with_database_on_a_host(hosts=hosts, backupCopyEnvironment=None, **alone))

    assert list(found) == ["azure.backups"]
    assert "Linux" in found["azure.backups"].allowed


def test_a_server_elsewhere_does_not_reach_a_database_in_azures_network() -> None:
    elsewhere = {"platform": "linux", "address": "203.0.113.1", "hostKey": "ssh-ed25519 AAAA"}
    found = problems(azure_stack(hosts={**HOSTS, "web": elsewhere}, server={"hosts": ["web"]}))

    assert "the Prefect server is on web" in found["azure.postgres"].given


def test_copies_go_to_one_place_and_need_a_restic_that_knows_the_way() -> None:
    twice = problems(with_database_on_a_host(backups={"copyTo": "s3:https://s3.example.com/b"}))
    assert list(twice) == ["backups.copyTo"]

    old = problems(with_database_on_a_host(hosts=HOSTS))
    assert list(old) == ["hosts.server-1.azure.image"]
    assert "restic is 0.16 or newer" in old["hosts.server-1.azure.image"].allowed


def test_the_name_has_room_for_the_shortest_name_that_azure_allows() -> None:
    names = azure_of(with_azure(("name", "a23456789012345678"))).names

    assert len(names.storage_account) <= 24
    assert len(names.of("kv")) <= 24


def test_tags_of_the_stack_file_are_kept_beside_our_own() -> None:
    tags = azure_of(with_azure(("tags", {"costCenter": 4711}))).tags
    assert tags == {"costCenter": "4711", "project": "prefect-selfhost", "stack": "dev"}
    assert "azure.tags.a" in problems(with_azure(("tags", {"a": ["b"]})))


def test_all_problems_come_in_one_error() -> None:
    changes = [("location", "X Y"), ("sshFrom", ["x"]), ("postgres.size", "big"), ("colour", "red")]
    assert set(problems(with_azure(*changes))) == {f"azure.{key}" for key, _ in changes}


def test_the_stack_of_these_tests_is_good() -> None:
    assert not problems(azure_stack())
    assert not problems(with_database_on_a_host())
    assert AZURE["jumpHost"] in HOSTS
