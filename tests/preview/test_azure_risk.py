"""What a change of the example in Azure means, in plain words: what restarts, what is made anew, what data goes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from policies.rules import findings
from tests.preview.recorded import between, edited_in_azure, planned_in_azure
from tests.settings.azure_stack import with_database_on_a_host
from toolchain.preview.plan import Plan
from toolchain.preview.risk import risks

Edit = Callable[[dict[str, Any]], object]


def told(plan: Plan) -> list[str]:
    return [f"{risk.level}: {risk.text}" for risk in risks(plan)]


def machine(host: str, **values: Any) -> Edit:
    return lambda settings: settings["hosts"][host]["azure"].update(values)


def postgres(**values: Any) -> Edit:
    return lambda settings: settings["azure"]["postgres"].update(values)


def azure(**values: Any) -> Edit:
    return lambda settings: settings["azure"].update(values)


def replaced(plan: Plan, *, why: str) -> Plan:
    """Return a plan in which what is to be updated is to be replaced, as Azure's own provider would say."""
    changes = [
        replace(one, operation="replace", properties=(why,)) if one.operation == "update" else one
        for one in plan.changes
    ]
    return Plan(changes=tuple(changes))


def test_the_first_up_tells_what_azure_charges_for_and_breaks_no_policy() -> None:
    plan = planned_in_azure()

    assert findings(plan.resources) == []
    assert told(plan) == [
        "low: Everything is new: nothing that runs now is touched. server-1, windows-1 and worker-1 are set up from "
        "the beginning.",
        "low: New in Azure, and charged for: jump (Standard_B1s), server-1 (Standard_D2s_v5), windows-1 "
        "(Standard_D4s_v5), worker-1 (Standard_D4s_v5), psql-prefect-acme (Standard_D2ds_v5, twice for its standby), "
        "a NAT gateway and a public address.",
    ]


def test_another_size_restarts_the_machine_and_ends_its_flow_runs() -> None:
    assert told(edited_in_azure(machine("worker-1", size="Standard_D8s_v5"))) == [
        "high: Azure restarts the machine of worker-1, from Standard_D4s_v5 to Standard_D8s_v5. prefect-worker-linux "
        "is away for some minutes. Flow runs there are ended: pause their work pool before, and let them finish."
    ]
    (of_the_server,) = told(edited_in_azure(machine("server-1", size="Standard_D8s_v5")))
    assert "prefect-server is away for some minutes. UI and API are, too" in of_the_server


def test_another_jump_host_may_be_in_the_way_of_the_same_up() -> None:
    (only,) = told(edited_in_azure(machine("jump", size="Standard_B2s")))

    assert only.startswith("medium: Azure restarts the machine of jump")
    assert "if `up` fails there, repeat it" in only


def test_another_disk_needs_a_machine_that_stands_still() -> None:
    (only,) = told(edited_in_azure(machine("worker-1", diskGib=256)))
    assert "`az vm deallocate` of vm-prefect-acme-worker-1 before" in only
    assert only.startswith("high: ")


def test_a_machine_that_is_made_anew_loses_its_disk_and_is_set_up_again() -> None:
    (only,) = told(replaced(edited_in_azure(machine("worker-1", zone="1")), why="zones"))

    assert only.startswith(
        "high: The machine of worker-1 is made anew (zones): the old one is deleted, and its disk goes"
    )
    assert "set up from the beginning. prefect-worker-linux is away" in only


def test_what_is_done_again_on_a_new_machine_is_not_told_one_by_one() -> None:
    def elsewhere(settings: dict[str, Any]) -> None:
        machine("worker-1", zone="1")(settings)
        machine("worker-1", size="Standard_D8s_v5")(settings)

    plan = edited_in_azure(elsewhere)
    commands = [one.resource for one in plan.changes if one.resource.type == "command:remote:Command"]
    steps = [one for one in commands if one.name.startswith(("worker-1-", "worker-linux-"))]
    again = [replace(one, operation="replace") if one.resource in steps else one for one in plan.changes]

    assert len(steps) > 10
    assert len(told(replaced(Plan(changes=tuple(again)), why="zones"))) == 1


def test_a_machine_that_goes_takes_its_disk_along() -> None:
    def without_windows(settings: dict[str, Any]) -> None:
        for section, name in (("hosts", "windows-1"), ("workers", "windows"), ("workPools", "windows")):
            del settings[section][name]

    lines = told(edited_in_azure(without_windows))

    assert "high: The host windows-1 is given up: what runs on it stops and is removed." in lines
    assert "high: The machine of windows-1 is deleted in Azure, and its disk goes with it." in lines
    assert not any("may no longer use" in line for line in lines), "it is gone anyway"


