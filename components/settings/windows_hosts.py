"""Windows servers of a stack file: what their owner has put there."""

from components.platforms.windows import DIRECTORY as DEFAULT_DIRECTORY
from components.platforms.windows import GivenFile, WindowsPrograms
from components.settings.table import Table

_PATH = r"[A-Za-z]:(/[\w.@+~ ()-]*[\w@+~)])+"
_PATH_RULE = "a full path with forward slashes"
DIRECTORY = r"[A-Za-z]:(/[\w.@+~-]*[\w@+~-])+"
"""A full path without blanks, none of its names with a dot at its end, which Windows would take away."""

POSTGRESQL_EXAMPLE = "D:/offline/postgresql-17.6-1-windows-x64-binaries.zip"
POSTGRESQL_DIRECTORY_EXAMPLE = "C:/Program Files/PostgreSQL/17"
RESTIC_EXAMPLE = "D:/offline/restic.exe"
PYTHON_EXAMPLE = "C:/Program Files/Python312/python.exe"

_SHA256 = r"[0-9A-Fa-f]{64}"
_SHA256_RULE = "the SHA-256 of that file, 64 hexadecimal digits, as in PowerShell: (Get-FileHash FILE).Hash"


def read_directory(table: Table, *, in_azure: bool = False) -> str:
    """Return where a Windows server keeps everything of Prefect; a machine in Azure has one disk, C:."""
    place = " on C:, as Azure empties D:, where there is one, when it likes" if in_azure else ""
    # some scripts are told of several files in one line, with blanks between them
    return table.text(
        "directory",
        DEFAULT_DIRECTORY,
        allowed=f"{_PATH_RULE} and without blanks, at most 60 characters{place}",
        example="C:/Prefect" if in_azure else "D:/Prefect",
        pattern=f"(?=.{{4,60}}$){'(?=[Cc])' if in_azure else ''}{DIRECTORY}",
    )


def read_programs(table: Table) -> WindowsPrograms:
    """Return what the owner of a Windows server has put there; what its uses need is checked by `check_uses`."""
    python, python_archive = _python(table)
    postgresql_directory, postgresql = _postgresql(table)
    return WindowsPrograms(
        python=python,
        python_archive=python_archive,
        wrapper=_file_of(table, "shawl", "executable", "D:/offline/shawl.exe"),
        postgresql=postgresql,
        postgresql_directory=postgresql_directory,
        restic=_file_of(table, "restic", "executable", RESTIC_EXAMPLE) if table.has("restic") else None,
        caddy=_file_of(table, "caddy", "executable", "D:/offline/caddy.exe") if table.has("caddy") else None,
        wheel_directory=table.text(
            "wheelDirectory",
            "",
            allowed=f"{_PATH_RULE} of a directory with what make wheelhouse downloads",
            example="D:/offline/wheels",
            pattern=f"|{_PATH}",
        ),
    )


def _python(table: Table) -> tuple[str, GivenFile | None]:
    entry = table.table("python")
    if entry is None:
        return "", None
    executable, archive = "", None
    if entry.has("archive") or entry.has("sha256"):
        entry.refuse("executable", "where there is no python.archive")
        archive = _file(entry, "archive", "D:/offline/python.3.12.10.nupkg")
    else:
        executable = _path(entry, "executable", PYTHON_EXAMPLE)
    entry.finish()
    return executable, archive


def _postgresql(table: Table) -> tuple[str, GivenFile | None]:
    entry = table.table("postgresql")
    if entry is None:
        return "", None
    directory, archive = "", None
    if entry.has("directory") and not (entry.has("archive") or entry.has("sha256")):
        directory = _path(entry, "directory", POSTGRESQL_DIRECTORY_EXAMPLE)
    else:
        entry.refuse("directory", "where there is no postgresql.archive")
        archive = _file(entry, "archive", POSTGRESQL_EXAMPLE)
    entry.finish()
    return directory, archive


def _file_of(table: Table, name: str, kind: str, example: str) -> GivenFile:
    entry = table.table(name) or Table(table.problems, table.path(name), {})
    found = _file(entry, kind, example)
    entry.finish()
    return found


def _file(entry: Table, kind: str, example: str) -> GivenFile:
    sha256 = entry.text("sha256", allowed=_SHA256_RULE, example="0" * 64, pattern=_SHA256)
    return GivenFile(path=_path(entry, kind, example), sha256=sha256.lower())


def _path(entry: Table, name: str, example: str) -> str:
    return entry.text(name, allowed=_PATH_RULE, example=example, pattern=_PATH)
