"""One Windows server: Prefect, a service that reads a page and a secret, and a password that only a script reads."""

import pulumi

from components.host import Host, HostArgs
from components.platforms import GivenFile, HostFile, Service, WindowsPrograms
from components.prefect_runtime import PrefectRuntime, PrefectRuntimeArgs
from components.settings import HostSettings

config = pulumi.Config()
host = Host(
    "win",
    HostArgs(
        settings=HostSettings(
            name="win",
            platform="windows",
            address="127.0.0.1",
            port=config.require_int("port"),
            user=config.require("user"),
            host_key=config.require("hostKey"),
            directory="D:/Prefect",
            windows=WindowsPrograms(
                python="C:/Program Files/Python312/python.exe",
                wrapper=GivenFile(path="D:/offline/shawl.exe", sha256="ab" * 32),
            ),
            ports=(("webPort", 8099),),
        ),
        purpose={"roles": "server", "names": "", "packages": "", "wheel_directory": "D:/offline/wheels"},
        ssh_private_key=config.require_secret("sshPrivateKey"),
    ),
)
runtime = PrefectRuntime("prefect", PrefectRuntimeArgs(host=host, version="3.8.8", wheel_directory="D:/offline/wheels"))
on = host.scope(host, "site")
page = HostFile(path=on.path("configuration", "page.env"), content=f"PAGE={config.require('page')}\n")
secrets = HostFile(path=on.path("configuration", "web.secrets.env"), content="", mode="0600", service="web")
token = config.require_secret("token")
on.script("password", "set-postgresql-password", {"port": "5432", "password": config.require_secret("password")})
on.service(
    "web",
    Service(
        name="web",
        description="Shows the page",
        command=(host.platform.current("web"), "-m", "http.server", "8099"),
        environment=runtime.environment,
        user="prefect",
        working_directory=on.path("data", "web"),
        environment_files=(page.path, secrets.path),
        health_url="http://127.0.0.1:8099",
    ),
    reads=[
        runtime.installed,
        on.file("page", page),
        on.file("secrets", secrets, token.apply(lambda known: on.environment_file({"TOKEN": known}))),
    ],
)
