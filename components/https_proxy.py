"""A reverse proxy in front of a Prefect server, as the rest of a stack sees it."""

import pulumi

from components.host import Step
from components.public_url import ca_certificate, certificate_expiry
from components.settings.https import HttpsSettings, PrivateCa


class HttpsProxy(pulumi.ComponentResource):
    """Prefect at its public URL: HTTP sent to HTTPS; UI, API and web sockets passed on to the server."""

    public_url: str
    api_url: str
    has_private_ca: bool
    """Whether nobody trusts the certificate without being told to."""
    certificate_expiry: pulumi.Output[str]
    """When the certificate expires that was there at the last change, in ISO 8601; the host renews its own."""
    ca_certificate: pulumi.Output[str]
    """What browsers and workers must trust, in PEM; empty unless the certificate is from the host's private CA."""
    ready: pulumi.Resource
    """The proxy shows the site."""

    def _shows(self, settings: HttpsSettings, certificate: Step, ready: Step) -> None:
        """Tell of the site, whose certificate a script reports: when it expires, and the private CA's own."""
        self.public_url = settings.public_url
        self.api_url = f"{settings.public_url}/api"
        self.has_private_ca = isinstance(settings.certificate, PrivateCa)
        self.certificate_expiry = certificate.report.apply(certificate_expiry)
        self.ca_certificate = certificate.report.apply(ca_certificate)
        self.ready = ready.resource
        self.register_outputs(
            {
                "public_url": self.public_url,
                "certificate_expiry": self.certificate_expiry,
                "ca_certificate": self.ca_certificate,
            }
        )
