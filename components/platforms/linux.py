"""A Linux server reached by SSH, its services kept by systemd."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Literal

from components.platforms import bash
from components.platforms.contract import (
    SCRIPTS,
    Area,
    Commands,
    HostFile,
    LastRun,
    Question,
    ScheduledTask,
    Service,
    requirements_file,
)
from components.platforms.posix import Posix
from components.platforms.sandbox import sandbox_lines, task_sandbox_lines
from components.platforms.watchdog import PROGRAM, is_watched, lines_for_watchdog, timer_of, watchdog_units

ROOTS: dict[Area, str] = {
    "configuration": "/etc/prefect",
    "data": "/var/lib/prefect",
    "runtime": "/opt/prefect",
    "run": "/run/prefect",
    "socket": "/run/prefect/postgresql",
    "log": "/var/log/prefect",
}

AS_ROOT = (
    '[ "$(id -u)" = 0 ] && exec "$@"; sudo -n "$@" && exit; status=$?; user=$(id -un); sudo -n true 2>/dev/null || '
    'echo "error: $user may not act as root on this host without a password. As root there, install sudo and write '
    'into /etc/sudoers.d/$user: $user ALL=(ALL) NOPASSWD: ALL" >&2; exit $status'
)
"""Runs its arguments as root. sudo only says that it failed; whether it was sudo or the command is asked afterwards."""

PRIVILEGED = f"sh -c {shlex.quote(AS_ROOT)} as-root "


class Linux(Posix):
    """Commands for root, or a user with passwordless sudo, on a host with systemd."""

    name = "linux"
    preflight: tuple[str, ...] = ("preflight", "preflight-packages")

    def path(self, area: Area, *parts: str) -> str:
        """Return a path by the Filesystem Hierarchy Standard."""
        return "/".join([ROOTS[area], *parts])

    def system_user(self, user: Literal["prefect", "postgres"]) -> str:
        """Return the user of that name."""
        return user

    def file(self, file: HostFile) -> Commands:
        """Write and remove a file as root."""
        return bash.file_commands(file, PRIVILEGED)

    def script(self, name: str) -> Commands:
        """Run a script of scripts/linux as root."""
        return bash.script_commands(name, self.name, PRIVILEGED)

    def payload(self, name: str, settings: Mapping[str, str]) -> str:
        """Return settings and script text."""
        return bash.script_payload(name, self.name, settings)

    def drift(self, runs: Sequence[LastRun]) -> Question:
        """Ask as root."""
        return bash.drift_question(runs, PRIVILEGED)

    def service_definition(self, service: Service) -> HostFile:
        """Return a systemd unit, https://www.freedesktop.org/software/systemd/man/systemd.service.html."""
        units = [f"{name}.service" for name in service.after]
        watchdog = is_watched(service)
        wanted = [*units, timer_of(service)] if watchdog else units
        command = " ".join(_quoted(argument) for argument in service.command)
        lines = [
            "[Unit]",
            f"Description={service.description}",
            f"After={' '.join(['network-online.target', *units])}",
            f"Wants={' '.join(['network-online.target', *wanted])}",
            # without this systemd gives up on a service that fails five times, such as one that waits for its database
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=exec",
            f"User={service.user}",
            *([f"SupplementaryGroups={' '.join(service.groups)}"] if service.groups else []),
            f"WorkingDirectory={service.working_directory}",
            *(f"EnvironmentFile={path}" for path in service.environment_files),
            f"ExecStart={command}",
            "Restart=always",
            "RestartSec=2",
            # the program alone is told to stop, and ends what it started; what is left at the end of its time is killed
            "KillMode=mixed",
            f"KillSignal=SIG{service.stop_signal}",
            f"TimeoutStopSec={service.stop_seconds}",
            *_runtime_directory(service),
            *sandbox_lines(service),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            *(["", *lines_for_watchdog(service)] if watchdog else []),
        ]
        return _unit(f"{service.name}.service", lines)

    def has_program(self, name: str) -> bool:
        """Return whether there is scripts/linux/programs/`name`."""
        return any((SCRIPTS / self.name / "programs").glob(f"{name}.*"))

    def program(self, name: str) -> HostFile:
        """Return a program of scripts/linux/programs, in whichever language it is written."""
        (source,) = (SCRIPTS / self.name / "programs").glob(f"{name}.*")
        return HostFile(path=self.path("runtime", "bin", name), content=source.read_text(), mode="0755")

    def task_definitions(self, task: ScheduledTask) -> dict[str, HostFile]:
        """Return a systemd timer, the unit it starts and, if somebody is to be told, the unit that a failure starts."""
        units = {"task": _task_unit(task), "timer": _timer_unit(task)}
        if task.on_failure:
            units["failure"] = _failure_unit(task)
        return units

    def firewall_file(self, rules: str) -> HostFile:
        """Return the file that nft reads."""
        return HostFile(path=self.path("configuration", "firewall.nft"), content=rules)

    def host_files(self) -> dict[str, HostFile]:
        """Return the requirements of pip itself, with which every Python environment begins, and the watchdog."""
        program = self.program(PROGRAM)
        return {
            "pip-requirements": requirements_file(self, "pip"),
            "watchdog-program": program,
            **{kind: _unit(name, lines) for kind, (name, lines) in watchdog_units(program.path).items()},
        }


def _runtime_directory(service: Service) -> list[str]:
    relative = service.runtime_directory.removeprefix("/run/")
    return [f"RuntimeDirectory={relative}"] if relative else []


def _task_unit(task: ScheduledTask) -> HostFile:
    services = [f"{name}.service" for name in task.after]
    lines = [
        "[Unit]",
        f"Description={task.description}",
        f"After={' '.join(['network-online.target', *services])}",
        "Wants=network-online.target",
        *(f"RequiresMountsFor={path}" for path in task.writes),
        *([f"OnFailure={task.name}-failed.service"] if task.on_failure else []),
        "",
        "[Service]",
        "Type=oneshot",
        f"User={task.user}",
        f"ExecStart={' '.join(map(_quoted, task.command))}",
        f"TimeoutStartSec={task.time_limit_seconds}",
        # services go first
        "Nice=10",
        "IOSchedulingPriority=7",
        *task_sandbox_lines(task.writes),
    ]
    return _unit(f"{task.name}.service", lines)


def _timer_unit(task: ScheduledTask) -> HostFile:
    lines = [
        "[Unit]",
        f"Description=When to run: {task.description}",
        "",
        "[Timer]",
        f"OnCalendar={task.schedule}",
        f"RandomizedDelaySec={task.random_delay_seconds}",
        "Persistent=yes",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return _unit(f"{task.name}.timer", lines)


def _failure_unit(task: ScheduledTask) -> HostFile:
    lines = [
        "[Unit]",
        f"Description=Tells of the failure of: {task.description}",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={' '.join(map(_quoted, [*task.on_failure, task.name]))}",
        "TimeoutStartSec=300",
        *task_sandbox_lines(()),
    ]
    return _unit(f"{task.name}-failed.service", lines)


def _unit(name: str, lines: list[str]) -> HostFile:
    return HostFile(path=f"/etc/systemd/system/{name}", content="\n".join(lines) + "\n")


def _quoted(argument: str) -> str:
    """Quote one word of ExecStart=, where `%` and `$` have meanings of their own."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != argument or not escaped or any(c in argument for c in " \t;'") else argument
