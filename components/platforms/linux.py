"""A Linux server reached by SSH, its services kept by systemd."""

from collections.abc import Mapping

from components.platforms import bash
from components.platforms.contract import Area, Commands, HostFile, Service
from components.platforms.sandbox import sandbox_lines

ROOTS: dict[Area, str] = {
    "configuration": "/etc/prefect",
    "data": "/var/lib/prefect",
    "runtime": "/opt/prefect",
    "run": "/run/prefect",
    "log": "/var/log/prefect",
}

PRIVILEGED = "sudo -n "


class Linux:
    """Commands for a user with passwordless sudo on a host with systemd."""

    name = "linux"

    def path(self, area: Area, *parts: str) -> str:
        """Return a path by the Filesystem Hierarchy Standard."""
        return "/".join([ROOTS[area], *parts])

    def python(self, environment: str) -> str:
        """Return the Python of a virtual environment."""
        return self.path("runtime", environment, "bin", "python")

    def file(self, file: HostFile) -> Commands:
        """Write and remove a file as root."""
        return bash.file_commands(file, PRIVILEGED)

    def script(self, name: str) -> Commands:
        """Run a script of scripts/linux as root."""
        return bash.script_commands(name, self.name, PRIVILEGED)

    def payload(self, name: str, settings: Mapping[str, str]) -> str:
        """Return settings and script text."""
        return bash.script_payload(name, self.name, settings)

    def service_definition(self, service: Service) -> HostFile:
        """Return a systemd unit, https://www.freedesktop.org/software/systemd/man/systemd.service.html."""
        units = [f"{name}.service" for name in service.after]
        command = " ".join(_quoted(argument) for argument in service.command)
        lines = [
            "[Unit]",
            f"Description={service.description}",
            f"After={' '.join(['network-online.target', *units])}",
            f"Wants={' '.join(['network-online.target', *units])}",
            # without this systemd gives up on a service that fails five times, such as one that waits for its database
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=exec",
            f"User={service.user}",
            f"WorkingDirectory={service.working_directory}",
            *(f"EnvironmentFile={path}" for path in service.environment_files),
            f"ExecStart={command}",
            "Restart=always",
            "RestartSec=2",
            f"KillSignal=SIG{service.stop_signal}",
            f"TimeoutStopSec={service.stop_seconds}",
            *_runtime_directory(service),
            *sandbox_lines(service),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
        return HostFile(path=f"/etc/systemd/system/{service.name}.service", content="\n".join(lines) + "\n")

    def environment_file(self, variables: Mapping[str, str]) -> str:
        """Return lines as systemd's EnvironmentFile= reads them: plain values are taken literally."""
        return bash.environment_lines(variables)

    def host_files(self) -> dict[str, HostFile]:
        """Nothing: systemd is there."""
        return {}


def _runtime_directory(service: Service) -> list[str]:
    relative = service.runtime_directory.removeprefix("/run/")
    return [f"RuntimeDirectory={relative}"] if relative else []


def _quoted(argument: str) -> str:
    """Quote one word of ExecStart=, where `%` and `$` have meanings of their own."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != argument or not escaped or any(c in argument for c in " \t;'") else argument
