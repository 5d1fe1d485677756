"""PostgreSQL on one Linux host, used by a Prefect server on another."""

import json

import pulumi

from components.host import Host, HostArgs
from components.postgres_host import PostgresHost, PostgresHostArgs
from tests.hosts.program_host import host_settings

PORT = 5432

config = pulumi.Config()
host = Host(
    "host",
    HostArgs(
        settings=host_settings(config, tunnel_port=config.require_int("tunnelPort"), ports=(("postgres.port", PORT),)),
        ssh_private_key=config.require_secret("sshPrivateKey"),
    ),
)
postgres = PostgresHost(
    "postgres",
    PostgresHostArgs(
        host=host,
        port=PORT,
        max_connections=config.get_int("maxConnections", default=50),
        version="",
        admin_password=config.require_secret("adminPassword"),
        password=config.require_secret("password"),
        clients=[config.require("client")],
        memory_share=0.25,
        settings=json.loads(config.get("settings", default="{}")),
    ),
)
assert postgres.ca_certificate is not None
pulumi.export("caCertificate", postgres.ca_certificate)
