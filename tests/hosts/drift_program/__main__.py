"""One Linux host with one of each thing that can drift: files, services, a timer, a Python environment."""

import time

import pulumi

from components.drift import find_repairs
from components.host import Host, HostArgs
from components.platforms import HostFile, ScheduledTask, Service
from components.settings import HostSettings, ssh_private_key

PORT = 8099

config = pulumi.Config()
settings = HostSettings(
    name="host",
    platform="linux",
    address=config.require("address"),
    user=config.require("user"),
    host_key=config.require("hostKey"),
)
started = time.monotonic()
repairs = find_repairs([settings], ssh_private_key(config)) if config.get_bool("drift") else {}
pulumi.log.info(f"looked for drift in {time.monotonic() - started:.2f} s")
host = Host(
    "host", HostArgs(settings=settings, ssh_private_key=config.require_secret("sshPrivateKey"), repairs=repairs)
)
on = host.scope(host, "site")

for number in range(config.get_int("files", default=3)):
    on.file(f"file-{number}", HostFile(path=on.path("configuration", "files", str(number)), content=f"{number}\n" * 99))

environment = on.path("runtime", "prefect-none")
installed = on.script("runtime", "install-runtime", {"lock": "pip", "directory": environment})
page = HostFile(path=on.path("configuration", "site", "index.html"), content=config.require("page"))
secrets = HostFile(path=on.path("configuration", "web.secrets.env"), content="", mode="0600", owner="prefect")
token = config.require_secret("token")

on.service(
    "web",
    Service(
        name="web",
        description="Shows the page",
        command=(host.platform.current("web"), "-m", "http.server", str(PORT), "--bind", "127.0.0.1"),
        environment=environment,
        user="prefect",
        working_directory=on.path("configuration", "site"),
        environment_files=(secrets.path,),
        health_url=f"http://127.0.0.1:{PORT}",
        start_seconds=10,
    ),
    reads=[
        installed,
        on.file("page", page),
        on.file("secrets", secrets, token.apply(lambda known: on.environment_file({"TOKEN": known}))),
    ],
)

on.service(
    "clock",
    Service(
        name="clock",
        description="Reads nothing and answers nobody",
        command=("/usr/bin/sleep", "infinity"),
        user="prefect",
        working_directory="/",
        health_url="",
    ),
    reads=[],
)

on.timer(
    "tick",
    ScheduledTask(
        name="tick",
        description="Does nothing, once a day",
        command=("/usr/bin/true",),
        user="root",
        schedule="02:30",
        time_limit_seconds=60,
    ),
)
