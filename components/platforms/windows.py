"""A Windows server reached by SSH, its services kept by the service control manager.

Paths have forward slashes, which Windows takes as well, and which mean nothing in PostgreSQL's and Prefect's files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from components.platforms import bash, powershell
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
from components.platforms.steps import Script, WrittenFile
from components.platforms.windows_service import definition, service_sid
from components.platforms.windows_task import command, task_xml

PROGRAMS = SCRIPTS / "windows" / "programs"

EVERYBODY = "S-1-5-32-545"
"""The group of all users, by its SID: names of groups are translated.
https://learn.microsoft.com/en-us/windows-server/identity/ad-ds/manage/understand-security-identifiers"""


DIRECTORY = "C:/ProgramData/Prefect"
"""Where a host keeps everything when the stack file does not say."""


@dataclass(frozen=True, kw_only=True)
class GivenFile:
    """A file that a host's owner has put there, and is refused unless it is what was told."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class WindowsPrograms:
    """What no Windows has of itself: the host's owner puts it there, offline if need be, and says where."""

    wrapper: GivenFile
    """Shawl, which runs programs as services."""
    python: str = ""
    """Full path of an installed python.exe, which environments are made of; empty where an archive brings it."""
    python_archive: GivenFile | None = None
    """A zip that has python.exe at its top or in `tools`, as the package `python` of nuget.org."""
    postgresql: GivenFile | None = None
    """The zip of PostgreSQL's programs; None on a host without a database, or where they are installed."""
    postgresql_directory: str = ""
    """Full path of an installation of PostgreSQL, which stays as it is; empty where an archive brings the programs."""
    restic: GivenFile | None = None
    """Copies backups off a host; None where none are copied."""
    caddy: GivenFile | None = None
    """Caddy, which shows the server by HTTPS; None where it is for its own host alone."""
    wheel_directory: str = ""
    """Full path of a directory with all wheels of the locked runtime; empty for a package index."""


