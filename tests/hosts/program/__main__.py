"""One Linux host with a web service that reads a page and a secret, and a service that reads neither."""

import pulumi

from components.host import Host, HostArgs
from components.platforms import HostFile, Service
from components.settings import HostSettings

PORT = 8099

config = pulumi.Config()
host = Host(
    "host",
    HostArgs(
        settings=HostSettings(
            name="host",
            platform="linux",
            address=config.require("address"),
            user=config.require("user"),
            host_key=config.require("hostKey"),
            ports=(("webPort", PORT),),
        ),
        ssh_private_key=config.require_secret("sshPrivateKey"),
        purge_on_destroy=config.get_bool("purge", default=False),
    ),
)
on = host.scope(host, "site")

on.script("check", "preflight", {"ports": ""})

page = HostFile(path=on.path("configuration", "site", "index.html"), content=config.require("page"))
secrets = HostFile(path=on.path("configuration", "web.secrets.env"), content="", mode="0600", owner="prefect")
token = config.require_secret("token")

on.service(
    "web",
    Service(
        name="web",
        description="Shows the page",
        command=(
            *("/usr/bin/python3", "-m", "http.server", str(PORT), "--bind", "127.0.0.1"),
            *config.get("webOptions", default="").split(),
        ),
        user="prefect",
        working_directory=on.path("configuration", "site"),
        environment_files=(secrets.path,),
        health_url=f"http://127.0.0.1:{PORT}",
        start_seconds=10,
        settle_seconds=config.get_int("settleSeconds", default=0),
    ),
    reads=[
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
