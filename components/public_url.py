"""What follows from the URL under which a reverse proxy shows Prefect, whichever it is: pure values, no Pulumi."""

import re
from collections.abc import Mapping

from components.platforms import SCRIPTS
from components.settings.https import HttpsSettings

UPSTREAM_IDLE_SECONDS = 60
"""How long a proxy keeps an idle connection to the server."""

SERVER_IDLE_SECONDS = 75
"""How long the server keeps one."""

REQUEST_SECONDS = 120
"""How long a proxy waits for a word from the server; Prefect's clients give up after 60 s."""


def public_url_variables(settings: HttpsSettings) -> dict[str, str]:
    """Return what the Prefect server must be told of the URL under which people reach it.

    PREFECT_SERVER_API_BASE_PATH is not among it: the API stays at /api, where health checks and the server itself look
    for it (https://github.com/PrefectHQ/prefect/issues/18667), and the proxy shows it below the sub-path. Nor is
    FORWARDED_ALLOW_IPS: uvicorn believes X-Forwarded-* headers from 127.0.0.1, where the proxy is.
    """
    return {
        # in links that notifications carry; without the slash Prefect takes the sub-path's last part away
        "PREFECT_UI_URL": settings.home,
        "PREFECT_SERVER_UI_API_URL": f"{settings.public_url}/api",
        "PREFECT_SERVER_UI_SERVE_BASE": settings.home_path,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"https://{settings.authority}",
        "PREFECT_SERVER_API_KEEPALIVE_TIMEOUT": str(SERVER_IDLE_SECONDS),
    }


def lasts(settings: HttpsSettings) -> bool:
    """Return whether browsers may be told to use HTTPS alone from now on (HSTS).

    That is for all ports of the host, and would send browsers that ask for port 80 to port 443.
    """
    return settings.authority == settings.server_name


def certificate_expiry(report: str) -> str:
    """Return when the certificate expires, in ISO 8601, from what the script that cares for it reports."""
    found = re.search(r"^expires: (\S+)$", _unix(report), re.MULTILINE)
    return found[1] if found else ""


def ca_certificate(report: str) -> str:
    """Return the private CA's certificate in PEM from what the script reports; nothing without CA."""
    found = re.search(r"^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----$", _unix(report), re.MULTILINE)
    return f"{found[0]}\n" if found else ""


def _unix(report: str) -> str:
    return report.replace("\r\n", "\n")


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return scripts/templates/`template`.conf with `values` in place of their names in braces."""
    text = (SCRIPTS / "templates" / f"{template}.conf").read_text()
    return re.sub(r"\{([a-z_]+)\}", lambda found: values[found[1]], text)
