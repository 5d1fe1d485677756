"""Downloads what a Prefect version runs on, for hosts that reach no package index: `make wheelhouse`."""

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from components.platforms import SCRIPTS, prefect_locks
from components.settings.server import supported_versions
from toolchain.process import say

OLDEST_GLIBC, NEWEST_GLIBC = 17, 34
"""Wheels for glibc 2.17 up to 2.34, the oldest of a supported system: RHEL 9's."""
PYTHON_VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Target:
    """The Python that wheels are for."""

    platform: str
    """`linux` or `windows`."""
    python_version: str
    """As `3.11`."""
    architecture: str = "x86_64"
    """Of Linux: `x86_64` or `aarch64`."""

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Its tags, https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/."""
        if self.platform == "windows":
            return ("win_amd64",)
        glibc = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
        return (*(f"manylinux_2_{minor}_{self.architecture}" for minor in glibc), f"manylinux2014_{self.architecture}")

    @property
    def markers(self) -> tuple[Mapping[str, str], ...]:
        """What environment markers are compared with: the first and the last patch release that there can be."""
        windows = self.platform == "windows"
        system = {
            "sys_platform": "win32" if windows else "linux",
            "platform_system": "Windows" if windows else "Linux",
            "os_name": "nt" if windows else "posix",
            "platform_machine": "AMD64" if windows else self.architecture,
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
            "python_version": self.python_version,
        }
        return tuple({**system, "python_full_version": f"{self.python_version}.{patch}"} for patch in (0, 99))


def requirements(lock: str, target: Target) -> str:
    """Return the lines of a lock that `target` needs, without markers: pip would compare these with its own Python."""
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^(#|-r ).*\n", "", lock, flags=re.MULTILINE)).splitlines()
    needed = []
    for line in lines:
        text, *hashes = line.split(" --hash=")
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate(dict(known)) for known in target.markers):
            needed.append(" --hash=".join([f"{requirement.name}{requirement.specifier}", *hashes]))
    return "".join(f"{line}\n" for line in needed)


def download(version: str, target: Target, directory: Path) -> int:
    """Fill `directory` with the wheels of this Prefect version and of the pip that installs it; return pip's status."""
    runtime = SCRIPTS / "runtime"
    locks = [runtime / f"{lock}.txt" for lock in ("pip", *prefect_locks(version, docker=True))]
    with TemporaryDirectory() as scratch:
        needed = Path(scratch) / "requirements.txt"
        needed.write_text("".join(requirements(lock.read_text(), target) for lock in locks))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(needed), "--dest", str(directory)]
        command += ["--implementation=cp", f"--python-version={target.python_version}"]
        command += [f"--platform={platform}" for platform in target.wheel_platforms]
        return subprocess.run(command, check=False).returncode


def main() -> int:
    """Download, and tell what to do with it."""
    parser = argparse.ArgumentParser(prog="make wheelhouse", description=__doc__)
    parser.add_argument("--platform", choices=("linux", "windows"), default="linux")
    parser.add_argument("--architecture", choices=("x86_64", "aarch64"), default="x86_64")
    parser.add_argument("--python-version", choices=PYTHON_VERSIONS, required=True)
    parser.add_argument("--version", choices=supported_versions(), default=supported_versions()[0])
    parser.add_argument("directory", type=Path)
    chosen = parser.parse_args()
    target = Target(chosen.platform, chosen.python_version, chosen.architecture)
    say(f"Prefect {chosen.version} for {target.platform} and Python {target.python_version} (about 30 seconds)")
    if status := download(chosen.version, target, chosen.directory):
        say("error: not all wheels could be downloaded; pip says above which. See that it reaches a package index.")
        return status
    say(f"{chosen.directory} is complete. Copy it to each host, and tell where it is: server.wheelDirectory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
