"""Caddy on Windows: what it reads is tested, put in force and taken back. Windows is played, and so is Caddy."""

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.hosts.certificates import issue
from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

NAME, SERVICE = "prefect.example.com", "prefect-caddy"
OTHER = issue("other.example.com")

PLAYED = """
$caddy_played = @{ refuses = $false; fails_with = '' }
$site = "$root/configuration/caddy/Caddyfile"
function Get-Outcome($program, [string[]] $arguments, $text, $limit) {
    if ($program -eq 'sc.exe') { return [pscustomobject] @{ code = 0; printed = @('S-1-5-80-1-2-3-4-5'); lines = @() } }
    Show-Call "caddy $arguments"
    $told = Read-File $arguments[-1]
    foreach ($line in $told -split "`n") { Show-Call "test of $line" }
    foreach ($file in Get-ChildItem -Path (Split-Path $arguments[-1])) { Show-Call "beside $($file.Name)" }
    $code = if ($caddy_played.refuses) { 1 } else { 0 }
    [pscustomobject] @{ code = $code; printed = @(); lines = @('Error: loading certificates') }
}
function Get-ShownCertificate {
    $fails = $caddy_played.fails_with -ne '' -and (Read-File $site) -match $caddy_played.fails_with
    $certificate = [pscustomobject] @{ NotAfter = [DateTime] '2027-01-02T03:04:05Z' }
    [pscustomobject] @{ is_right = -not $fails; problem = 'it is for others.'; certificate = $certificate }
}
function Wait-Until($limit, $condition) { & $condition }
"""
RUNS = "New-Service prefect-caddy; Start-Service prefect-caddy"


def site(tmp_path: Path, text: str, function: str = "create", *, before: str = "", pem: str = "") -> Ended:
    """Let the script put a Caddyfile and, with `pem`, a certificate and a key of this text in force."""
    declared = tmp_path / "configuration" / "caddy" / "declared"
    declared.mkdir(parents=True, exist_ok=True)
    (declared / "Caddyfile").write_text(text)
    files = {"chain": "tls-certificate.pem", "key": "tls-private-key.pem"} if pem else {}
    for name in files.values():
        (declared / name).write_text(f"{pem} {name}")
    settings = {
        **{"service": SERVICE, "server_name": NAME, "port": "443", "caddy": "caddy.exe"},
        **{"candidate": (declared / "Caddyfile").as_posix(), "fingerprint": "one", "changes": ""},
        **{name: (declared / files[name]).as_posix() if pem else "" for name in ("chain", "key")},
    }
    definition = tmp_path / "configuration" / "services" / f"{SERVICE}.json"
    definition.parent.mkdir(exist_ok=True)
    definition.write_text(json.dumps({"sid": "S-1-5-80-1-2-3-4-5", "stop_file": "", "stop_seconds": 1}))
    return run("caddy-site", tmp_path, settings, function, before=f"{PLAYED}\n{before}")


def in_force(tmp_path: Path) -> dict[str, str]:
    place = tmp_path / "configuration" / "caddy"
    return {path.name: path.read_text() for path in place.iterdir() if path.is_file()}


