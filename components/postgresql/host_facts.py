"""What scripts on a database host tell about it, read from what they print."""

import re


def memory_mib(report: str) -> int:
    """Return the memory of the host, from what scripts/posix/measure-memory.sh prints.

    Raises:
        ValueError: it is not told.
    """
    found = re.search(r"\bmemory_mib=(\d+)", report)
    if found is None:
        raise ValueError(f"the script measure-memory did not tell the memory of its host, but: {report!r}")
    return int(found[1])


def postgresql_version(report: str, locked: str) -> str:
    """Return the version of a distribution's PostgreSQL, which install-postgresql.sh prints, else `locked`."""
    found = re.search(r"\(PostgreSQL\) ([0-9.]+)", report)
    return found[1] if found else locked


def ca_certificate(report: str) -> str:
    """Return the authority's certificate, in PEM, from what the script create-postgresql-certificate prints.

    Raises:
        ValueError: there is none.
    """
    lines = report.replace("\r\n", "\n")
    found = re.search(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n", lines, re.DOTALL)
    if found is None:
        raise ValueError(f"the script create-postgresql-certificate printed no certificate, but: {report!r}")
    return found[0]
