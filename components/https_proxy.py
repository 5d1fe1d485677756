"""A reverse proxy in front of a Prefect server, as the rest of a stack sees it."""

from typing import Protocol

import pulumi


class HttpsProxy(Protocol):
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
    """The proxy shows the site."""