class TestSite:
    def test_the_first_one_is_tested_and_waits_for_the_service(self, tmp_path: Path) -> None:
        ended = site(tmp_path, "one", "twice")
        assert ended.lines == [f"changed: Caddy reads the site {NAME}", f"unchanged: Caddy reads the site {NAME}"]
        assert ended.calls.count("caddy validate") == 1
        assert "Start-Service" not in ended.calls
        assert in_force(tmp_path) == {"Caddyfile": "one"}

    def test_another_one_restarts_the_service(self, tmp_path: Path) -> None:
        site(tmp_path, "one")
        ended = site(tmp_path, "two", "twice", before=RUNS)
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "unchanged"]
        assert ended.calls.splitlines()[-2:] == ["Stop-Service", "Start-Service"]
        assert in_force(tmp_path) == {"Caddyfile": "two"}

    def test_one_that_caddy_refuses_changes_nothing(self, tmp_path: Path) -> None:
        site(tmp_path, "one")
        ended = site(tmp_path, "two", before=f"{RUNS}; $caddy_played.refuses = $true")
        assert ended.status == 1
        assert "all was left as it was" in ended.errors
        assert "Error: loading certificates" in ended.errors
        assert "Stop-Service" not in ended.calls
        assert in_force(tmp_path) == {"Caddyfile": "one"}

    def test_one_that_is_not_shown_is_taken_back(self, tmp_path: Path) -> None:
        site(tmp_path, "one")
        ended = site(tmp_path, "two", before=f"{RUNS}; $caddy_played.fails_with = 'two'")
        assert ended.status == 1
        assert f"does not show {NAME} at port 443. What it read before is in force again." in ended.errors
        assert ended.calls.count("Start-Service") == 3
        assert in_force(tmp_path) == {"Caddyfile": "one"}
        assert site(tmp_path, "one", before=RUNS).lines == [f"unchanged: Caddy reads the site {NAME}"]

    def test_one_whose_run_was_cut_off_is_put_in_force_again(self, tmp_path: Path) -> None:
        site(tmp_path, "one")
        (tmp_path / "run" / f"{SERVICE}.site").unlink()
        ended = site(tmp_path, "one", before=RUNS)
        assert ended.lines == [f"changed: Caddy reads the site {NAME}"]

    def test_it_is_tested_without_the_private_ca_and_the_certificate_in_force(self, tmp_path: Path) -> None:
        root = tmp_path.as_posix()
        text = f'storage file_system "{root}/data/{SERVICE}"\ntls "{root}/configuration/caddy/certificate.pem"'
        ended = site(tmp_path, text, pem="first")
        tested = [
            line.removeprefix("test of ")
            for line in ended.calls.splitlines()
            if line.startswith("test of ") and line != "test of "
        ]
        scratch = f"{root}/run/caddy-test"
        assert tested == [f'storage file_system "{scratch}/data"', f'tls "{scratch}/certificate.pem"']
        assert {"beside certificate.pem", "beside private-key.pem"} <= set(ended.calls.splitlines())
        assert not Path(scratch).exists()
        assert in_force(tmp_path)["Caddyfile"] == text

    def test_another_certificate_restarts_the_service(self, tmp_path: Path) -> None:
        site(tmp_path, "one", pem="first")
        ended = site(tmp_path, "one", pem="second", before=RUNS)
        assert ended.lines == [f"changed: Caddy reads the site {NAME}"]
        found = in_force(tmp_path)
        assert found["certificate.pem"] == "second tls-certificate.pem"
        assert found["private-key.pem"] == "second tls-private-key.pem"

    def test_a_certificate_that_is_needed_no_more_goes(self, tmp_path: Path) -> None:
        site(tmp_path, "one", pem="first")
        site(tmp_path, "two")
        assert in_force(tmp_path) == {"Caddyfile": "two"}

    def test_what_somebody_changed_is_told_and_put_back(self, tmp_path: Path) -> None:
        site(tmp_path, "one")
        (tmp_path / "configuration" / "caddy" / "Caddyfile").write_text("else")
        before = "function create { drift | ForEach-Object { Write-Line $_ } }"
        (told,) = site(tmp_path, "one", before=before).lines
        assert told.endswith("/configuration/caddy/Caddyfile: content")
        assert site(tmp_path, "one", before=RUNS).lines == [f"changed: Caddy reads the site {NAME}"]

    def test_it_is_removed_and_may_be_gone_already(self, tmp_path: Path) -> None:
        ended = site(tmp_path, "one", "delete_after_create", pem="first")
        assert ended.status == 0, ended.errors
        assert in_force(tmp_path) == {}


