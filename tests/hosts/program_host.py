"""What the programs of these tests have in common: the host that was booted for them, and two services on it."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.host import HostScope, Step
from components.platforms import HostFile, Service
from components.settings import HostSettings

PORT = 8099
"""Where the web service listens on loopback."""


def host_settings(config: pulumi.Config, **more: Any) -> HostSettings:
    """Return the host that the stack is told of, and what `more` there is to it."""
    return HostSettings(
        name="host",
        platform="linux",
        address=config.require("address"),
        user=config.require("user"),
        host_key=config.require("hostKey"),
        **more,
    )


def run_web(on: HostScope, config: pulumi.Config, python: str, *, reads: Sequence[Step] = (), **more: Any) -> None:
    """Have a service that reads a page and a secret, and what `more` there is to it."""
    page = HostFile(path=on.path("configuration", "site", "index.html"), content=config.require("page"))
    secrets = HostFile(path=on.path("configuration", "web.secrets.env"), content="", mode="0600", owner="prefect")
    token = config.require_secret("token").apply(lambda known: on.environment_file({"TOKEN": known}))
    options = config.get("webOptions", default="").split()
    service = Service(
        name="web",
        description="Shows the page",
        command=(python, "-m", "http.server", str(PORT), "--bind", "127.0.0.1", *options),
        user="prefect",
        working_directory=on.path("configuration", "site"),
        environment_files=(secrets.path,),
        health_url=f"http://127.0.0.1:{PORT}",
        start_seconds=10,
        **more,
    )
    on.service("web", service, reads=[*reads, on.file("page", page), on.file("secrets", secrets, token)])


def run_clock(on: HostScope) -> None:
    """Have a service that reads nothing and answers nobody."""
    service = Service(
        name="clock",
        description="Reads nothing and answers nobody",
        command=("/usr/bin/sleep", "infinity"),
        user="prefect",
        working_directory="/",
        health_url="",
    )
    on.service("clock", service, reads=[])
