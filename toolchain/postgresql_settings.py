"""Prints components/postgresql/catalogue.json: what PostgreSQL's settings are, asked of PostgreSQL itself.

Run when a PostgreSQL version comes or goes: `python -m toolchain.postgresql_settings BINARIES... >catalogue.json`, each
a directory with `initdb` and `postgres`, one for each major version.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

BUILD_OPTIONS = {
    "default_toast_compression": ["lz4"],
    "io_method": ["io_uring"],
    "wal_compression": ["lz4", "zstd"],
}
"""Values that PostgreSQL knows only if it was built with a library, as distributions do."""

_QUERY = """
SELECT name, vartype, unit, min_val, max_val, enumvals, context FROM pg_settings
WHERE context <> 'internal' AND category NOT IN ('Developer Options', 'Customized Options')
"""


def settings_of(binaries: Path) -> dict[str, dict[str, Any]]:
    """Return what these programs say of each setting that may stand in postgresql.conf, by name.

    Raises:
        subprocess.CalledProcessError: no cluster can be made with them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        data, output = Path(scratch, "data"), Path(scratch, "settings.json")
        initdb = ("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N", "-D")
        # in single-user mode a statement ends with the line
        query = " ".join(f"COPY (SELECT jsonb_agg(s) FROM ({_QUERY}) s) TO '{output}'".split())  # noqa: S608 - our own
        as_user = _unprivileged(scratch)
        for program, *arguments in [(*initdb, str(data)), ("postgres", "--single", "-D", str(data), "postgres")]:
            command = [*as_user, str(binaries / program), *arguments]
            subprocess.run(command, check=True, capture_output=True, input=query, text=True, cwd="/")
        # COPY would escape backslashes and line breaks; JSON from jsonb has neither here
        rows: list[dict[str, Any]] = json.loads(output.read_text())
    return {row.pop("name"): {key: value for key, value in row.items() if value is not None} for row in rows}


def _unprivileged(directory: str) -> list[str]:
    """Return how to start PostgreSQL, which does not start for root, so that it may write into `directory`."""
    if os.geteuid():
        return []
    shutil.chown(directory, "nobody")
    return ["runuser", "-u", "nobody", "--"]


def catalogue(versions: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return every setting as the newest version that has it tells it, with major versions in place of its context.

    They are the `first` and the `last` that have it, and the last in which a change needs a restart, if there is any.
    """
    merged: dict[str, dict[str, Any]] = {}
    for version, settings in sorted(versions.items()):
        for name, facts in settings.items():
            before = merged.get(name, {})
            told = {key: value for key, value in facts.items() if key != "context"}
            merged[name] = {**told, "first": before.get("first", version), "last": version}
            restart_last = version if facts["context"] == "postmaster" else before.get("restart_last")
            if restart_last:
                merged[name]["restart_last"] = restart_last
    for name, values in BUILD_OPTIONS.items():
        if name in merged:
            merged[name]["enumvals"] = sorted({*merged[name]["enumvals"], *values})
    return dict(sorted(merged.items()))


def main(directories: Iterable[str]) -> None:
    """Print the catalogue, one line for each setting."""
    versions = {}
    for directory in directories:
        told = subprocess.run([f"{directory}/postgres", "--version"], check=True, capture_output=True, text=True)
        versions[int(told.stdout.split()[2].split(".")[0])] = settings_of(Path(directory))
    lines = [f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in catalogue(versions).items()]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
