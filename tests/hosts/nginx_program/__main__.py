"""nginx on one Linux host, set up by the section `nginx` of a stack file."""

import json

import pulumi

from components.host import Host, HostArgs
from components.nginx_proxy import NginxProxy, NginxProxyArgs
from components.settings.nginx import read_nginx
from components.settings.table import Problems, Table
from tests.hosts.program_host import host_settings

config = pulumi.Config()
machine = host_settings(config)
host = Host("host", HostArgs(settings=machine, ssh_private_key=config.require_secret("sshPrivateKey")))

problems = Problems(pulumi.get_stack())
settings = read_nginx(Table.read(problems, "nginx", json.loads(config.require("nginx"))), (machine,))
problems.raise_if_any()

proxy = NginxProxy(
    "proxy",
    NginxProxyArgs(
        host=host,
        settings=settings,
        tls_certificate=config.get_secret("tlsCertificate"),
        tls_private_key=config.get_secret("tlsPrivateKey"),
    ),
)
pulumi.export("publicUrl", proxy.public_url)
pulumi.export("certificateExpiry", proxy.certificate_expiry)
pulumi.export("caCertificate", proxy.ca_certificate)
