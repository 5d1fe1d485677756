"""Caddy in front of a Prefect server: HTTPS on a Windows host."""

from dataclasses import dataclass

import pulumi

from components.caddy_configuration import site_configuration
from components.https_proxy import HttpsProxyArgs, carried_certificate
from components.platforms import HostFile, Service
from components.public_url import ca_certificate, certificate_expiry
from components.settings.caddy import CaddySettings
from components.settings.https import PrivateCa, StackCertificate

SERVICE = "prefect-caddy"


@dataclass(frozen=True, kw_only=True)
class CaddyProxyArgs(HttpsProxyArgs):
    """Caddy on a host with a Prefect server."""

    settings: CaddySettings


class CaddyProxy(pulumi.ComponentResource):
    """An `HttpsProxy`: Caddy, as a service that reads what a script has tested."""

    public_url: str
    api_url: str
    has_private_ca: bool
    certificate_expiry: pulumi.Output[str]
    ca_certificate: pulumi.Output[str]
    ready: pulumi.Resource

    def __init__(self, name: str, args: CaddyProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:CaddyProxy", name, None, opts)
        settings, program = args.settings, args.host.platform.caddy()
        on = args.host.scope(self, name)
        storage, read = on.path("data", SERVICE), on.path("configuration", "caddy", "Caddyfile")
        candidate = HostFile(
            path=on.path("configuration", "caddy", "declared", "Caddyfile"),
            content=site_configuration(
                settings,
                storage=storage,
                certificate=on.path("configuration", "caddy", "certificate.pem"),
                key=on.path("configuration", "caddy", "private-key.pem"),
                upstream_port=args.upstream_port,
            ),
        )
        shown = {"service": SERVICE, "server_name": settings.host, "port": str(settings.https_port)}
        is_carried = isinstance(settings.certificate, StackCertificate)
        chain, key, carried = carried_certificate(on, args, "caddy", "declared") if is_carried else ("", "", [])
        installed = on.script("install", "install-caddy", {})
        site = on.script(
            "site",
            "caddy-site",
            {**shown, "candidate": candidate.path, "chain": chain, "key": key},
            reads=[on.file("site-file", candidate), *carried],
            after=[installed],
        )
        service = on.service(
            "service",
            Service(
                name=SERVICE,
                description="Caddy, which shows Prefect by HTTPS",
                command=(program, "run", "--adapter", "caddyfile", "--config", read),
                user="prefect",
                working_directory=storage,
                health_url="",
                # with a port that is taken it starts, and ends at once
                settle_seconds=5,
                stop_seconds=30,
            ),
            # the script restarts it for another site
            reads=[installed],
            after=[site],
        )
        authority = "" if is_carried else on.path("data", SERVICE, "pki", "authorities", "local", "root.crt")
        certificate = on.script(
            "certificate", "caddy-certificate", {**shown, "authority": authority}, reads=[site, service]
        )
        self.public_url = settings.public_url
        self.api_url = f"{settings.public_url}/api"
        self.has_private_ca = isinstance(settings.certificate, PrivateCa)
        self.certificate_expiry = certificate.report.apply(certificate_expiry)
        self.ca_certificate = certificate.report.apply(ca_certificate)
        self.ready = certificate.resource
        self.register_outputs(
            {
                "public_url": self.public_url,
                "certificate_expiry": self.certificate_expiry,
                "ca_certificate": self.ca_certificate,
            }
        )
