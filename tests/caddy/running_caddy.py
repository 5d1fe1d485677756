"""A real Caddy on this machine, before whatever listens on a port of its loopback."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.caddy_configuration import site_configuration
from components.settings.caddy import CaddySettings
from components.settings.https import PrivateCa, StackCertificate
from tests.hosts.certificates import Certificate
from tests.hosts.https_client import HttpsClient
from tests.loopback_ports import free_port
from tests.waiting import wait_until

NAME = "prefect.example.com"

CADDY = shutil.which("caddy") or ""
NEEDS_CADDY = pytest.mark.skipif(not CADDY, reason="caddy is not on PATH; what it does was not run")


@dataclass(frozen=True)
class Caddy:
    """One that runs, and where."""

    settings: CaddySettings
    directory: Path
    authority: str
    """Whom clients trust, in PEM."""

    def client(self, host: str = "") -> HttpsClient:
        return HttpsClient("127.0.0.1", host or self.settings.host, self.authority, self.settings.https_port)

    def http(self, path: str, host: str = NAME) -> httpx.Response:
        url = f"http://127.0.0.1:{self.settings.http_port}{path}"
        return httpx.get(url, headers={"Host": host}, trust_env=False, timeout=10)


def told(
    directory: Path, upstream_port: int, *, host: str = NAME, path: str = "", certificate: Certificate | None = None
) -> CaddySettings:
    """Write what Caddy is told into `directory`, and return the settings that it is told from."""
    https_port = free_port()
    settings = CaddySettings(
        public_url=f"https://{host}:{https_port}{path}",
        certificate=StackCertificate() if certificate else PrivateCa(),
        https_port=https_port,
        http_port=free_port(),
    )
    if certificate:
        (directory / "certificate.pem").write_text(certificate.chain)
        (directory / "private-key.pem").write_text(certificate.key)
    text = site_configuration(
        settings,
        storage=(directory / "storage").as_posix(),
        certificate=(directory / "certificate.pem").as_posix(),
        key=(directory / "private-key.pem").as_posix(),
        upstream_port=upstream_port,
    )
    (directory / "Caddyfile").write_text(text)
    return settings


def validated(directory: Path) -> subprocess.CompletedProcess[str]:
    """Let Caddy test what it is told."""
    command = [CADDY, "validate", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@contextlib.contextmanager
def caddy(directory: Path, settings: CaddySettings, authority: str = "") -> Iterator[Caddy]:
    """Run Caddy with what stands in `directory` until the block ends; `authority` is that of a given certificate."""
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]
    log = directory / "log"
    with log.open("wb") as output:
        environment = {"HOME": str(directory / "home"), "PATH": ""}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    root = directory / "storage" / "pki" / "authorities" / "local" / "root.crt"
    try:
        wait_until(lambda: process.poll() is not None or bool(authority) or root.exists(), "the private CA")
        running = Caddy(settings, directory, authority or (root.read_text() if root.exists() else ""))
        wait_until(lambda: process.poll() is not None or _shows(running.client()), "a certificate")
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        process.terminate()
        process.wait(20)


def _shows(client: HttpsClient) -> bool:
    """Tell whether it shows a certificate by now, which it makes while it listens already."""
    with contextlib.suppress(OSError):
        return bool(client.certificate())
    return False
