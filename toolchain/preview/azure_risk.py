"""What changes in Azure mean for those who use Prefect.

That a machine restarts for another size: https://learn.microsoft.com/en-us/azure/virtual-machines/resize-vm; how long a
database is away for another size or version:
https://learn.microsoft.com/en-us/azure/postgresql/scale/concepts-scaling-resources and
https://learn.microsoft.com/en-us/azure/postgresql/configure-maintain/concepts-major-version-upgrade.
"""

from collections.abc import Iterator
from typing import Any

from policies.resources import Resource
from toolchain.preview.azure import (
    ACCOUNT,
    ADDRESS,
    DATABASE,
    MACHINE,
    ROLE,
    SECURITY_GROUP,
    STANDBY,
    VAULT,
    host_of,
    openings,
)
from toolchain.preview.plan import Change, Plan
from toolchain.preview.risk_words import Risk, listed
from toolchain.preview.steps import Steps

GATEWAY = "azure-native:network:NatGateway"


def azure_risks(plan: Plan, steps: Steps) -> Iterator[Risk]:
    """Yield what happens to machines, to the database and to who reaches whom."""
    hosts = {change.resource.parent: host_of(change.resource) for change in plan.changes if _is(change, MACHINE)}
    for change in plan.changes:
        if change.operation == "same":
            continue
        if _is(change, MACHINE):
            yield from _machine(change, steps)
        elif _is(change, SECURITY_GROUP):
            yield from _security_group(change, hosts.get(change.resource.parent, "the database's subnet"))
        elif _is(change, ADDRESS) and change.resource.parent in hosts:
            yield from _address(change, hosts[change.resource.parent])
        elif _is(change, ROLE):
            yield from _role(change, plan)
        elif _is(change, GATEWAY) and change.operation == "delete":
            text = "Hosts lose their way out to the internet: what they fetch there, such as packages, is not had."
            yield Risk(level="medium", text=text)
        if change.operation == "update" and change.old and change.new:
            if _is(change, DATABASE):
                yield from _database(change.old, change.new)
            elif _is(change, VAULT):
                yield from _vault(change.old, change.new)


def azure_arrivals(plan: Plan) -> Iterator[Risk]:
    """Yield what Azure will charge for from now on."""
    new = sorted((change.resource for change in plan.of("create")), key=lambda one: one.name)
    machines = [f"{host_of(one)} ({_at(one, 'hardwareProfile', 'vmSize')})" for one in new if one.type == MACHINE]
    databases = [f"{one.inputs.get('serverName')} ({_database_size(one)})" for one in new if one.type == DATABASE]
    others = {GATEWAY: "a NAT gateway", ADDRESS: "a public address", ACCOUNT: "a storage account"}
    counted = [word for type_, word in others.items() if any(one.type == type_ for one in new)]
    if machines or databases or counted:
        yield Risk(level="low", text=f"New in Azure, and charged for: {listed([*machines, *databases, *counted])}.")


def _database_size(server: Resource) -> str:
    standby = _at(server, "highAvailability", "mode") in STANDBY
    return f"{_at(server, 'sku', 'name')}{', twice for its standby' * standby}"


def remade_hosts(plan: Plan) -> set[str]:
    """Return the hosts that get another machine: all that was done there is done again."""
    return {host_of(change.resource) for change in plan.of("replace") if _is(change, MACHINE)}


def _is(change: Change, type_: str) -> bool:
    return change.resource.type == type_


def _machine(change: Change, steps: Steps) -> Iterator[Risk]:
    host = host_of(change.resource)
    disk = _at(change.old, "storageProfile", "osDisk") or {}
    kept = "its disk stays in Azure" if disk.get("deleteOption") == "Detach" else "its disk goes with it"
    if change.operation == "delete":
        yield Risk(level="high", text=f"The machine of {host} is deleted in Azure, and {kept}.")
    elif change.operation == "replace":
        why = listed(list(change.properties)) or "a change that cannot be made in place"
        yield Risk(
            level="high",
            text=f"The machine of {host} is made anew ({why}): the old one is deleted, and {kept}; the new one is set "
            f"up from the beginning. {_meanwhile(host, steps)}",
        )
    elif change.operation == "update":
        yield from _resized(change, host, steps)


def _resized(change: Change, host: str, steps: Steps) -> Iterator[Risk]:
    sizes = [_at(one, "hardwareProfile", "vmSize") for one in (change.old, change.new)]
    if sizes[0] != sizes[1]:
        text = f"Azure restarts the machine of {host}, from {sizes[0]} to {sizes[1]}. {_meanwhile(host, steps)}"
        yield Risk(level="high" if _carried(host, steps) else "medium", text=text)
    old, new = (_at(one, "storageProfile", "osDisk") or {} for one in (change.old, change.new))
    gib = [disk.get("diskSizeGB", 0) for disk in (old, new)]
    if gib[1] < gib[0]:
        text = (
            f"The disk of {host} would shrink from {gib[0]:g} to {gib[1]:g} GiB: Azure refuses that half-way through."
        )
        yield Risk(level="high", text=text)
    elif gib[0] != gib[1] or old.get("managedDisk") != new.get("managedDisk"):
        name = change.resource.inputs.get("vmName")
        yield Risk(
            level="high" if _carried(host, steps) else "medium",
            text=f"The disk of {host} is another one, which Azure changes only while its machine stands still: "
            f"`az vm deallocate` of {name} before, `az vm start` after. {_meanwhile(host, steps)}",
        )


