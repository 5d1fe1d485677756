"""HTTPS in front of a Prefect server: under which URL people reach it, and which certificate is shown."""

import ipaddress
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit

from components.settings.hosts import HostSettings
from components.settings.table import Problems, Table

CERTIFICATE_SECRETS = ("tlsCertificate", "tlsPrivateKey")
"""The configuration's keys of a certificate that the stack carries: PEM text, the server's certificate first."""

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PUBLIC_URL = rf"https://({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?"
_RESERVED_PATHS = ("api", "docs", "redoc", "openapi.json")


@dataclass(frozen=True)
class PrivateCa:
    """A certificate from a CA of the host's own, renewed by itself; browsers and workers must be told to trust it."""


@dataclass(frozen=True)
class StackCertificate:
    """A certificate that the stack carries under `CERTIFICATE_SECRETS`."""


@dataclass(frozen=True, kw_only=True)
class HttpsSettings:
    """What a reverse proxy shows on each host that runs a Prefect server."""

    section: ClassVar[str]
    """Of the stack file, named after the proxy."""

    public_url: str
    """https://HOST[:PORT][/PATH] as people see it: lower-case host, no default port, no slash at the end."""
    certificate: object
    """Where the certificate comes from."""
    https_port: int
    """Where the proxy listens; default: the port of `public_url`."""
    http_port: int
    """Where the proxy listens only to send browsers to `public_url`, default 80."""

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
        """Every TCP port that the proxy listens on, with the key that sets it."""
        return ((f"{self.section}.httpPort", self.http_port), (f"{self.section}.httpsPort", self.https_port))


def check_certificate_secrets(
    problems: Problems, proxy: HttpsSettings | None, values: Mapping[str, str], secret_keys: Set[str]
) -> None:
    """Note it if a certificate that the stack should carry is missing, or is there without being used."""
    section = proxy.section if proxy else "nginx"
    used = proxy is not None and isinstance(proxy.certificate, StackCertificate)
    for key in CERTIFICATE_SECRETS:
        if used and not values.get(key):
            problems.add_secret(key, f"is missing; {section}.certificate is 'stack'", "PEM text", "cat FILE.pem")
        elif not used and (key in values or key in secret_keys):
            problems.add_needless(key, "is set, but nobody uses it", f"only beside {section}.certificate 'stack'")


def read_public_url(table: Table, hosts: tuple[HostSettings, ...]) -> SplitResult:
    """Return the public URL of the servers on `hosts` in its shortest form, or that of a good one where it is wrong."""
    good = "https://prefect.example.com"
    allowed = "https://HOST[:PORT][/PATH], HOST being a name or an IP address"
    given = table.text("publicUrl", _default_url(hosts), allowed=allowed, example=good, pattern=_PUBLIC_URL)
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


def read_ports(table: Table, url: SplitResult) -> tuple[int, int]:
    """Return where the proxy listens for HTTPS, and for HTTP."""
    https_port = table.integer("httpsPort", url.port or 443, minimum=1, maximum=65535)
    http_port = table.integer("httpPort", 80, minimum=1, maximum=65535)
    if http_port == https_port:
        table.problems.add(table.path("httpPort"), f"is {http_port}, as httpsPort", "a port of its own", "80")
    return https_port, http_port


def _default_url(hosts: tuple[HostSettings, ...]) -> str | None:
    addresses = [f"[{host.address}]" if ":" in host.address else host.address for host in hosts if host.address]
    return f"https://{addresses[0]}" if len(addresses) == 1 else None


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
