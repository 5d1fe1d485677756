"""What nginx and, behind it, Prefect should be told: pure values, no Pulumi.

Works with nginx 1.18 to 1.26, https://nginx.org/en/docs/http/ngx_http_proxy_module.html. The scripts that install it
put what depends on the host into the host's words: `http2` of newer versions, and IPv6.
"""

import re
from collections.abc import Mapping

from components.platforms import SCRIPTS
from components.settings.nginx import NginxSettings

UPSTREAM_IDLE_SECONDS = 60
"""How long nginx keeps an idle connection to the server."""

SERVER_IDLE_SECONDS = 75
"""How long the server keeps one."""

REQUEST_SECONDS = 120
"""How long nginx waits for a word from the server; Prefect's clients give up after 60 s."""


def public_url_variables(settings: NginxSettings) -> dict[str, str]:
    """Return what the Prefect server must be told of the URL under which people reach it.

    PREFECT_SERVER_API_BASE_PATH is not among it: the API stays at /api, where health checks and the server itself look
    for it (https://github.com/PrefectHQ/prefect/issues/18667), and nginx shows it below the sub-path. Nor is
    FORWARDED_ALLOW_IPS: uvicorn believes X-Forwarded-* headers from 127.0.0.1, where nginx is.
    """
    return {
        # in links that notifications carry; without the slash Prefect takes the sub-path's last part away
        "PREFECT_UI_URL": settings.home,
        "PREFECT_SERVER_UI_API_URL": f"{settings.public_url}/api",
        "PREFECT_SERVER_UI_SERVE_BASE": settings.home_path,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"https://{settings.authority}",
        "PREFECT_SERVER_API_KEEPALIVE_TIMEOUT": str(SERVER_IDLE_SECONDS),
    }


def redirect_configuration(settings: NginxSettings) -> str:
    """Return the nginx configuration that sends from HTTP to HTTPS, and answers ACME authorities."""
    return _filled(
        "nginx-redirect",
        {
            "http_port": str(settings.http_port),
            "server_name": settings.server_name,
            "authority": settings.authority,
        },
    )


def site_configuration(settings: NginxSettings, *, certificate: str, upstream_port: int) -> str:
    """Return the nginx configuration that shows Prefect; `certificate` is the path of the chain and its key."""
    # it is for all ports of the host, and would send browsers that ask for port 80 to port 443
    lasting = settings.authority == settings.server_name
    header = '    add_header Strict-Transport-Security "max-age=31536000" always;\n'
    passed = "nginx-sub-path" if settings.path else "nginx-root"
    return _filled(
        "nginx-site",
        {
            "https_port": str(settings.https_port),
            "upstream_port": str(upstream_port),
            "idle_seconds": str(UPSTREAM_IDLE_SECONDS),
            "request_seconds": str(REQUEST_SECONDS),
            "server_name": settings.server_name,
            "authority": settings.authority,
            "certificate": certificate,
            "strict_transport_security": header if lasting else "",
            "locations": _filled(
                passed, {"path": settings.path, "authority": settings.authority, "public_url": settings.public_url}
            ),
        },
    )


def certificate_expiry(report: str) -> str:
    """Return when the certificate expires, in ISO 8601, from what the script nginx-certificate reports."""
    found = re.search(r"^expires: (\S+)$", report, re.MULTILINE)
    return found[1] if found else ""


def ca_certificate(report: str) -> str:
    """Return the private CA's certificate in PEM from what the script nginx-certificate reports; nothing without CA."""
    found = re.search(r"^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----$", report, re.MULTILINE)
    return f"{found[0]}\n" if found else ""


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (SCRIPTS / "templates" / f"{template}.conf").read_text()
    return re.sub(r"\{([a-z_]+)\}", lambda found: values[found[1]], text)
