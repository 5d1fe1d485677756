"""Prefect itself, installed on one host for the servers and workers there."""

from dataclasses import dataclass

import pulumi

from components.host import Host, Step
from components.platforms import SCRIPTS, HostFile, lock_fingerprint, prefect_locks, requirements_file


@dataclass(frozen=True, kw_only=True)
class PrefectRuntimeArgs:
    """Prefect `version`, from its hash-locked requirements."""

    host: Host
    version: str
    wheel_directory: str = ""
    """On the host, with all wheels of the lock; empty for the package index that pip is configured for."""
    docker: bool = False
    """Whether workers here start containers: with Docker, and with what they need to speak to it."""


class PrefectRuntime(pulumi.ComponentResource):
    """A Python environment with one Prefect version, in a directory named after it and its lock."""

    host: Host
    python: str
    """Full path of the environment's Python."""
    environment: str
    """Full path of the environment."""
    installed: Step
    engine: list[Step]
    """Docker, where it is needed."""
    flows_directory: str
    """Where the canary flow stands."""
    flow: Step
    version: str

    def __init__(self, name: str, args: PrefectRuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:PrefectRuntime", name, None, opts)
        on = args.host.scope(self, name)
        locks = prefect_locks(args.version, docker=args.docker)
        name_and_lock = f"{locks[-1]}-{lock_fingerprint(*locks)}"
        self.host = args.host
        self.version = args.version
        self.python = args.host.platform.python(name_and_lock)
        self.environment = on.path("runtime", name_and_lock)
        requirements = [
            on.file(suffix, requirements_file(args.host.platform, lock))
            for suffix, lock in zip(("requirements", "docker-requirements"), locks, strict=False)
        ]
        settings = {"lock": locks[-1], "directory": self.environment, "wheel_directory": args.wheel_directory}
        self.installed = on.script("install", "install-runtime", settings, after=requirements)
        self.engine = [on.script("docker", "install-docker", {})] if args.docker else []
        self.flows_directory = on.path("configuration", "flows")
        canary = (SCRIPTS / "templates" / "canary.py").read_text()
        self.flow = on.file(
            "canary-flow", HostFile(path=on.path("configuration", "flows", "canary.py"), content=canary)
        )
        self.register_outputs({"version": self.version})
