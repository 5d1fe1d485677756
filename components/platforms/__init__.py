"""Platforms: the kinds of hosts, as pure functions from a wish to commands."""

from components.platforms.contract import (
    SCRIPTS,
    Commands,
    HostFile,
    LastRun,
    Platform,
    Question,
    ScheduledTask,
    Service,
    fingerprint,
    lock_fingerprint,
    prefect_locks,
    requirements_file,
)
from components.platforms.linux import Linux
from components.platforms.local import Local, default_directory
from components.platforms.windows import GivenFile, Windows, WindowsPrograms

__all__ = [
    "SCRIPTS",
    "Commands",
    "GivenFile",
    "HostFile",
    "LastRun",
    "Linux",
    "Local",
    "Platform",
    "Question",
    "ScheduledTask",
    "Service",
    "Windows",
    "WindowsPrograms",
    "default_directory",
    "fingerprint",
    "lock_fingerprint",
    "prefect_locks",
    "requirements_file",
]
