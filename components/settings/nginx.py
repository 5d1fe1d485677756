"""nginx in front of a Prefect server on a Linux host."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import SplitResult

from components.settings.hosts import HostSettings
from components.settings.https import HttpsSettings, PrivateCa, StackCertificate, read_ports, read_public_url
from components.settings.table import Table

_FILE = r"(?!/(home|root|run/user|tmp|var/tmp)/)(/[\w.@+~-]+)+"


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate that another tool keeps on the host, looked at each hour: full paths of two PEM files."""

    chain: str
    """The server's certificate first, then those between it and the root."""
    key: str


@dataclass(frozen=True)
class Acme:
    """A certificate from an ACME authority, renewed by certbot."""

    email: str
    directory: str
    """URL of the authority; an empty one is Let's Encrypt."""


Certificate = PrivateCa | StackCertificate | CertificateFiles | Acme


@dataclass(frozen=True, kw_only=True)
class NginxSettings(HttpsSettings):
    """nginx on each host that runs a Prefect server."""

    section: ClassVar[str] = "nginx"

    certificate: Certificate


def read_nginx(table: Table, hosts: tuple[HostSettings, ...]) -> NginxSettings:
    """Return nginx in front of the Prefect servers, which are on `hosts`."""
    for host in hosts:
        if host.platform != "linux":
            given = f"is for servers on Linux hosts; {host.name} is of platform {host.platform!r}"
            instead = "the section caddy" if host.platform == "windows" else "no such section"
            table.problems.add_needless(table.key, given, f"{instead}, or a server on a Linux host")
    url = read_public_url(table, hosts)
    certificate = _certificate(table, url)
    https_port, http_port = read_ports(table, url)
    table.finish()
    return NginxSettings(public_url=url.geturl(), certificate=certificate, https_port=https_port, http_port=http_port)


def _certificate(table: Table, url: SplitResult) -> Certificate:
    """Return where the certificate comes from; the keys of other sources are problems."""
    source = table.choice("certificate", ("privateCa", "files", "stack", "acme"), "privateCa")
    if source != "files":
        for name in ("certificateFile", "privateKeyFile"):
            table.refuse(name, "only beside certificate 'files'")
    if source != "acme":
        for name in ("acmeEmail", "acmeDirectory"):
            table.refuse(name, "only beside certificate 'acme'")
    if source == "files":
        return _certificate_files(table)
    if source == "acme":
        return _acme(table, url)
    return StackCertificate() if source == "stack" else PrivateCa()


def _certificate_files(table: Table) -> CertificateFiles:
    # a scheduled task looks at it, which sees neither what is private to people nor what is for a while
    place = "not below /home, /root, /run/user, /tmp or /var/tmp"
    allowed = f"the full path of a PEM file on the server's host, {place}, of letters, digits and . _ @ + ~ -"
    return CertificateFiles(
        chain=table.text("certificateFile", allowed=allowed, example="/etc/ssl/prefect/fullchain.pem", pattern=_FILE),
        key=table.text("privateKeyFile", allowed=allowed, example="/etc/ssl/prefect/privkey.pem", pattern=_FILE),
    )


def _acme(table: Table, url: SplitResult) -> Acme:
    host = url.hostname or ""
    if ":" in host or "." not in host or host.rpartition(".")[2].isdigit():
        allowed = "'acme' only for a public DNS name, which it is asked for; 'privateCa' for an address"
        table.problems.add(table.path("certificate"), f"is 'acme', but publicUrl names {host!r}", allowed, "privateCa")
    return Acme(
        email=table.text(
            "acmeEmail",
            allowed="whom the authority may write to; giving it agrees to the authority's terms of service",
            example="ops@example.com",
            pattern=r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        ),
        directory=table.text(
            "acmeDirectory",
            "",
            allowed="the https URL of an ACME directory; left out for Let's Encrypt",
            example="https://acme-staging-v02.api.letsencrypt.org/directory",
            pattern=r"https://[A-Za-z0-9.-]+(:\d+)?(/[\w./~-]*)?|",
        ),
    )
