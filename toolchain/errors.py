"""What can go wrong on the way, each told in one line with its remedy."""

import errno
from pathlib import Path

DISK_FULL = ("no space left on device", "errno 28", "disk quota exceeded")
UNREACHABLE = (
    "dial tcp",
    "no such host",
    "proxyconnect",
    "i/o timeout",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "tls handshake",
    "newconnectionerror",
    "max retries exceeded",
    "timed out",
    "temporary failure in name resolution",
    "(from versions: none)",
)
"""Signs, in lower case, with which pip and Go tell that they did not reach a registry."""


class ToolchainError(Exception):
    """The set-up cannot go on; the text is one line: what happened, why, what to do."""


def disk_full(directory: Path, needed: str = "more space") -> ToolchainError:
    """Tell that the disk that holds this directory is full."""
    return ToolchainError(
        f"the disk that holds {directory} is full: {needed} is needed. Free some and run the same command "
        "again; it goes on where it stopped."
    )


def diagnose(what: str, output: str, log: Path, registry_remedy: str) -> ToolchainError:
    """Explain the output of an installer or compiler that failed while getting `what`."""
    text = output.lower()
    if any(sign in text for sign in DISK_FULL):
        return disk_full(log.parent)
    if any(sign in text for sign in UNREACHABLE):
        return ToolchainError(f"{what}: no route to the registry. {registry_remedy} (Details: {log})")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return ToolchainError(f"{what}: {lines[-1] if lines else 'failed without a word'}. (Details: {log})")


def of_the_system(error: OSError, local: Path) -> ToolchainError:
    """Explain an error of the operating system that no step expected."""
    place = error.filename or local
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(local)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return ToolchainError(f"{place} cannot be written: give yourself the right, or clone elsewhere.")
    return ToolchainError(f"{error.strerror or error}: {place}")
