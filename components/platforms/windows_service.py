"""A Windows service, as the text of its definition: pure values, none of them secret.

The service is Shawl, https://github.com/mtkennerly/shawl, which runs the program: it tells the service control manager
how stopping goes, ends the program by Ctrl+C, starts it again when it ends, and keeps its output in rotated logs. The
account is the service's own virtual account, which has no password and no rights but those given to its SID, unless the
stack names one that is known elsewhere, too; the SID of that one is found out on the host.
"""

import hashlib
import json
import subprocess
from collections.abc import Sequence

from components.platforms.contract import Service

RESTART_DELAY_MILLISECONDS = 5000
LOG_BYTES = 10_000_000
LOGS_KEPT = 5


def account(service: str) -> str:
    """Return the virtual account of a service."""
    return f"NT SERVICE\\{service}"


def service_sid(service: str) -> str:
    """Return the SID of a service's account, which is known before the service is there: made of its name's SHA-1.

    https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/sc-showsid
    """
    digest = hashlib.sha1(service.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    parts = (int.from_bytes(digest[start : start + 4], "little") for start in range(0, len(digest), 4))
    return "-".join(["S-1-5-80", *map(str, parts)])


def native(path: str) -> str:
    """Return a path with the separators of Windows, for what takes no others."""
    return path.replace("/", "\\")


def command_line(arguments: Sequence[str]) -> str:
    r"""Return arguments as one line that a program on Windows splits into the same ones.

    https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments

    Raises:
        ValueError: an argument has a % or a line break: the service control manager would expand it, or cut it off.
    """
    for argument in arguments:
        if any(character in argument for character in "%\r\n\0"):
            raise ValueError(
                f"{argument!r} cannot be in the command line of a Windows service: it has % or a line break"
            )
    return subprocess.list2cmdline(arguments)


def definition(service: Service, wrapper: str, command: Sequence[str], log_directory: str) -> str:
    """Return what scripts/windows/service.ps1 makes of `service`, which runs `command` by `wrapper`.

    It names no services that must start before this one: to restart one, Windows would stop all that depend on it, and
    with a worker its flow runs. A program that waits for its database is started until it finds it.
    """
    image_path = command_line(
        [
            *(native(wrapper), "run", "--name", service.name, "--cwd", native(service.working_directory)),
            *("--restart", "--restart-delay", str(RESTART_DELAY_MILLISECONDS), "--kill-process-tree"),
            *("--stop-timeout", str(service.stop_seconds * 1000)),
            *("--log-dir", native(log_directory), "--log-rotate", f"bytes={LOG_BYTES}", "--log-retain", str(LOGS_KEPT)),
            *("--", *command),
        ]
    )
    writes = [service.working_directory, *service.writes, service.runtime_directory, log_directory]
    values = {
        "description": service.description,
        "image_path": image_path,
        "account": service.account or account(service.name),
        "sid": "" if service.account else service_sid(service.name),
        "environment_files": list(service.environment_files),
        "writes": [path for path in writes if path],
        "log_directory": log_directory,
        "stop_seconds": service.stop_seconds,
        "stop_file": service.stop_file,
    }
    return json.dumps(values, indent=2) + "\n"
