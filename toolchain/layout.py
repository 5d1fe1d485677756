"""Where everything is: the checkout, and its one ignored directory."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths of one checkout. `root` is absolute; all else is below `root/.local`."""

    root: Path

    @property
    def local(self) -> Path:
        """Everything that is not in Git: tools, caches, state."""
        return self.root / ".local"

    @property
    def bin(self) -> Path:
        """The Pulumi CLI and its language host, if they were not on PATH."""
        return self.local / "bin"

    @property
    def venv(self) -> Path:
        """The Python libraries of the program."""
        return self.local / "venv"

    @property
    def test_venv(self) -> Path:
        """The same libraries with those of the tests and checks."""
        return self.local / "venv-test"

    @property
    def pulumi_home(self) -> Path:
        """Pulumi's own directory, with the plugins."""
        return self.local / "pulumi"

    @property
    def state(self) -> Path:
        """Pulumi's file backend."""
        return self.local / "state"

    @property
    def passphrase(self) -> Path:
        """The passphrase that encrypts the secrets of stacks in the file backend."""
        return self.local / "passphrase"

    @property
    def go(self) -> Path:
        """Module and build cache of a Go build; only there until it has succeeded."""
        return self.local / "go"

    @property
    def go_toolchain(self) -> Path:
        """Go itself, if PATH had none; only there until the build has succeeded."""
        return self.local / "go-toolchain"

    @property
    def temporary(self) -> Path:
        """Scratch space of installers, on the same disk; emptied by every set-up."""
        return self.local / "tmp"

    @property
    def logs(self) -> Path:
        """The whole output of installers and compilers."""
        return self.local / "logs"

    @property
    def stamps(self) -> Path:
        """What is installed, one small file each."""
        return self.local / "stamps"

    @property
    def requirements(self) -> Path:
        """The locked libraries of the program."""
        return self.root / "requirements.txt"

    @property
    def test_requirements(self) -> Path:
        """The locked libraries of the tests and checks."""
        return self.root / "tests" / "requirements.txt"

    @property
    def azure_requirements(self) -> Path:
        """The locked libraries that only stacks in Azure need."""
        return self.root / "components" / "azure" / "requirements.txt"

    @property
    def program_requirements(self) -> list[Path]:
        """What is locked for the program and the stack files that there are."""
        in_azure = re.compile(r"(?m)^\s+prefect-selfhost:azure:")
        files = self.root.glob("Pulumi.*.yaml")
        uses_azure = any(in_azure.search(file.read_text(encoding="utf-8")) for file in files)
        return [self.requirements, *([self.azure_requirements] if uses_azure else [])]

    @property
    def go_modules(self) -> Path:
        """A Go module for each program that is built, and the lock of Go itself."""
        return self.root / "toolchain" / "go"

    @property
    def cli_version(self) -> str:
        """Version of the Pulumi CLI to build, and the oldest to use from PATH, such as `3.259.0`."""
        return _find(r"pulumi/pkg/v3 v(\S+)", self.go_modules / "cli" / "go.mod")

    @property
    def azure_version(self) -> str:
        """Version of pulumi-azure-native and of its plugin, such as `3.29.0`."""
        return _find(r"(?m)^pulumi-azure-native==(\S+)", self.azure_requirements)

    def library_version(self, library: str) -> str:
        """Version of a Python library in the lock, such as `1.2.1`."""
        return _find(rf"(?m)^{re.escape(library)}==(\S+)", self.requirements)


def _find(pattern: str, file: Path) -> str:
    match = re.search(pattern, file.read_text(encoding="utf-8"))
    if match is None:
        raise LookupError(f"{file} has no line that matches {pattern}")
    return match[1]