def test_another_size_of_the_database_takes_it_away_for_a_while() -> None:
    (only,) = told(edited_in_azure(postgres(size="Standard_E4ds_v5")))

    assert only.startswith(
        "medium: Azure moves psql-prefect-acme from Standard_D2ds_v5 to Standard_E4ds_v5 and restarts"
    )
    assert "Flow runs go on and report afterwards." in only


def test_another_version_of_postgresql_is_a_way_without_return() -> None:
    (only,) = told(edited_in_azure(postgres(version=17)))
    assert only.startswith("high: Azure upgrades PostgreSQL of psql-prefect-acme from 16 to 17 in place")
    assert "no way back but a restore into a new server" in only


def test_each_change_of_the_database_says_what_it_costs() -> None:
    edit = postgres(storageGib=128, backupRetentionDays=7, geoRedundantBackup=True, highAvailability="Disabled")

    assert [line.replace("psql-prefect-acme", "it") for line in told(edited_in_azure(edit))] == [
        "high: Backups of it reach back 7 days instead of 14: older ones go.",
        "high: Whether backups of it survive the region is chosen when it is made: Azure refuses this change.",
        "high: it loses its standby: if its zone or machine fails, the database is away until Azure mends that.",
        "low: The storage of it grows from 64 to 128 GiB, and never shrinks again.",
    ]


def test_what_azure_refuses_is_told_before_it_does() -> None:
    def backwards(settings: dict[str, Any]) -> None:
        postgres(storageGib=32, version=15)(settings)
        azure(keyVault={"softDeleteDays": 30})(settings)
        machine("worker-1", diskGib=64)(settings)

    lines = told(edited_in_azure(backwards))

    assert len(lines) == 4
    assert all(line.startswith("high: ") and "Azure refuses" in line for line in lines)
    assert any("The disk of worker-1 would shrink from 128 to 64 GiB" in line for line in lines)
    assert any("go back from 16 to 15" in line for line in lines)


def test_who_comes_in_and_who_gets_out_is_told() -> None:
    def moved(settings: dict[str, Any]) -> None:
        azure(sshFrom=["198.51.100.0/24"])(settings)
        settings["azure"]["network"]["natGateway"] = False

    lines = told(edited_in_azure(moved))

    said = "security group of jump lets in 22/tcp from 198.51.100.0/24 and no longer lets in 22/tcp from 203.0.113.0/24"
    assert any(said in line for line in lines)
    assert any("Hosts lose their way out to the internet" in line for line in lines)


def test_what_pauses_nothing_is_called_so() -> None:
    (only,) = told(edited_in_azure(azure(tags={"owner": "somebody else"})))

    assert only == "low: No service restarts, and nothing that Azure runs pauses or moves for it."


def test_a_public_address_is_told() -> None:
    lines = told(edited_in_azure(machine("worker-1", publicAddress=True)))

    assert lines[0].startswith("medium: worker-1 gets a public address")
    assert "low: New in Azure, and charged for: a public address." in lines


def test_a_database_that_goes_takes_its_backups_along_and_is_protected() -> None:
    def on_a_machine(settings: dict[str, Any]) -> None:
        del settings["azure"]["postgres"]
        settings["postgres"] = {"host": "server-1"}

    first = told(edited_in_azure(on_a_machine))[0]

    assert first.startswith(
        "high: azure-postgres-server goes, which holds the database's server and its backups: Pulumi"
    )


def test_a_vault_that_goes_is_missed_by_those_who_read_it() -> None:
    lines = told(edited_in_azure(lambda settings: settings["azure"].pop("keyVault")))

    assert lines[0].startswith("high: azure-key-vault-vault goes, which holds secrets: Pulumi refuses")
    assert "medium: worker-1 may no longer use kv-prefect-acme: what asks it from there is refused." in lines


def test_another_region_moves_everything_and_takes_no_data_along() -> None:
    lines = told(replaced(edited_in_azure(azure(location="westeurope")), why="location"))

    assert any(
        "azure-group is replaced (location), which holds everything of the stack in Azure" in one for one in lines
    )
    assert any("azure-postgres-server is replaced (location)" in one for one in lines)
    assert [line.split(":")[0] for line in lines] == sorted(
        (line.split(":")[0] for line in lines), key=["high", "medium", "low"].index
    )


def test_the_disk_of_a_database_stays_when_its_machine_goes() -> None:
    pytest.importorskip("pulumi_azure_native", reason="pulumi-azure-native is not installed: make test")
    before = with_database_on_a_host()
    plan = between(before, {**before, "hosts": before["hosts"].replace("Standard_D2s_v5", "Standard_D8s_v5")})

    (only,) = told(replaced(plan, why="zones"))

    assert "and its disk stays in Azure" in only
    assert "prefect-postgresql and prefect-server are away" in only
