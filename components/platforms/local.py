"""This very machine, no root needed: services kept by supervisor, everything below one directory."""

import hashlib
import os
import pwd
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from components.platforms import bash
from components.platforms.contract import SCRIPTS, Area, Commands, HostFile, LastRun, Question, ScheduledTask, Service
from components.platforms.posix import Posix

SYSTEM_DIRECTORY = "/var/lib/prefect-selfhost"


def default_directory(checkout: Path, stack: str, host: str, user_id: int) -> str:
    """Return where a local host keeps everything when the stack file does not say.

    Below the checkout for an ordinary user. Services never run as root: for root they run as the system user `prefect`,
    who could not reach a checkout in root's home, so the directory stands in /var/lib, told apart by the checkout.
    """
    if user_id:
        return str(checkout / ".local" / "hosts" / stack / host)
    checkout_id = hashlib.sha256(str(checkout).encode()).hexdigest()[:8]
    return f"{SYSTEM_DIRECTORY}/{checkout_id}/{stack}/{host}"


class Local(Posix):
    """Commands for the machine that runs Pulumi."""

    name = "local"
    preflight: tuple[str, ...] = ("preflight",)

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, area: Area, *parts: str) -> str:
        """Return a path below the host's directory. Sockets stand in `run`: their paths must be short."""
        area = "run" if area == "socket" else area
        return "/".join([self.directory, area, *parts])

    def system_user(self, user: Literal["prefect", "postgres"]) -> str:  # noqa: ARG002 - one for all
        """Return whoever runs Pulumi; for root, services all run as the user `prefect`."""
        user_id = os.geteuid()
        return pwd.getpwuid(user_id).pw_name if user_id else "prefect"

    def file(self, file: HostFile) -> Commands:
        """Write and remove a file as whoever runs Pulumi; for root, services all run as the user `prefect`."""
        return bash.file_commands(file if file.owner == "root" else replace(file, owner="prefect"))

    def script(self, name: str) -> Commands:
        """Run a script of scripts/local as whoever runs Pulumi."""
        return bash.script_commands(name, self.name)

    def payload(self, name: str, settings: Mapping[str, str]) -> str:
        """Return settings, the host's directory (`root`), this checkout's `scripts`, and the script's text."""
        return bash.script_payload(name, self.name, {**settings, "root": self.directory, "scripts": str(SCRIPTS)})

    def drift(self, runs: Sequence[LastRun]) -> Question:
        """Ask as whoever runs Pulumi."""
        return bash.drift_question(runs)

    def service_definition(self, service: Service) -> HostFile:
        """Return a supervisor program, http://supervisord.org/configuration.html#program-x-section-settings."""
        launcher = ["/bin/bash", self.path("configuration", "launch.sh"), *service.environment_files, "--"]
        lines = [
            f"[program:{service.name}]",
            f"command={_quoted([*launcher, *service.command])}",
            f"directory={_escaped(service.working_directory)}",
            "autostart=true",
            "autorestart=true",
            "startsecs=1",
            # supervisor gives up after startretries; a server that waits for its database must not be given up
            "startretries=1000000",
            f"stopsignal={service.stop_signal}",
            f"stopwaitsecs={service.stop_seconds}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_escaped(self.path('log', service.name + '.log'))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=5",
            f"priority={100 * (1 + len(service.after))}",
        ]
        path = self.path("configuration", "services", f"{service.name}.conf")
        return HostFile(path=path, content="\n".join(lines) + "\n")

    def has_program(self, name: str) -> bool:  # noqa: ARG002 - it has none
        """Return that there is none."""
        return False

    def program(self, name: str) -> HostFile:
        """Not offered, as are backups: a Prefect on this machine is for trying things out."""
        raise NotImplementedError(f"the platform local has no program {name}")

    def task_definitions(self, task: ScheduledTask) -> dict[str, HostFile]:
        """Not offered: supervisor runs nothing at set times."""
        raise NotImplementedError(f"the platform local cannot schedule {task.name}")

    def firewall_file(self, rules: str) -> None:
        """Return none: what may reach this machine is its owner's business."""

    def host_files(self) -> dict[str, HostFile]:
        """Return supervisor's configuration and the script that gives a service its environment."""
        configuration = (SCRIPTS / "templates" / "supervisord.conf").read_text()
        launcher = (SCRIPTS / "templates" / "launch.sh").read_text()
        return {
            "supervisor": HostFile(
                path=self.path("configuration", "supervisord.conf"),
                content=configuration.replace("{directory}", _escaped(self.directory)),
            ),
            "launcher": HostFile(path=self.path("configuration", "launch.sh"), content=launcher, mode="0755"),
        }


def _escaped(text: str) -> str:
    """Escape what supervisor would expand."""
    return text.replace("%", "%%")


def _quoted(command: list[str]) -> str:
    """Quote a command for supervisor, which splits it like a shell and expands %(...)s."""
    return _escaped(shlex.join(command))
