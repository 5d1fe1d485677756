"""Prefect itself, installed on one host for the servers and workers there."""

from dataclasses import dataclass

import pulumi

from components.host import Host, Step
from components.platforms import SCRIPTS, HostFile, lock_fingerprint


@dataclass(frozen=True, kw_only=True)
class PrefectRuntimeArgs:
    """Prefect `version`, from its hash-locked requirements."""

    host: Host
    version: str
    wheel_directory: str = ""
    """On the host, with all wheels of the lock; empty for the package index that pip is configured for."""


class PrefectRuntime(pulumi.ComponentResource):
    """A Python environment with one Prefect version, in a directory named after it and its lock."""

    host: Host
    python: str
    """Full path of the environment's Python."""
    environment: str
    """Full path of the environment."""
    installed: Step
    flows_directory: str
    """Where the canary flow stands."""
    flow: Step
    version: str

    def __init__(self, name: str, args: PrefectRuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PrefectRuntime", name, None, opts)
        on = args.host.scope(self, name)
        lock = f"prefect-{args.version}"
        name_and_lock = f"{lock}-{lock_fingerprint(lock)}"
        self.host = args.host
        self.version = args.version
        self.python = args.host.platform.python(name_and_lock)
        self.environment = on.path("runtime", name_and_lock)
        requirements = on.file(
            "requirements",
            HostFile(
                path=on.path("runtime", "requirements", f"{lock}.txt"),
                content=(SCRIPTS / "runtime" / f"{lock}.txt").read_text(),
            ),
        )
        settings = {"lock": lock, "directory": self.environment, "wheel_directory": args.wheel_directory}
        self.installed = on.script("install", "install-runtime", settings, after=[requirements])
        self.flows_directory = on.path("configuration", "flows")
        canary = (SCRIPTS / "templates" / "canary.py").read_text()
        self.flow = on.file(
            "canary-flow", HostFile(path=on.path("configuration", "flows", "canary.py"), content=canary)
        )
        self.register_outputs({"version": self.version})
