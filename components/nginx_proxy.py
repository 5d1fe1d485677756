"""nginx in front of a Prefect server: HTTPS with a certificate that keeps itself fresh."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.host import Host, HostScope, Step
from components.nginx_configuration import (
    ca_certificate,
    certificate_expiry,
    redirect_configuration,
    site_configuration,
)
from components.platforms import HostFile
from components.settings.nginx import Acme, CertificateFiles, NginxSettings, PrivateCa, StackCertificate


@dataclass(frozen=True, kw_only=True)
class NginxProxyArgs:
    """nginx on `host`, where a Prefect server listens on 127.0.0.1."""

    host: Host
    settings: NginxSettings
    upstream_port: int = 4200
    tls_certificate: pulumi.Input[str] | None = None
    """For a `StackCertificate`: the server's certificate, then those between it and the root, in PEM."""
    tls_private_key: pulumi.Input[str] | None = None
    """For a `StackCertificate`: its key, in PEM."""


class NginxProxy(pulumi.ComponentResource):
    """Prefect at its public URL: HTTP sent to HTTPS; UI, API and web sockets passed on to the server."""

    public_url: str
    api_url: str
    has_private_ca: bool
    """Whether nobody trusts the certificate without being told to."""
    certificate_expiry: pulumi.Output[str]
    """When the certificate expires that was there at the last change, in ISO 8601; the host renews it by itself."""
    ca_certificate: pulumi.Output[str]
    """What browsers and workers must trust, in PEM; empty unless the certificate is from the host's private CA."""
    ready: pulumi.Resource
    """nginx shows the site."""

    def __init__(self, name: str, args: NginxProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:NginxProxy", name, None, opts)
        settings = args.settings
        on = args.host.scope(self, name)
        directory = on.path("configuration", "nginx")
        shown = f"{directory}/server.pem"

        redirect = HostFile(path=f"{directory}/prefect-redirect.conf", content=redirect_configuration(settings))
        site = HostFile(
            path=f"{directory}/prefect.conf",
            content=site_configuration(settings, certificate=shown, upstream_port=args.upstream_port),
        )
        server = {"server_name": settings.server_name}
        installed = on.script("install", "install-nginx", {"directory": directory})
        # before the certificate: an ACME authority asks for it by HTTP
        redirecting = _shown(
            on, "redirect", redirect, {**server, "port": str(settings.http_port), "certificate": ""}, after=installed
        )
        certificate = _certificate(on, args, directory, after=redirecting)
        showing = _shown(
            on, "site", site, {**server, "port": str(settings.https_port), "certificate": shown}, after=certificate
        )

        self.public_url = settings.public_url
        self.api_url = f"{settings.public_url}/api"
        self.has_private_ca = isinstance(settings.certificate, PrivateCa)
        self.certificate_expiry = certificate.report.apply(certificate_expiry)
        self.ca_certificate = certificate.report.apply(ca_certificate)
        self.ready = showing.resource
        self.register_outputs(
            {
                "public_url": self.public_url,
                "certificate_expiry": self.certificate_expiry,
                "ca_certificate": self.ca_certificate,
            }
        )


def _shown(on: HostScope, suffix: str, site: HostFile, settings: dict[str, str], *, after: Step) -> Step:
    """Have nginx show a site: its file is written beside nginx, tested, then put in place."""
    written = on.file(f"{suffix}-file", site)
    values: dict[str, pulumi.Input[str]] = {"candidate": site.path, "fingerprint": written.fingerprint}
    return on.script(suffix, "nginx-site", {**settings, **values}, after=[written, after])


def _certificate(on: HostScope, args: NginxProxyArgs, directory: str, *, after: Step) -> Step:
    """Have the certificate where nginx looks for it, from where the settings say."""
    certificate, host = args.settings.certificate, args.settings.host
    values: dict[str, pulumi.Input[str]] = {"directory": directory, "host": host, "chain": "", "key": ""}
    steps: Sequence[Step] = [after]
    match certificate:
        case PrivateCa():
            values["source"] = "private-ca"
        case CertificateFiles():
            values |= {"source": "files", "chain": certificate.chain, "key": certificate.key}
        case Acme():
            values["source"] = "acme"
            request = {"host": host, "email": certificate.email, "authority": certificate.directory}
            steps = [on.script("acme", "acme-certificate", request, after=[after])]
        case StackCertificate():
            chain = HostFile(path=f"{directory}/tls-certificate.pem", content="", mode="0600")
            key = HostFile(path=f"{directory}/tls-private-key.pem", content="", mode="0600")
            steps = [
                on.file("tls-certificate", chain, args.tls_certificate, after=[after]),
                on.file("tls-private-key", key, args.tls_private_key, after=[after]),
            ]
            # a hash of a key tells nothing of it; left secret, it would hide the expiry too
            revision = pulumi.Output.unsecret(pulumi.Output.concat(*(step.fingerprint for step in steps)))
            values |= {"source": "files", "chain": chain.path, "key": key.path, "revision": revision}
    return on.script("certificate", "nginx-certificate", values, after=steps)
