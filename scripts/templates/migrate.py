"""Brings the schema of the Prefect database to a revision, up or down.

Usage: migrate.py [REVISION]. Without one it is the newest that this Prefect version knows. Run by the Python of a
Prefect version, with the server's settings in the environment. The last line is the revision before and after. If this
version does not know the database's revision, as that is of a newer one, nothing is done, the last line is the wished
revision and the exit status is 3.
"""

import asyncio
import os
import sys
from pathlib import Path

# indexes of large tables take longer than any request may
os.environ["PREFECT_SERVER_DATABASE_TIMEOUT"] = "86400"

import prefect.server.database
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from prefect.server.database.alembic_commands import alembic_downgrade, alembic_upgrade
from prefect.server.database.dependencies import provide_database_interface
from prefect.utilities.asyncutils import run_sync_in_worker_thread
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LOCK = 7133328  # any number of ours: "prefect" on a telephone, nearly
UNKNOWN = 3
OLDEST = 140009
"""PostgreSQL 14.9, https://docs.prefect.io/v3/how-to-guides/self-hosted/server-cli"""


class RefusalError(Exception):
    """The migration cannot be done; the message says what, why and what to do."""


async def migrate(wished: str | None) -> str:
    """Bring the schema to `wished` and return the revision before and after."""
    database = provide_database_interface()
    migrations = Path(prefect.server.database.__file__).parent / "_migrations"
    known = ScriptDirectory(str(migrations), version_locations=[str(database.orm.versions_dir)])
    wished = wished or known.get_current_head()
    engine = await database.engine()
    async with engine.connect() as connection:
        # an open transaction would hold up what is built concurrently
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await check_version(connection)
        if not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            raise RefusalError("another migration of this database is running. Wait for its end, then up again.")
        before = await revision(connection)
        if before and not is_known(known, before):
            sys.stdout.write(f"{wished}\n")
            raise SystemExit(UNKNOWN)
        if before != wished:
            older = before and wished in {script.revision for script in known.iterate_revisions(before, "base")}
            await run_sync_in_worker_thread(alembic_downgrade if older else alembic_upgrade, wished)
        await rebuild_invalid_indexes(connection)
        return f"{before or 'none'} {await revision(connection)}"


async def check_version(connection: AsyncConnection) -> None:
    """Refuse a PostgreSQL that Prefect is not run on, wherever it is."""
    version = int(await connection.scalar(text("SHOW server_version_num")))
    if version < OLDEST:
        raise RefusalError(
            f"the database is PostgreSQL {version // 10000}.{version % 10000}, older than 14.9, which Prefect needs."
            " Upgrade it, or name another server: postgres.address"
        )


def is_known(known: ScriptDirectory, revision: str) -> bool:
    """Tell whether this Prefect version has the migration that made `revision`."""
    try:
        return known.get_revision(revision) is not None
    except CommandError:
        return False


async def revision(connection: AsyncConnection) -> str | None:
    """Return the schema's revision; None where there is no schema yet."""
    if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    return await connection.scalar(text("SELECT version_num FROM alembic_version"))


async def rebuild_invalid_indexes(connection: AsyncConnection) -> None:
    """Rebuild what an interrupted CREATE INDEX CONCURRENTLY left: the next migration takes it for done."""
    invalid = text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    for index in (await connection.scalars(invalid)).all():
        await connection.execute(text(f"REINDEX INDEX CONCURRENTLY {index}"))
    if left := (await connection.scalars(invalid)).all():
        raise RefusalError(f"these indexes are invalid, and rebuilding did not help: {', '.join(left)}")


if __name__ == "__main__":
    try:
        sys.stdout.write(asyncio.run(migrate(*(sys.argv[1:] or [None]))) + "\n")
    except RefusalError as refusal:
        sys.exit(f"error: {refusal}")
