"""Managed services in Azure: PostgreSQL, a vault for secrets, a container for copies of backups."""

from dataclasses import dataclass

from components.settings.table import Table

HIGH_AVAILABILITY = ("Disabled", "SameZone", "ZoneRedundant")
VERSIONS = ("18", "17", "16", "15", "14")
STORAGE_GIB = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
"""The sizes that there are, https://learn.microsoft.com/en-us/azure/postgresql/compute-storage/concepts-storage-premium-ssd"""
TIERS = {"B": "Burstable", "D": "GeneralPurpose", "E": "MemoryOptimized"}
REDUNDANCIES = ("Standard_ZRS", "Standard_LRS", "Standard_GZRS", "Standard_GRS")
"""https://learn.microsoft.com/en-us/azure/storage/common/storage-redundancy"""


@dataclass(frozen=True, kw_only=True)
class FlexibleServer:
    """Azure Database for PostgreSQL, reached from the stack's network alone."""

    size: str
    """Such as Standard_D2ds_v5; its first letter says the tier."""
    storage_gib: int
    """One of `STORAGE_GIB`, default 32; it can grow, never shrink."""
    version: str
    """Major version of PostgreSQL, default 16."""
    backup_retention_days: int
    """How far back it can be restored, default 14."""
    geo_redundant_backup: bool
    """Whether backups survive the loss of the region; can only be chosen when the server is made; default false."""
    high_availability: str
    """One of `HIGH_AVAILABILITY`, default Disabled. A standby costs as much again."""

    @property
    def tier(self) -> str:
        """The tier that the size belongs to."""
        return TIERS[self.size.removeprefix("Standard_")[0]]


@dataclass(frozen=True, kw_only=True)
class KeyVault:
    """A vault that hosts of workers read secrets from, each by an identity of its own."""

    soft_delete_days: int
    """How long what was deleted can be taken back, default 90."""


@dataclass(frozen=True, kw_only=True)
class BlobBackups:
    """A container for copies of the database's backups, in which nothing is lost for a while."""

    redundancy: str
    """One of `REDUNDANCIES`, default Standard_ZRS."""
    immutable_days: int
    """How long everything stays readable as it was written, whatever is overwritten or deleted; default 30."""

    container = "prefect-backups"

    @property
    def repository(self) -> str:
        """The container as restic calls it."""
        return f"azure:{self.container}:/"


def read_flexible_server(table: Table | None) -> FlexibleServer | None:
    """Return the PostgreSQL server from `azure.postgres`; None for none."""
    if table is None:
        return None
    storage = [str(size) for size in STORAGE_GIB]
    server = FlexibleServer(
        size=table.text(
            "size",
            allowed="the size of a flexible server, such as Standard_B2s, Standard_D2ds_v5 or Standard_E2ds_v5",
            example="Standard_D2ds_v5",
            pattern=r"Standard_[BDE][A-Za-z0-9_-]+",
        ),
        storage_gib=table.integer("storageGib", STORAGE_GIB[0], minimum=STORAGE_GIB[0], maximum=STORAGE_GIB[-1]),
        version=str(table.integer("version", 16, minimum=int(VERSIONS[-1]), maximum=int(VERSIONS[0]))),
        backup_retention_days=table.integer("backupRetentionDays", 14, minimum=7, maximum=35),
        geo_redundant_backup=table.boolean("geoRedundantBackup", default=False),
        high_availability=table.choice("highAvailability", HIGH_AVAILABILITY, HIGH_AVAILABILITY[0]),
    )
    if server.storage_gib not in STORAGE_GIB:
        larger = next(size for size in STORAGE_GIB if size > server.storage_gib)
        table.problems.add(
            table.path("storageGib"), f"is {server.storage_gib}", f"one of {', '.join(storage)}", str(larger)
        )
    if server.size.startswith("Standard_B") and server.high_availability != HIGH_AVAILABILITY[0]:
        allowed = f"{HIGH_AVAILABILITY[0]}: the burstable size {server.size} has no standby"
        table.problems.add(
            table.path("highAvailability"), f"is {server.high_availability!r}", allowed, HIGH_AVAILABILITY[0]
        )
    table.finish()
    return server


def read_key_vault(table: Table | None) -> KeyVault | None:
    """Return the vault from `azure.keyVault`; None for none."""
    if table is None:
        return None
    vault = KeyVault(soft_delete_days=table.integer("softDeleteDays", 90, minimum=7, maximum=90))
    table.finish()
    return vault


def read_blob_backups(table: Table | None) -> BlobBackups | None:
    """Return the container from `azure.backups`; None for none."""
    if table is None:
        return None
    backups = BlobBackups(
        redundancy=table.choice("redundancy", REDUNDANCIES, REDUNDANCIES[0]),
        immutable_days=table.integer("immutableDays", 30, minimum=1, maximum=3650),
    )
    table.finish()
    return backups
