"""nginx in front of a Prefect server: HTTPS with a certificate that keeps itself fresh."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi

from components.host import HostScope, Step
from components.https_proxy import HttpsProxyArgs, carried_certificate
from components.nginx_configuration import redirect_configuration, site_configuration
from components.platforms import HostFile, ScheduledTask
from components.public_url import ca_certificate, certificate_expiry
from components.settings.https import PrivateCa, StackCertificate
from components.settings.nginx import Acme, CertificateFiles, NginxSettings

RENEWAL = "renew-nginx-certificate"
ISSUE = "issue-certificate"


@dataclass(frozen=True, kw_only=True)
class NginxProxyArgs(HttpsProxyArgs):
    """nginx on a host with a Prefect server."""

    settings: NginxSettings


class NginxProxy(pulumi.ComponentResource):
    """An `HttpsProxy`: nginx, with a certificate that keeps itself fresh."""

    public_url: str
    api_url: str
    has_private_ca: bool
    certificate_expiry: pulumi.Output[str]
    ca_certificate: pulumi.Output[str]
    ready: pulumi.Resource

    def __init__(self, name: str, args: NginxProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("prefect-selfhost:index:NginxProxy", name, None, opts)
        settings = args.settings
        on = args.host.scope(self, name)
        directory = on.path("configuration", "nginx")
        shown = on.path("configuration", "nginx", "server.pem")

        redirect = HostFile(
            path=on.path("configuration", "nginx", "prefect-redirect.conf"), content=redirect_configuration(settings)
        )
        site = HostFile(
            path=on.path("configuration", "nginx", "prefect.conf"),
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
    return on.script(suffix, "nginx-site", {**settings, "candidate": site.path}, reads=[written], after=[after])


def _certificate(on: HostScope, args: NginxProxyArgs, directory: str, *, after: Step) -> Step:
    """Have the certificate where nginx looks for it, and have it looked after."""
    origin, files, obtained = _origin(on, args, after)
    host, platform = args.settings.host, args.host.platform
    renewal = replace(platform.program(RENEWAL), path=on.path("runtime", "nginx", RENEWAL))
    # beside it, so one of its own: that of PostgreSQL on the same host goes when PostgreSQL does
    issue = replace(platform.program(ISSUE), path=on.path("runtime", "nginx", ISSUE))
    written = [on.file("renewal-program", renewal), on.file("issue-program", issue)]
    # a hash of a key tells nothing of it; left secret, it would hide the expiry too
    revision = pulumi.Output.unsecret(pulumi.Output.concat(*(step.fingerprint for step in obtained)))
    certificate = on.script(
        "certificate",
        "nginx-certificate",
        {
            "directory": directory,
            "program": renewal.path,
            "host": host,
            "origin": origin,
            "chain": files.chain,
            "key": files.key,
            "revision": revision,
        },
        after=[after, *written, *obtained],
    )
    on.timer(
        "renewal",
        ScheduledTask(
            name="prefect-certificate",
            description="Keeps the certificate that nginx shows for Prefect fresh",
            command=(renewal.path, directory, host, origin, *([files.chain, files.key] if files.chain else [])),
            user="root",
            schedule="hourly",
            random_delay_seconds=600,
            time_limit_seconds=300,
            writes=(directory,),
            after=("nginx",),
        ),
        after=[certificate],
    )
    return certificate


def _origin(on: HostScope, args: NginxProxyArgs, after: Step) -> tuple[str, CertificateFiles, Sequence[Step]]:
    """Return where the renewal program finds the certificate, and the steps that bring it there."""
    certificate = args.settings.certificate
    elsewhere = CertificateFiles(chain="", key="")
    match certificate:
        case PrivateCa():
            return "private-ca", elsewhere, []
        case CertificateFiles():
            return "files", certificate, []
        case Acme():
            request = {
                "host": args.settings.host,
                "email": certificate.email,
                "authority": certificate.directory,
            }
            return "acme", elsewhere, [on.script("acme", "acme-certificate", request, after=[after])]
        case StackCertificate():
            chain, key, carried = carried_certificate(on, args, "nginx")
            return "files", CertificateFiles(chain=chain, key=key), carried
