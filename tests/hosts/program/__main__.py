"""One Linux host with a web service that reads a page and a secret, and a service that reads neither."""

import pulumi

from components.host import Host, HostArgs
from tests.hosts.program_host import PORT, host_settings, run_clock, run_web

config = pulumi.Config()
host = Host(
    "host",
    HostArgs(
        settings=host_settings(config, ports=(("webPort", PORT),)),
        ssh_private_key=config.require_secret("sshPrivateKey"),
        purge_on_destroy=config.get_bool("purge", default=False),
    ),
)
on = host.scope(host, "site")
on.script("check", "preflight", {"ports": ""})
run_web(on, config, "/usr/bin/python3", settle_seconds=config.get_int("settleSeconds", default=0))
run_clock(on)
