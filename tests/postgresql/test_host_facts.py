"""What scripts on a database host print is understood, or told as it is."""

import pytest

from components.platforms import SCRIPTS
from components.postgresql.host_facts import ca_certificate, memory_mib

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----\n"


def test_the_memory_is_what_the_last_line_tells() -> None:
    assert memory_mib("unchanged: memory_mib=3921") == 3921
    assert "memory_mib=" in (SCRIPTS / "posix" / "measure-memory.sh").read_text()


def test_a_report_without_memory_is_told() -> None:
    with pytest.raises(ValueError, match="did not tell the memory of its host, but: 'unchanged: nothing'"):
        memory_mib("unchanged: nothing")


def test_the_authoritys_certificate_stands_before_the_last_line() -> None:
    assert ca_certificate(f"{CERTIFICATE}changed: the certificate is good") == CERTIFICATE


def test_a_report_without_a_certificate_is_told() -> None:
    with pytest.raises(ValueError, match="printed no certificate, but: 'changed: it'"):
        ca_certificate("changed: it")
