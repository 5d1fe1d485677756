"""nginx in front of the Prefect server: under which URL people reach it, and which certificate it shows."""

import ipaddress
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from components.settings.hosts import HostSettings
from components.settings.table import Problems, Table

CERTIFICATE_SECRETS = ("tlsCertificate", "tlsPrivateKey")
"""The configuration's keys of a certificate that the stack carries: PEM text, the server's certificate first."""

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PUBLIC_URL = rf"https://({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?"
_RESERVED_PATHS = ("api", "docs", "redoc", "openapi.json")
_FILE = r"(?!/(home|root|run/user|tmp|var/tmp)/)(/[\w.@+~-]+)+"


@dataclass(frozen=True)
class PrivateCa:
    """A certificate from a CA of the host's own, renewed by itself; browsers and workers must be told to trust it."""


@dataclass(frozen=True)
class StackCertificate:
    """A certificate that the stack carries under `CERTIFICATE_SECRETS`."""


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
class NginxSettings:
    """nginx on each host that runs a Prefect server."""

    public_url: str
    """https://HOST[:PORT][/PATH] as people see it: lower-case host, no default port, no slash at the end."""
    certificate: Certificate
    https_port: int
    """Where nginx listens; default: the port of `public_url`."""
    http_port: int
    """Where nginx listens only to send browsers to `public_url`, default 80."""

    @property
    def authority(self) -> str:
        """`HOST[:PORT]`, an IPv6 address in brackets, as in a Host header."""
        return urlsplit(self.public_url).netloc

    @property
    def server_name(self) -> str:
        """`HOST`, an IPv6 address in brackets."""
        return re.sub(r":\d+$", "", self.authority)

    @property
    def host(self) -> str:
        """The name or IP address that the certificate must be for."""
        return self.server_name.strip("[]")

    @property
    def path(self) -> str:
        """`/sub/path` where Prefect has a host name not to itself, else nothing."""
        return urlsplit(self.public_url).path

    @property
    def home(self) -> str:
        """`public_url` with the slash that browsers add."""
        return f"{self.public_url}/"

    @property
    def home_path(self) -> str:
        """`path`, or `/` where there is none."""
        return self.path or "/"

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """Every TCP port that nginx listens on, with the key that sets it."""
        return (("nginx.httpPort", self.http_port), ("nginx.httpsPort", self.https_port))


def read_nginx(table: Table, hosts: tuple[HostSettings, ...]) -> NginxSettings:
    """Return nginx in front of the Prefect servers, which are on `hosts`."""
    for host in hosts:
        if host.platform != "linux":
            given = f"is for servers on Linux hosts; {host.name} is of platform {host.platform!r}"
            table.problems.add_needless(table.key, given, "no such section, or a server on a Linux host")
    url = _public_url(table, _default_url(hosts))
    certificate = _certificate(table, url)
    https_port = table.integer("httpsPort", url.port or 443, minimum=1, maximum=65535)
    http_port = table.integer("httpPort", 80, minimum=1, maximum=65535)
    if http_port == https_port:
        table.problems.add(table.path("httpPort"), f"is {http_port}, as httpsPort", "a port of its own", "80")
    table.finish()
    return NginxSettings(public_url=url.geturl(), certificate=certificate, https_port=https_port, http_port=http_port)


def check_certificate_secrets(
    problems: Problems, nginx: NginxSettings | None, values: Mapping[str, str], secret_keys: Set[str]
) -> None:
    """Note it if a certificate that the stack should carry is missing, or is there without being used."""
    used = nginx is not None and isinstance(nginx.certificate, StackCertificate)
    for key in CERTIFICATE_SECRETS:
        if used and not values.get(key):
            problems.add_secret(key, "is missing; nginx.certificate is 'stack'", "PEM text", "cat FILE.pem")
        elif not used and (key in values or key in secret_keys):
            problems.add_needless(key, "is set, but nobody uses it", "only beside nginx.certificate 'stack'")


def _default_url(hosts: tuple[HostSettings, ...]) -> str | None:
    addresses = [f"[{host.address}]" if ":" in host.address else host.address for host in hosts if host.address]
    return f"https://{addresses[0]}" if len(addresses) == 1 else None


def _public_url(table: Table, default: str | None) -> SplitResult:
    """Return the public URL in its shortest form, or that of a good one where it is wrong."""
    good = "https://prefect.example.com"
    allowed = "https://HOST[:PORT][/PATH], HOST being a name or an IP address"
    given = table.text("publicUrl", default, allowed=allowed, example=good, pattern=_PUBLIC_URL)
    if not re.fullmatch(_PUBLIC_URL, given):
        return urlsplit(good)
    try:
        url = _shortest(given)
    except ValueError:
        table.problems.add(table.path("publicUrl"), f"is {given!r}", allowed, good)
        return urlsplit(good)
    segments = url.path.split("/")[1:]
    if segments and (segments[0] in _RESERVED_PATHS or segments[-1] == "v2" or {".", ".."} & set(segments)):
        reserved = ", ".join(f"/{name}" for name in _RESERVED_PATHS)
        allowed = f"a path that neither begins with {reserved}, nor ends with /v2, which are Prefect's own"
        table.problems.add(table.path("publicUrl"), f"is {given!r}", allowed, f"https://{url.netloc}/prefect")
    return url


def _shortest(given: str) -> SplitResult:
    """Return a URL without what goes without saying.

    Raises:
        ValueError: the host is no IP address but looks like one, or the port is none.
    """
    url = urlsplit(given)
    host = (url.hostname or "").lower()
    if ":" in host:
        host = f"[{ipaddress.IPv6Address(host).compressed}]"
    elif host.rpartition(".")[2].isdigit():
        host = str(ipaddress.IPv4Address(host))
    if url.port == 0 or len(host) > 253:
        raise ValueError(given)
    port = f":{url.port}" if url.port not in {None, 443} else ""
    return url._replace(netloc=host + port, path=url.path.rstrip("/"))


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
