"""The authorities that sign for Azure's PostgreSQL servers.

https://learn.microsoft.com/en-us/azure/postgresql/security/security-tls
"""

import functools
import re
from pathlib import Path

import certifi

NAMES = ("DigiCert Global Root G2", "Microsoft RSA Root Certificate Authority 2017")


@functools.cache
def certificates() -> str:
    """Return the authorities' certificates in PEM, out of those that the library certifi carries, and no others.

    Raises:
        LookupError: certifi does not carry one of them any more.
    """
    known = Path(certifi.where()).read_text(encoding="ascii")
    return "".join(_certificate(known, name) for name in NAMES)


def _certificate(known: str, name: str) -> str:
    """Find a certificate by the comment before it."""
    found = re.search(
        rf'# Label: "{re.escape(name)}"\n(?:#.*\n)*(-----BEGIN (?s:.*?)-----END CERTIFICATE-----\n)', known
    )
    if found is None:
        raise LookupError(f"certifi carries no certificate of {name}, which signs for PostgreSQL in Azure")
    return found[1]
