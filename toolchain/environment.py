"""The settings that a shell needs to use the toolchain; the user's own always win."""

import json
import os
import re
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from toolchain import files
from toolchain.errors import ToolchainError
from toolchain.layout import Layout


def settings(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """Tell what to set unless the user has set something else, such as `PULUMI_HOME`; PATH is not among it.

    A user's backend is kept as it is, whether a variable, a `pulumi login` or Pulumi.yaml names it, and so is
    how its secrets are encrypted: our file backend and our passphrase come together or not at all.
    """
    ours = {
        "PULUMI_HOME": str(layout.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_RUN_PROGRAM": "true",
    }
    login = login_directory(layout, environ)
    if uses_file_backend(layout, environ):
        ours["PULUMI_BACKEND_URL"] = file_backend(layout)
        if not environ.get("PULUMI_CONFIG_PASSPHRASE"):
            ours["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(layout.passphrase)
    elif login:
        ours["PULUMI_CREDENTIALS_PATH"] = str(login)
    return {name: value for name, value in ours.items() if environ.get(name, "") in {"", value}}


def file_backend(layout: Layout) -> str:
    """Tell the URL of the backend in the checkout.

    It keeps no attributes beside its files: those are not replaced at once as the files are, and after one that was cut
    off by a kill no command could open the stack. https://pkg.go.dev/gocloud.dev/blob/fileblob#URLOpener
    """
    return f"file://{layout.state}?metadata=skip"


def uses_file_backend(layout: Layout, environ: Mapping[str, str]) -> bool:
    """Tell whether stacks are kept in the checkout, because the user has named no place for them."""
    backend = environ.get("PULUMI_BACKEND_URL")
    if backend:
        return backend == file_backend(layout)
    named = re.search(r"(?m)^backend:", (layout.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    return not named and not environ.get("PULUMI_ACCESS_TOKEN") and login_directory(layout, environ) is None


def login_directory(layout: Layout, environ: Mapping[str, str]) -> Path | None:
    """Find the directory that holds the user's `pulumi login`, if there is one."""
    named = environ.get("PULUMI_CREDENTIALS_PATH") or environ.get("PULUMI_HOME")
    home = environ.get("HOME")
    directory = Path(named) if named else Path(home) / ".pulumi" if home else None
    if directory is None or directory == layout.pulumi_home:
        return None
    try:
        credentials = json.loads((directory / "credentials.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return directory if isinstance(credentials, dict) and credentials.get("current") else None


def prepare(layout: Layout, added: Mapping[str, str]) -> None:
    """Make what the settings name: directories, and the passphrase of the file backend.

    Raises ToolchainError if the passphrase is gone although there are stacks that need it.
    """
    for name, directory in (("PULUMI_HOME", layout.pulumi_home), ("PULUMI_BACKEND_URL", layout.state)):
        if name in added:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if "PULUMI_CONFIG_PASSPHRASE_FILE" not in added or layout.passphrase.exists():
        return
    if any(layout.state.glob(".pulumi/stacks/**/*.json")):
        raise ToolchainError(
            f"{layout.passphrase} is gone, and nothing else opens the secrets of the stacks in {layout.state}. "
            "Put it back from a backup, or set PULUMI_CONFIG_PASSPHRASE to what it held."
        )
    files.place_text(layout.passphrase, f"{secrets.token_urlsafe(32)}\n", mode=0o600)


def with_first(path: str, *first: Path) -> str:
    """Put directories first on a PATH, each once."""
    ahead = [str(directory) for directory in first]
    return os.pathsep.join(ahead + [part for part in path.split(os.pathsep) if part not in ahead])


def exports(added: Mapping[str, str], path: str, *first: Path) -> str:
    """Write settings as lines that a POSIX shell can evaluate, whatever characters are in them.

    PATH is told as what comes before the shell's own: a version switcher may have changed the one seen here.
    """
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in added.items()]
    ahead = os.pathsep.join(str(directory) for directory in first)
    if not f"{path}{os.pathsep}".startswith(f"{ahead}{os.pathsep}"):
        lines.insert(0, f'export PATH={shlex.quote(ahead)}:"$PATH"\n')
    return "".join(lines)
