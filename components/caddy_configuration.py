"""What Caddy should be told, as a Caddyfile: pure values, no Pulumi.

https://caddyserver.com/docs/caddyfile. Run with 2.11. Its admin endpoint is off, so it reads a new one by a restart.
"""

import re

from components.public_url import REQUEST_SECONDS, UPSTREAM_IDLE_SECONDS, filled, lasts
from components.settings.caddy import CaddySettings
from components.settings.https import PrivateCa

CERTIFICATE_DAYS = 30
"""For how long a certificate from the private CA is good; Caddy renews it when a third of that is left."""

INTERMEDIATE_DAYS = 180
"""For how long the certificate that signs those is good; Caddy renews it when a fifth of that is left, 36 days."""


def site_configuration(settings: CaddySettings, *, storage: str, certificate: str, key: str, upstream_port: int) -> str:
    """Return the Caddyfile that shows Prefect.

    `storage` is the directory in which Caddy keeps its private CA; `certificate` and `key` are the paths of those that
    the stack carries, if it does.
    """
    private = isinstance(settings.certificate, PrivateCa)
    values = {
        "storage": storage,
        # else it would ask an ACME authority for what a given certificate is not for
        "automation": "disable_redirects" if private else "off",
        "http_port": str(settings.http_port),
        "https_port": str(settings.https_port),
        "host": settings.host,
        "server_name": settings.server_name,
        "authority": settings.authority,
        "authority_options": _authority(settings.host) if private else "",
        "certificate": _issued() if private else _given(certificate, key),
        "upstream_port": str(upstream_port),
        "idle_seconds": str(UPSTREAM_IDLE_SECONDS),
        "request_seconds": str(REQUEST_SECONDS),
        "public_url": settings.public_url,
        "authority_pattern": re.escape(settings.authority),
        "strict_transport_security": '\t\tStrict-Transport-Security "max-age=31536000"\n' if lasts(settings) else "",
    }
    passed = "caddy-sub-path" if settings.path else "caddy-root"
    handlers = filled(passed, {"path": settings.path, "public_url": settings.public_url})
    return filled("caddy-site", {**values, "handlers": handlers})


def _authority(host: str) -> str:
    options = [f'root_cn "Prefect at {host}"', f"intermediate_lifetime {INTERMEDIATE_DAYS}d"]
    return "".join(["\tpki {\n\t\tca local {\n", *(f"\t\t\t{option}\n" for option in options), "\t\t}\n\t}\n"])


def _issued() -> str:
    return f"\ttls {{\n\t\tissuer internal {{\n\t\t\tlifetime {CERTIFICATE_DAYS}d\n\t\t}}\n\t}}"


def _given(certificate: str, key: str) -> str:
    return f'\ttls "{certificate}" "{key}"'