class Windows:
    """Commands for an administrator on a Windows server."""

    name = "windows"
    preflight: tuple[str, ...] = ("preflight",)

    def __init__(self, directory: str, programs: WindowsPrograms) -> None:
        self.directory = directory
        self.programs = programs

    def path(self, area: Area, *parts: str) -> str:
        """Return a path below the host's directory, and none for a socket: PostgreSQL has none here."""
        return "" if area == "socket" else "/".join([self.directory, area, *parts])

    def python(self, environment: str) -> str:
        """Return the Python of a virtual environment."""
        return self.path("runtime", environment, "Scripts", "python.exe")

    def current(self, service: str) -> str:
        """Return the Python behind a junction that the service's start moves."""
        return self.python(f"current/{service}")

    def postgresql(self, program: str) -> str:
        """Return a program of PostgreSQL, behind a junction; beside its directory is what it reads."""
        return self.path("runtime", "postgresql", "bin", f"{program}.exe")

    def caddy(self) -> str:
        """Return the full path of the copy of Caddy: named after its content, as one that runs cannot be replaced."""
        given = self.programs.caddy
        return self.path("runtime", f"caddy-{given.sha256[:8].lower()}.exe") if given else ""

    def home(self, service: str) -> str:
        """Return one of its own: what stands there, such as logging.yml, Prefect reads and runs."""
        return self.path("data", service)

    def system_user(self, user: Literal["prefect", "postgres"]) -> str:  # noqa: ARG002 - one for none
        """Return none: each service has an account of its own, and PostgreSQL does not ask who is at the other end."""
        return ""

    def file(self, file: HostFile) -> Commands:  # noqa: ARG002 - all of it is in the payload
        """Write and remove a file."""
        return powershell.script_commands("file")

    def file_payload(self, file: HostFile, content: str) -> str:
        """Return where the file is to be, who may read it besides administrators, its content, and a script's text."""
        reader = file.account or (service_sid(file.service) if file.service else "")
        readers = EVERYBODY if int(file.mode, 8) & 0o004 else reader
        settings = {"path": file.path, "readers": readers, "content": content}
        return powershell.payload("file", {**settings, **self._given()})

    def script(self, name: str) -> Commands:
        """Run a script of scripts/windows."""
        return powershell.script_commands(name)

    def payload(self, name: str, settings: Mapping[str, str]) -> str:
        """Return settings, what this host has been given, and script text."""
        return powershell.script_payload(name, {**settings, **self._given()})

    def drift(self, runs: Sequence[LastRun]) -> Question:
        """Ask as an administrator."""
        return powershell.drift_question(runs)

    def service_definition(self, service: Service) -> HostFile:
        """Return what the service control manager and Shawl are to be told, as JSON."""
        program, *arguments = service.command
        command = [program, *arguments]
        if service.environment_files:
            # PYTHON... variables would come too late: the interpreter runs when they are read
            command = [program, "-X", "utf8", "-u", self.launcher, *service.environment_files, "--", *arguments]
        text = definition(service, self.wrapper, command, self.path("log", service.name))
        return HostFile(path=self.path("configuration", "services", f"{service.name}.json"), content=text)

    @property
    def launcher(self) -> str:
        """Full path of the program that gives a service its environment."""
        return self.path("runtime", "launch.py")

    @property
    def wrapper(self) -> str:
        """Full path of the copy of Shawl: named after its content, as one that runs cannot be replaced."""
        return self.path("runtime", f"shawl-{self.programs.wrapper.sha256[:8].lower()}.exe")

    @property
    def base_python(self) -> str:
        """Full path of the Python that environments are made of: one that is installed, or what an archive brings."""
        archive = self.programs.python_archive
        if archive is None:
            return self.programs.python
        return self.path("runtime", f"python-{archive.sha256[:8].lower()}", "python.exe")

    @property
    def postgresql_programs(self) -> str:
        """Full path of the directory with PostgreSQL's `bin`: an installation, or what an archive brings."""
        archive = self.programs.postgresql
        if archive is None:
            return self.programs.postgresql_directory
        return self.path("runtime", f"postgresql-{archive.sha256[:8].lower()}")

    def stop_file(self, service: str) -> str:
        """Return one: Ctrl+C reaches all that shares a console, and Prefect ends its flow runs by it."""
        return self.path("run", f"{service}.stop")

    def has_program(self, name: str) -> bool:
        """Return whether there is scripts/windows/programs/`name`.ps1."""
        return (PROGRAMS / f"{name}.ps1").exists()

    def program(self, name: str) -> HostFile:
        """Return a PowerShell program."""
        text = (PROGRAMS / f"{name}.ps1").read_text(encoding="ascii")
        return HostFile(path=self.path("runtime", "bin", f"{name}.ps1"), content=text)

    def task_definitions(self, task: ScheduledTask) -> dict[str, HostFile]:
        """Return the task as Task Scheduler reads it."""
        text = task_xml(task, command(self.program("run-task").path, task))
        return {"definition": HostFile(path=self.path("configuration", "tasks", f"{task.name}.xml"), content=text)}

    def firewall_file(self, rules: str) -> None:
        """Return none: Windows Firewall drops what no rule lets in, and has a rule for each port."""

    def environment_file(self, variables: Mapping[str, str]) -> str:
        """Return NAME=value lines, taken literally by launch.py."""
        return bash.environment_lines(variables)

    def host_files(self) -> dict[str, HostFile]:
        """Return the requirements of pip, the program that gives a service its environment, and what all tasks need."""
        launcher = (SCRIPTS / "templates" / "launch.py").read_text()
        return {
            "pip-requirements": requirements_file(self, "pip"),
            "launcher": HostFile(path=self.launcher, content=launcher),
            "words": HostFile(path=self.path("runtime", "bin", "prelude.ps1"), content=powershell.prelude()),
            "programs": self.program("programs"),
            "task-runner": self.program("run-task"),
        }

    def _given(self) -> dict[str, str]:
        """Return what every script may ask for: where everything is, and what the host's owner put there."""
        programs = self.programs
        python, postgresql, restic, caddy = (
            programs.python_archive,
            programs.postgresql,
            programs.restic,
            programs.caddy,
        )
        return {
            "root": self.directory,
            "wrapper": self.wrapper,
            "wrapper_source": self.programs.wrapper.path,
            "wrapper_sha256": self.programs.wrapper.sha256,
            "base_python": self.base_python,
            "python_archive": python.path if python else "",
            "python_archive_sha256": python.sha256 if python else "",
            "postgresql_programs": self.postgresql_programs,
            "postgresql_archive": postgresql.path if postgresql else "",
            "postgresql_archive_sha256": postgresql.sha256 if postgresql else "",
            "restic_source": restic.path if restic else "",
            "restic_sha256": restic.sha256 if restic else "",
            "caddy": self.caddy(),
            "caddy_source": caddy.path if caddy else "",
            "caddy_sha256": caddy.sha256 if caddy else "",
        }


def read_step(create: str, stdin: str | None) -> WrittenFile | Script | None:
    """Return what a command for a Windows host does, which its stdin alone tells; None of one secret or unknown."""
    if not create.startswith(f"{powershell.PROGRAM} "):
        return None
    try:
        name, settings = powershell.read_payload(stdin or "")
    except ValueError:
        return None
    if name == "file":
        mode = "0644" if settings["readers"] == EVERYBODY else "0600"
        return WrittenFile(path=settings["path"], mode=mode, owner="root", content=settings["content"])
    return Script(name=name, settings=settings)
