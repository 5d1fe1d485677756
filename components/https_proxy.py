"""A reverse proxy in front of a Prefect server: what each is given, and what it is to the rest of a stack."""

from dataclasses import dataclass
from typing import Protocol

import pulumi

from components.host import Host, HostScope, Step
from components.platforms import HostFile


@dataclass(frozen=True, kw_only=True)
class HttpsProxyArgs:
    """A reverse proxy on `host`, where a Prefect server listens on 127.0.0.1."""

    host: Host
    upstream_port: int = 4200
    tls_certificate: pulumi.Input[str] | None = None
    """For a `StackCertificate`: the server's certificate, then those between it and the root, in PEM."""
    tls_private_key: pulumi.Input[str] | None = None
    """For a `StackCertificate`: its key, in PEM."""


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


def carried_certificate(on: HostScope, args: HttpsProxyArgs, *directory: str) -> tuple[str, str, list[Step]]:
    """Write the certificate and the key that the stack carries; returns their paths, and the steps that write them.

    They stand in the `directory` of the host's configuration.
    """
    chain, key = (
        HostFile(path=on.path("configuration", *directory, f"{name}.pem"), content="", mode="0600")
        for name in ("tls-certificate", "tls-private-key")
    )
    written = [on.file("chain", chain, args.tls_certificate), on.file("key", key, args.tls_private_key)]
    return chain.path, key.path, written