class TestCertificate:
    def told(self, tmp_path: Path, *, before: str = "", authority: str = "") -> Ended:
        settings = {"service": SERVICE, "server_name": NAME, "port": "443", "fingerprint": "", "changes": ""}
        return run("caddy-certificate", tmp_path, {**settings, "authority": authority}, before=f"{PLAYED}\n{before}")

    def test_of_its_own_authority_that_is_told_too_and_nothing_else(self, tmp_path: Path) -> None:
        root = tmp_path / "root.crt"
        root.write_text(OTHER.authority)
        ended = self.told(tmp_path, authority=root.as_posix())
        assert ended.errors == ""
        assert ended.lines[0] == "expires: 2027-01-02T03:04:05Z"
        assert "\n".join(ended.lines[1:-1]) == OTHER.authority.strip()
        assert ended.lines[-1] == f"unchanged: {SERVICE} shows a certificate for {NAME} at port 443"

    def test_what_is_no_certificate_is_not_told(self, tmp_path: Path) -> None:
        root = tmp_path / "root.crt"
        root.write_text("a secret of somebody else")
        ended = self.told(tmp_path, authority=root.as_posix())
        assert ended.status == 1
        assert "cannot be read" in ended.errors
        assert "a secret" not in ended.errors + "".join(ended.lines)

    def test_one_for_others_is_told_with_the_log(self, tmp_path: Path) -> None:
        (tmp_path / "log" / SERVICE).mkdir(parents=True)
        (tmp_path / "log" / SERVICE / "shawl.log").write_text("what Caddy said")
        ended = self.told(tmp_path, before="function Read-File { 'x' }; $caddy_played.fails_with = 'x'")
        assert ended.status == 1
        assert "it is for others." in ended.errors
        assert "what Caddy said" in ended.errors


class TestInstall:
    def given(self, tmp_path: Path) -> dict[str, str]:
        source = tmp_path / "given.exe"
        source.write_bytes(b"MZ")
        sha256 = hashlib.sha256(b"MZ").hexdigest()
        caddy = (tmp_path / "runtime" / "caddy-01234567.exe").as_posix()
        return {"caddy": caddy, "caddy_source": source.as_posix(), "caddy_sha256": sha256}

    def test_it_is_copied_once_and_removed(self, tmp_path: Path) -> None:
        ended = run("install-caddy", tmp_path, self.given(tmp_path), "twice")
        assert [line.partition(":")[0] for line in ended.lines] == ["changed", "unchanged"]
        assert (tmp_path / "runtime" / "caddy-01234567.exe").read_bytes() == b"MZ"
        assert run("install-caddy", tmp_path, self.given(tmp_path), "delete").lines == ["changed: removed Caddy"]
        assert list((tmp_path / "runtime").iterdir()) == []

    def test_another_one_than_told_is_refused(self, tmp_path: Path) -> None:
        ended = run("install-caddy", tmp_path, {**self.given(tmp_path), "caddy_sha256": "ab" * 32})
        assert ended.status == 1
        assert f"not {'ab' * 32} as in the stack file" in ended.errors


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of a TLS server of Python's, which shows a certificate for `NAME`."""
    given = issue(NAME)
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_text(given.chain + given.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class TestWhatIsShown:
    def found(self, tmp_path: Path, name: str, port: int) -> Ended:
        code = f"$found = Get-ShownCertificate '{name}' {port}; Write-Line \"$($found.is_right) $($found.problem)\""
        return run("install-caddy", tmp_path, {}, before=f"function create {{ {code} }}")

    @pytest.mark.parametrize(
        ("name", "told"), [(NAME, "True "), ("other.example.com", "False it is"), ("203.0.113.10", "False it is")]
    )
    def test_a_certificate_is_right_for_its_names_whoever_signed_it(
        self, name: str, told: str, port: int, tmp_path: Path
    ) -> None:
        ended = self.found(tmp_path, name, port)
        assert ended.errors == ""
        assert ended.lines[0].startswith(told)

    def test_nobody_there_is_a_problem(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, NAME, 9).lines[0].startswith("False ")
