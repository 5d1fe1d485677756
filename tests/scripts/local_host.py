"""The scripts of the platform `local`, run as Pulumi runs them, in a directory of their own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from components.platforms import SCRIPTS, HostFile, Local, Service
from components.platforms.bash import script_payload

ORDINARY_USER = "nobody"
"""Whom root becomes for what an ordinary user does."""


class ScriptError(AssertionError):
    """A script failed; the message holds all that it printed."""


@dataclass(frozen=True)
class LocalHost:
    """A host of the platform `local` below `directory`, brought about by a user of this machine."""

    directory: Path
    user: str
    environment: dict[str, str] = field(default_factory=dict)
    """Set on top of the tests' own, such as another PATH."""

    @property
    def root(self) -> Path:
        """The host's own directory; it does not exist before `prepare-host`."""
        return self.directory / "host"

    @property
    def platform(self) -> Local:
        """Where things stand, and which commands there are."""
        return Local(str(self.root))

    def run(self, script: str, action: str = "create", **settings: str) -> str:
        """Run a script and return the last line it printed.

        Raises:
            ScriptError: it failed.
        """
        result = self.start(script, action, **settings)
        output, errors = result.communicate(timeout=120)
        if result.returncode:
            raise ScriptError(f"{script} {action} exited {result.returncode}: {output}{errors}")
        return output.strip().rpartition("\n")[2]

    def failure(self, script: str, action: str = "create", **settings: str) -> str:
        """Run a script that is to fail and return what it printed on standard error.

        Raises:
            ScriptError: it succeeded.
        """
        result = self.start(script, action, **settings)
        output, errors = result.communicate(timeout=120)
        if result.returncode == 0:
            raise ScriptError(f"{script} {action} was expected to fail: {output}{errors}")
        return errors

    def start(self, script: str, action: str = "create", **settings: str) -> "subprocess.Popen[str]":
        """Start a script in a process group of its own, its payload on standard input."""
        commands = self.platform.script(script)
        command = commands.create.removesuffix("create") + action
        places = {"root": str(self.root), "scripts": str(self.directory / "scripts")}
        return self._start(command, script_payload(script, self.platform.name, {**places, **settings}))

    def write(self, file: HostFile) -> None:
        """Write a file as a file resource does."""
        process = self._start(self.platform.file(file).create, file.content)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, f"{file.path} could not be written: {output}{errors}"

    def place(self, path: str, text: str) -> None:
        """Put a file below the host's directory, as if the user had made it and the directories above."""
        entry = pwd.getpwnam(self.user)
        file = self.root / path
        missing = [parent for parent in file.parents if not parent.exists()]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for made in (file, *missing):
            os.chown(made, entry.pw_uid, entry.pw_gid)

    def define(self, service: Service) -> None:
        """Write the files that a service needs to be known to supervisor."""
        for file in (*self.platform.host_files().values(), self.platform.service_definition(service)):
            self.write(file)

    def with_programs(self, **texts: str) -> "LocalHost":
        """Return this host, on which shell scripts with these texts are found before other programs."""
        programs = Path(tempfile.mkdtemp(prefix="programs-", dir=self.directory))
        programs.chmod(0o755)
        for name, text in texts.items():
            (programs / name).write_text(f"#!/bin/bash\n{text}")
            (programs / name).chmod(0o755)
        return LocalHost(self.directory, self.user, {**self.environment, "PATH": f"{programs}:{os.environ['PATH']}"})

    def owner(self, path: Path) -> str:
        """Return mode and owner of a file, as in `700 nobody`."""
        status = path.stat()
        return f"{status.st_mode & 0o777:o} {pwd.getpwuid(status.st_uid).pw_name}"

    def _start(self, command: str, stdin: str) -> "subprocess.Popen[str]":
        entry = pwd.getpwnam(self.user)
        switches = entry.pw_uid != os.geteuid()
        with tempfile.TemporaryFile("w+") as payload:
            payload.write(stdin)
            payload.seek(0)
            return subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=self.directory,
                env={**os.environ, "HOME": str(self.directory), **self.environment},
                stdin=payload,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                user=entry.pw_uid if switches else None,
                group=entry.pw_gid if switches else None,
                extra_groups=[] if switches else None,
            )


def make_local_host(user: str) -> LocalHost:
    """Make a host that does not exist yet, in a directory that belongs to the user; remove it with `remove`."""
    # not below pytest's own, which only its owner may enter, and short enough for sockets
    directory = Path(tempfile.mkdtemp(prefix="selfhost-"))
    directory.chmod(0o755)
    shutil.copytree(SCRIPTS, directory / "scripts")
    entry = pwd.getpwnam(user)
    os.chown(directory, entry.pw_uid, entry.pw_gid)
    return LocalHost(directory, user)


def remove(host: LocalHost) -> None:
    """Stop what runs on the host and delete its directory."""
    if host.root.exists():
        host.run("prepare-host", "delete", purge="true", ports="")
    shutil.rmtree(host.directory)
