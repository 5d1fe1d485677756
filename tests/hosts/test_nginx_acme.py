"""A certificate from an ACME authority: the real certbot on a booted host asks pebble, Let's Encrypt's for tests."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.go_programs import built
from tests.hosts.certificates import issue
from tests.hosts.debian_host import DebianHost
from tests.hosts.https_client import HttpsClient
from tests.hosts.pulumi_stack import PulumiStack, stack_on
from tests.hosts.testbed import Testbed
from tests.waiting import wait_until
from toolchain import golang

PEBBLE = golang.Program(
    Path(__file__).parent / "pebble", package="github.com/letsencrypt/pebble/v2/cmd/pebble", version="2.10.1"
)
NAME = "prefect.example.com"
LINEAGE = "/etc/letsencrypt/live/prefect-selfhost"


@dataclass(frozen=True)
class Authority:
    """A running pebble."""

    directory: str
    """URL of its ACME directory."""
    root: str
    """What a client of its certificates must trust, in PEM."""


@pytest.fixture(scope="module")
def pebble() -> Path:
    return built(PEBBLE)


@pytest.fixture(scope="module")
def authority(
    pebble: Path, testbed: Testbed, debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    """Run pebble at our end of the hosts' network; it finds the host by name, and the host trusts it."""
    directory, address = tmp_path_factory.mktemp("pebble"), testbed.address(1)
    own = issue(address)
    (directory / "chain.pem").write_text(own.chain)
    (directory / "key.pem").write_text(own.key)
    (directory / "hosts").write_text(f"{debian_host.address} {NAME}\n")
    configuration = {
        "listenAddress": f"{address}:14000",
        "managementListenAddress": f"{address}:15000",
        "certificate": str(directory / "chain.pem"),
        "privateKey": str(directory / "key.pem"),
        "httpPort": 80,
        "tlsPort": 443,
    }
    (directory / "pebble.json").write_text(json.dumps({"pebble": configuration}))
    debian_host.run(f"cat >>/etc/ssl/certs/ca-certificates.crt <<'END'\n{own.authority}END")
    # only pebble sees these hosts
    run = 'mount --bind "$1/hosts" /etc/hosts && exec "$2" -config "$1/pebble.json"'
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", run, "pebble", str(directory), str(pebble)],
            env={"PATH": os.environ["PATH"], "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        management = HttpsClient(address, address, own.authority, port=15000)
        wait_until(lambda: _answers(management), f"pebble, whose log is {directory / 'log'}")
        yield Authority(f"https://{address}:14000/dir", management.get("/roots/0").text)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(client: HttpsClient) -> bool:
    try:
        return client.get("/roots/0").is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Site:
    """The stack of tests/hosts/nginx_program, the host that it is on, and who issues its certificate."""

    stack: PulumiStack
    host: DebianHost
    authority: Authority

    def section(self, **values: Any) -> str:
        """Return the section `nginx` of the stack file, with more in it."""
        acme = {"certificate": "acme", "acmeEmail": "ops@example.com", "acmeDirectory": self.authority.directory}
        return json.dumps({"publicUrl": f"https://{NAME}", **acme, **values})

    def certificate(self) -> dict[str, Any]:
        return HttpsClient(self.host.address, NAME, self.authority.root).certificate()


@pytest.fixture(scope="module")
def site(debian_host: DebianHost, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Have a stack ready to be brought up on a bare host."""
    stack = stack_on(debian_host, "nginx_program", tmp_path_factory.mktemp("stack"))
    return Site(stack, debian_host, authority)


def test_an_up_gets_and_shows_a_certificate(site: Site) -> None:
    site.stack.up(nginx=site.section())
    assert site.certificate()["subjectAltName"] == (("DNS", NAME),)
    assert site.stack.run("stack", "output", "certificateExpiry").startswith("20")
    assert site.host.is_active("certbot.timer")
    site.stack.assert_no_changes()


def test_asked_again_it_keeps_what_is_good(site: Site) -> None:
    before = site.certificate()
    site.stack.up(nginx=site.section(acmeEmail="others@example.com"))
    assert site.certificate() == before


def test_a_renewal_by_certbot_is_shown_at_once(site: Site) -> None:
    before = site.certificate()
    site.host.run("certbot renew --force-renewal --no-random-sleep-on-renew --cert-name prefect-selfhost")
    wait_until(lambda: site.certificate()["serialNumber"] != before["serialNumber"], "the renewed certificate")


def test_a_name_that_the_authority_cannot_reach_is_told_and_the_former_site_stays(site: Site) -> None:
    output = site.stack.failure(site.stack.start_up(nginx=site.section(publicUrl="https://unknown.example.com")))
    assert "error: the ACME authority gave no certificate for unknown.example.com." in output
    assert "It must find this host at http://unknown.example.com, port 80, from outside" in output
    assert site.certificate()["subjectAltName"] == (("DNS", NAME),)
    site.stack.up(nginx=site.section())
    assert site.certificate()["subjectAltName"] == (("DNS", NAME),)


def test_a_private_ca_can_take_over(site: Site) -> None:
    site.stack.up(nginx=json.dumps({"publicUrl": f"https://{NAME}"}))
    ca = site.stack.run("stack", "output", "caCertificate")
    assert HttpsClient(site.host.address, NAME, ca).certificate()["subjectAltName"] == (("DNS", NAME),)
    assert site.host.run(f"ls {LINEAGE}", check=False).stdout == ""
