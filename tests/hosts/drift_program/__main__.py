"""One Linux host with one of each thing that can drift: files, services, a timer, a Python environment."""

import time

import pulumi

from components.drift import find_repairs
from components.host import Host, HostArgs
from components.platforms import HostFile, ScheduledTask
from components.settings import ssh_private_key
from tests.hosts.program_host import host_settings, run_clock, run_web

config = pulumi.Config()
settings = host_settings(config)
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
run_web(on, config, host.platform.current("web"), environment=environment, reads=[installed])
run_clock(on)
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
