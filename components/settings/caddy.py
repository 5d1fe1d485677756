"""Caddy in front of a Prefect server on a Windows host."""

from dataclasses import dataclass
from typing import ClassVar

from components.settings.hosts import HostSettings
from components.settings.https import HttpsSettings, PrivateCa, StackCertificate, read_ports, read_public_url
from components.settings.table import Table

CADDY_EXAMPLE = "D:/offline/caddy.exe"


@dataclass(frozen=True, kw_only=True)
class CaddySettings(HttpsSettings):
    """Caddy on each host that runs a Prefect server."""

    section: ClassVar[str] = "caddy"

    certificate: PrivateCa | StackCertificate


def read_caddy(table: Table, hosts: tuple[HostSettings, ...]) -> CaddySettings | None:
    """Return Caddy in front of the Prefect servers, which are on `hosts`; None where nobody asked for it.

    Whoever gives a Windows host the program, or writes the section, asks for it.
    """
    for host in hosts:
        if host.platform != "windows" and not table.is_empty:
            given = f"is for servers on Windows hosts; {host.name} is of platform {host.platform!r}"
            instead = "the section nginx" if host.platform == "linux" else "no such section"
            table.problems.add_needless(table.key, given, f"{instead}, or a server on a Windows host")
        elif host.windows and not host.windows.caddy and not table.is_empty:
            key, rule = f"hosts.{host.name}.caddy.executable", "the full path of caddy.exe, beside its sha256"
            table.problems.add(key, "is missing, and there is a section caddy", rule, CADDY_EXAMPLE)
    if table.is_empty and not any(host.windows and host.windows.caddy for host in hosts):
        return None
    url = read_public_url(table, hosts)
    sources: dict[str, PrivateCa | StackCertificate] = {"privateCa": PrivateCa(), "stack": StackCertificate()}
    source = table.choice("certificate", sources, "privateCa")
    https_port, http_port = read_ports(table, url)
    table.finish()
    return CaddySettings(
        public_url=url.geturl(), certificate=sources[source], https_port=https_port, http_port=http_port
    )
