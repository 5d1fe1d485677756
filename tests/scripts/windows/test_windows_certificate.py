"""The certificate that PostgreSQL shows on a Windows host, made by a real PowerShell and checked by OpenSSL.

Access lists and PostgreSQL are played.
"""

import contextlib
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from components.platforms.powershell import PLACE
from components.postgresql.host_facts import ca_certificate
from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

SERVICE = "prefect-postgresql"
PLAYED = """
function Set-Access($path, $entries) { Write-Line "call: $([IO.Path]::GetFileName($path)) $entries" }
function Get-ServiceSid { 'S-1-5-80-1-2-3-4-5' }
function Get-ServiceState { $env:PLAYED }
function Get-SqlOutcome($statements) { Write-Line "call: $statements" }
"""


class Host:
    """A host with the program, and what that made."""

    def __init__(self, root: Path) -> None:
        self.root, self.place = root, root / "configuration" / "postgresql" / "tls"
        self.programs = root / "runtime" / "bin"
        for directory in (self.place, self.programs):
            directory.mkdir(parents=True)
        for program in (PLACE / "programs").glob("*.ps1"):
            shutil.copy(program, self.programs)
        (self.programs / "prelude.ps1").write_text((PLACE / "prelude.ps1").read_text() + PLAYED)

    def issue(self, *names: str, days: str = "", state: str = "Running") -> Ended:
        """Run the program; `days` are those that what it makes lasts, in place of its own."""
        text = (PLACE / "programs" / "issue-certificate.ps1").read_text()
        if days:
            text = text.replace(" 398 ", f" {days} ").replace(" 7300 ", f" {days} ")
        program = self.programs / "issue-certificate.ps1"
        program.write_text(text)
        words = [POWERSHELL, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", str(program)]
        done = subprocess.run(
            [*words, self.place.as_posix(), SERVICE, *names],
            env={**os.environ, "PLAYED": state},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        lines = done.stdout.decode().splitlines()
        return Ended(
            status=done.returncode,
            lines=[line for line in lines if not line.startswith("call: ")],
            calls="\n".join(line.removeprefix("call: ") for line in lines if line.startswith("call: ")),
            errors=done.stderr.decode(),
        )

    @property
    def shown(self) -> str:
        return (self.place / "server.pem").read_text()

    def refusal(self, name: str) -> str:
        """Return why a client as strict as Python 3.13 does not trust the server called `name`; nothing if it does."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.place / "server.pem")
        client = ssl.create_default_context(cafile=str(self.place / "ca.crt"))
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True),
        ]
        # each round carries what the other side said in the one before
        try:
            for end in ends * 3:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        return ""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "Prefect")


def words(ended: Ended) -> list[str]:
    return [line.partition(":")[0] for line in ended.lines]


def test_a_strict_client_trusts_it_for_its_names_alone(host: Host) -> None:
    ended = host.issue("10.0.0.30", "db.example.com", "fd00::1")
    assert (ended.status, ended.errors, words(ended)) == (0, "", ["changed"])
    assert [host.refusal(name) for name in ("10.0.0.30", "db.example.com", "fd00::1")] == ["", "", ""]
    assert "mismatch" in host.refusal("10.0.0.31")
    assert "mismatch" in host.refusal("other.example.com")


def test_it_is_made_once(host: Host) -> None:
    host.issue("10.0.0.30")
    before = host.shown
    ended = host.issue("10.0.0.30")
    assert words(ended) == ["unchanged"]
    assert (ended.calls, host.shown) == ("", before)


def test_the_authoritys_key_is_for_administrators_and_the_certificates_for_its_service_besides(host: Host) -> None:
    administrators = "(A;;FA;;;SY)(A;;FA;;;BA)"
    assert host.issue("10.0.0.30").calls.splitlines() == [
        "authority (A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
        f"ca.key {administrators}",
        f"server.pem.new {administrators}(A;;FR;;;S-1-5-80-1-2-3-4-5)",
        "SELECT pg_reload_conf();",
    ]


def test_it_is_renewed_in_time_by_the_same_authority_and_postgresql_is_told_if_it_runs(host: Host) -> None:
    host.issue("10.0.0.30")
    authority = (host.place / "ca.crt").read_text()
    (host.place / "server.pem").unlink()
    host.issue("10.0.0.30", days="59")
    ended = host.issue("10.0.0.30", state="Stopped")
    assert words(ended) == ["changed"]
    assert "pg_reload_conf" not in ended.calls
    assert (host.place / "ca.crt").read_text() == authority
    assert host.refusal("10.0.0.30") == ""


def test_it_is_renewed_for_other_names(host: Host) -> None:
    host.issue("10.0.0.30", "db.example.com")
    assert words(host.issue("10.0.0.30")) == ["changed"]
    assert "mismatch" in host.refusal("db.example.com")


@pytest.mark.parametrize("lost", ["ca.crt", "server.pem"])
def test_what_is_lost_is_made_anew(lost: str, host: Host) -> None:
    host.issue("10.0.0.30")
    (host.place / lost).unlink()
    assert words(host.issue("10.0.0.30")) == ["changed"]
    assert host.refusal("10.0.0.30") == ""


def test_a_damaged_one_is_made_anew(host: Host) -> None:
    host.issue("10.0.0.30")
    (host.place / "server.pem").write_text(host.shown[:200] + host.shown[230:])
    assert words(host.issue("10.0.0.30")) == ["changed"]
    assert host.refusal("10.0.0.30") == ""


def test_an_authority_that_ends_soon_is_told_with_what_to_do(host: Host) -> None:
    host.issue("10.0.0.30", days="59")
    ended = host.issue("10.0.0.30")
    assert ended.status == 1
    assert f"the certificate authority in {host.place.as_posix()} expires at 2" in ended.errors
    assert "pulumi up --replace" in ended.errors


class TestScript:
    STARTS_IT = f"""
    function Get-Outcome($program, [string[]] $arguments, $text, $limit) {{
        $lines = @(& '{POWERSHELL}' @arguments)
        [pscustomobject] @{{ code = $LASTEXITCODE; printed = $lines; lines = $lines }}
    }}
    """

    def run(self, host: Host, function: str) -> Ended:
        settings = {"service": SERVICE, "names": "10.0.0.30 db.example.com"}
        return run("create-postgresql-certificate", host.root, settings, function, before=self.STARTS_IT)

    def test_those_who_connect_learn_of_the_authority_and_a_second_run_changes_nothing(self, host: Host) -> None:
        ended = self.run(host, "twice")
        assert (ended.status, ended.errors) == (0, "")
        outcomes = [line for line in ended.lines if "changed: " in line]
        assert [line.partition(" is good until ")[0] for line in outcomes] == [
            "changed: the certificate for 10.0.0.30 db.example.com",
            "unchanged: the certificate for 10.0.0.30 db.example.com",
        ]
        authority = (host.place / "ca.crt").read_text()
        assert ca_certificate("\n".join(ended.lines)) == authority
        # as the lines end on Windows
        assert ca_certificate("\r\n".join(ended.lines)) == authority

    def test_what_is_missing_is_told_as_drift(self, host: Host) -> None:
        place = host.place.as_posix()
        assert self.run(host, "drift").status == 0
        host.issue("10.0.0.30")
        (host.place / "ca.crt").unlink()
        code = "function show { drift | ForEach-Object { Write-Line $_ } }\nfunction Test-Access { $false }"
        settings = {"service": SERVICE, "names": "10.0.0.30"}
        ended = run("create-postgresql-certificate", host.root, settings, "show", before=code)
        assert ended.lines == [f"{place}/ca.crt: missing", f"{place}/server.pem: access"]

    def test_it_is_removed_with_its_authority(self, host: Host) -> None:
        host.issue("10.0.0.30")
        assert words(self.run(host, "delete")) == ["changed"]
        assert not host.place.exists()
