"""What Caddy is told."""

import re
from typing import Any

import pytest

from components.caddy_configuration import CERTIFICATE_DAYS, INTERMEDIATE_DAYS, site_configuration
from components.settings.caddy import CaddySettings
from components.settings.https import PrivateCa, StackCertificate


def site(url: str = "https://prefect.example.com", **settings: Any) -> str:
    given = {"certificate": PrivateCa(), "https_port": 443, "http_port": 80, **settings}
    return site_configuration(
        CaddySettings(public_url=url, **given),
        storage="D:/Prefect/data/prefect-caddy",
        certificate="D:/Prefect/configuration/caddy/certificate.pem",
        key="D:/Prefect/configuration/caddy/private-key.pem",
        upstream_port=4200,
    )


@pytest.mark.parametrize("certificate", [PrivateCa(), StackCertificate()])
@pytest.mark.parametrize("path", ["", "/team/prefect"])
def test_nothing_of_the_templates_is_left_in_it(certificate: object, path: str) -> None:
    text = site(f"https://prefect.example.com{path}", certificate=certificate)
    assert re.findall(r"\{[a-z_]+\}", text) == []
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    "line", ["admin off", "persist_config off", "skip_install_trust", "ocsp_stapling off", "protocols h1 h2"]
)
def test_it_talks_to_nobody_but_its_clients_and_the_server(line: str) -> None:
    assert f"\t{line}\n" in site()


def test_a_certificate_of_its_own_is_good_for_a_month_and_what_signs_it_for_longer_than_that_is_left() -> None:
    text = site()
    assert f"lifetime {CERTIFICATE_DAYS}d\n" in text
    assert "auto_https disable_redirects\n" in text
    assert INTERMEDIATE_DAYS / 5 > CERTIFICATE_DAYS


def test_no_authority_is_asked_for_what_a_given_certificate_is_not_for() -> None:
    text = site(certificate=StackCertificate())
    assert "auto_https off\n" in text
    assert "internal" not in text
    files = [f'"D:/Prefect/configuration/caddy/{name}.pem"' for name in ("certificate", "private-key")]
    assert f"\ttls {' '.join(files)}\n" in text


def test_browsers_are_told_to_stay_with_https_where_that_is_all_of_the_host() -> None:
    assert "Strict-Transport-Security" in site()
    assert "Strict-Transport-Security" not in site("https://prefect.example.com:8443", https_port=8443)


def test_an_address_is_shown_to_those_who_do_not_say_whom_they_ask_for() -> None:
    text = site("https://[2001:db8::1]:8443/prefect", https_port=8443)
    assert "default_sni 2001:db8::1\n" in text
    assert "https://[2001:db8::1] {" in text
    assert r"Location `^https://\[2001:db8::1\]:8443/api/` https://[2001:db8::1]:8443/prefect/api/" in text
