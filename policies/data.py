"""What holds data on servers is protected, backed up, and kept for a while that somebody chose."""

from collections.abc import Iterator, Sequence

from policies.resources import Resource
from policies.steps import ON_SERVERS, ON_THIS_MACHINE, Script, WrittenFile, step

HOLDING_DATA = {
    "create-postgresql-cluster": "the database's cluster",
    "prepare-backups": "the backups",
}
DATABASE = "postgresql:index/database:Database"
SERVICES_HOLDING_DATA = {
    DATABASE: "the Prefect database",
    "azure-native:resources:ResourceGroup": "everything of the stack in Azure",
    "azure-native:dbforpostgresql:Server": "the database's server and its backups",
    "azure-native:keyvault:Vault": "secrets",
    "azure-native:storage:StorageAccount": "copies of backups",
}
CLEANED = {"events", "flow_runs"}


def data_is_protected(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Require that Pulumi refuses to remove what holds data on servers: this machine is for trying things out."""
    if not _on_servers(resources):
        return
    for resource in resources:
        held = held_data(resource)
        if held and not resource.protect and resource.type != ON_THIS_MACHINE:
            yield (
                resource,
                f"holds {held} but is not protected: a renamed host or a `pulumi destroy` would take the data away. "
                "Set it: pulumi config set protect true",
            )
        done = step(resource)
        if isinstance(done, Script) and resource.type == ON_SERVERS and done.settings.get("purge") == "true":
            yield (
                resource,
                "deletes the data when it is removed (purgeOnDestroy) instead of setting it aside. "
                "Set it: pulumi config set purgeOnDestroy false",
            )


def backups_are_on(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Require that a database on a server is backed up at set times, and that a restore is tried."""
    tasks = {done.settings.get("task", "") for resource in resources if isinstance(done := step(resource), Script)}
    for resource in resources:
        done = step(resource)
        if not isinstance(done, Script) or done.name != "create-postgresql-cluster" or resource.type != ON_SERVERS:
            continue
        if not any("backup" in task for task in tasks):
            yield (
                resource,
                "is a database that nobody backs up: a broken disk or a failed upgrade loses all flow runs and blocks. "
                "Set it: pulumi config set --path backups.enabled true",
            )
        elif not any("drill" in task for task in tasks):
            yield (
                resource,
                "has backups that nobody ever restores, so nobody knows whether they are any good. Set when: "
                "pulumi config set --path backups.drillSchedule 'Sun 04:30'",
            )


def retention_is_on(resource: Resource) -> Iterator[str]:
    """Require that runs and events go some day, and that backups stay long enough to notice that one is needed."""
    done = step(resource)
    if not isinstance(done, WrittenFile):
        return
    variables = done.variables
    if "PREFECT_SERVER_API_PORT" in variables:
        cleaned = set(variables.get("PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED", "").split(","))
        if missing := CLEANED - cleaned:
            yield (
                f"keeps {' and '.join(sorted(missing)).replace('_', ' ')} for ever, so the database's disk fills up. "
                "Leave PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED out of server.settings, and say how long by "
                "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD."
            )
    if resource.type == ON_SERVERS and _fewer_than(variables.get("BACKUP_KEEP_DAYS"), 7):
        yield (
            f"keeps backups for {variables['BACKUP_KEEP_DAYS']} days: damage found after a weekend is in all of them. "
            "Set it: pulumi config set --path backups.keepDays 30"
        )
    if resource.type == ON_SERVERS and _fewer_than(variables.get("BACKUP_KEEP"), 7):
        yield (
            f"keeps {variables['BACKUP_KEEP']} backups: damage found after a weekend may be in all of them. "
            "Set it: pulumi config set --path backups.keep 14"
        )


def held_data(resource: Resource) -> str | None:
    """Return what data a resource holds, in words; None for most."""
    if resource.type in SERVICES_HOLDING_DATA:
        return SERVICES_HOLDING_DATA[resource.type]
    done = step(resource)
    return HOLDING_DATA.get(done.name) if isinstance(done, Script) else None


def _on_servers(resources: Sequence[Resource]) -> bool:
    return any(resource.type == ON_SERVERS for resource in resources)


def _fewer_than(value: str | None, least: int) -> bool:
    return value is not None and value.isdigit() and int(value) < least