def _carried(host: str, steps: Steps) -> list[str]:
    """Return the services that run on a host."""
    found = {
        file.service
        for change, file in steps.files()
        if file.service and change.old is not None and steps.host(change.resource) == host
    }
    return sorted(service for service in found if service.startswith("prefect-"))


def _meanwhile(host: str, steps: Steps) -> str:
    """Say what is away while a machine is, for some minutes."""
    services = _carried(host, steps)
    if not services:
        return "Hosts that are reached through it are not for some minutes: if `up` fails there, repeat it."
    words = [f"{listed(services)} {'are' if len(services) > 1 else 'is'} away for some minutes."]
    if "prefect-server" in services:
        words.append("UI and API are, too; flow runs elsewhere go on and report afterwards.")
    if any(service.startswith("prefect-worker") for service in services):
        words.append("Flow runs there are ended: pause their work pool before, and let them finish.")
    return " ".join(words)


def _database(old: Resource, new: Resource) -> Iterator[Risk]:
    name = new.inputs.get("serverName")
    yield from _version(str(name), old.inputs.get("version"), new.inputs.get("version"))
    sizes = [_at(one, "sku", "name") for one in (old, new)]
    if sizes[0] != sizes[1]:
        yield Risk(
            level="medium",
            text=f"Azure moves {name} from {sizes[0]} to {sizes[1]} and restarts it: the database is away for half a "
            "minute, or for up to ten, and the API with it. Flow runs go on and report afterwards.",
        )
    before, after = (_at(one, "storage", "storageSizeGB") for one in (old, new))
    if before and after and after < before:
        text = f"The storage of {name} would shrink from {before:g} to {after:g} GiB: Azure refuses that."
        yield Risk(level="high", text=text)
    elif before != after:
        text = f"The storage of {name} grows from {before:g} to {after:g} GiB, and never shrinks again."
        yield Risk(level="low", text=text)
    days = [_at(one, "backup", "backupRetentionDays") for one in (old, new)]
    if days[0] and days[1] and days[1] < days[0]:
        text = f"Backups of {name} reach back {days[1]:g} days instead of {days[0]:g}: older ones go."
        yield Risk(level="high", text=text)
    if _at(old, "backup", "geoRedundantBackup") != _at(new, "backup", "geoRedundantBackup"):
        text = f"Whether backups of {name} survive the region is chosen when it is made: Azure refuses this change."
        yield Risk(level="high", text=text)
    yield from _standby(str(name), *(_at(one, "highAvailability", "mode") for one in (old, new)))


def _version(name: str, old: Any, new: Any) -> Iterator[Risk]:
    if old == new:
        return
    if int(new) < int(old):
        text = f"PostgreSQL of {name} would go back from {old} to {new}: Azure refuses that. Restore into a new server."
        yield Risk(level="high", text=text)
        return
    yield Risk(
        level="high",
        text=f"Azure upgrades PostgreSQL of {name} from {old} to {new} in place: the database is away for some "
        "minutes, and the API with it. There is no way back but a restore into a new server: note the time before, "
        "and try it with a restored copy first.",
    )


def _standby(name: str, old: Any, new: Any) -> Iterator[Risk]:
    if old == new:
        return
    if new == "Disabled":
        text = f"{name} loses its standby: if its zone or machine fails, the database is away until Azure mends that."
        yield Risk(level="high", text=text)
    else:
        text = f"{name} gets a standby ({new}), which costs as much again; the database goes on meanwhile."
        yield Risk(level="low", text=text)


def _vault(old: Resource, new: Resource) -> Iterator[Risk]:
    days = [_at(one, "properties", "softDeleteRetentionInDays") for one in (old, new)]
    if days[0] != days[1]:
        name = new.inputs.get("vaultName")
        text = f"How long {name} keeps what is deleted is chosen when it is made: Azure refuses this change."
        yield Risk(level="high", text=text)


def _security_group(change: Change, where: str) -> Iterator[Risk]:
    old, new = (set(openings(one)) if one else set() for one in (change.old, change.new))
    lets = [f"lets in {opening}" for opening in sorted(new - old)]
    shuts = [f"no longer lets in {opening}" for opening in sorted(old - new)]
    if change.operation == "update" and (lets or shuts):
        text = f"Azure's security group of {where} {listed([*lets, *shuts])}."
        yield Risk(level="medium", text=text)


def _address(change: Change, host: str) -> Iterator[Risk]:
    if change.operation == "create":
        yield Risk(
            level="medium", text=f"{host} gets a public address: what its firewall opens is open to the internet."
        )
    elif change.operation == "delete":
        yield Risk(
            level="medium", text=f"{host} loses its public address: who used it does not reach the host any more."
        )


def _role(change: Change, plan: Plan) -> Iterator[Risk]:
    """Yield what a machine that stays may do no more."""
    if change.operation != "delete":
        return
    before = [one for one in plan.changes if one.resource.name in change.resource.depends_on]
    vaults = [str(one.resource.inputs["vaultName"]) for one in before if _is(one, VAULT)]
    used = vaults[0] if vaults else "the container of copies"
    for host in (host_of(one.resource) for one in before if _is(one, MACHINE) and one.operation != "delete"):
        yield Risk(level="medium", text=f"{host} may no longer use {used}: what asks it from there is refused.")


def _at(resource: Resource | None, *path: str) -> Any:
    """Return what stands at a path of a resource's inputs; None where nothing does."""
    found: Any = resource.inputs if resource else None
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
