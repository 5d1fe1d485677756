"""A real Caddy with what the stack tells it, before a stand-in for a Prefect server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.caddy.running_caddy import NAME, NEEDS_CADDY, Caddy, caddy, told, validated
from tests.hosts.certificates import issue
from tests.loopback_ports import free_port
from tests.settings.stack_file import CHECKOUT
from tests.waiting import wait_until

pytestmark = NEEDS_CADDY


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    port = free_port()
    with subprocess.Popen([sys.executable, str(CHECKOUT / "tests" / "hosts" / "upstream.py"), str(port)]) as process:
        yield port
        process.terminate()


@pytest.fixture(scope="module")
def site(upstream: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    directory = tmp_path_factory.mktemp("caddy")
    with caddy(directory, told(directory, upstream)) as running:
        wait_until(lambda: running.client().get("/api/health").status_code == 200, "the upstream")
        yield running


@pytest.fixture(scope="module")
def below(upstream: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    directory = tmp_path_factory.mktemp("caddy")
    with caddy(directory, told(directory, upstream, path="/team/prefect")) as running:
        wait_until(lambda: running.client().get("/team/prefect/").status_code == 200, "the upstream")
        yield running


def test_http_is_sent_to_https(site: Caddy) -> None:
    answer = site.http("/runs?state=failed")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{site.settings.public_url}/runs?state=failed")
    assert site.http("/", host="other.example.com").status_code == 404


def test_clients_that_trust_the_authority_alone_see_the_server(site: Caddy) -> None:
    asked = site.client().get("/api/flows/?limit=2").json()
    assert asked["path"] == "/api/flows/?limit=2"
    authority = site.settings.authority
    told = {name: asked["headers"].get(name) for name in ("host", "x-forwarded-proto", "x-forwarded-host")}
    assert told == {"host": authority, "x-forwarded-proto": "https", "x-forwarded-host": authority}
    assert site.client().certificate()["subjectAltName"] == (("DNS", NAME),)


def test_nobody_can_pretend_to_come_from_elsewhere(site: Caddy) -> None:
    headers = {"Host": NAME, "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    asked = site.client().request("GET", "/api/x", headers=headers).json()["headers"]
    assert (asked["x-forwarded-for"], asked["x-forwarded-proto"]) == ("127.0.0.1", "https")


def test_other_names_are_not_shown(site: Caddy) -> None:
    assert site.client().request("GET", "/", headers={"Host": "other.example.com"}).status_code == 404


@pytest.mark.parametrize("path", ["/api/events/in", "/api/logs/out"])
def test_web_sockets_pass(site: Caddy, path: str) -> None:
    with site.client().web_socket(path) as opened:
        assert opened.status == 101
        assert [opened.echo("one"), opened.echo("two")] == ["one", "two"]


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/Docs", "//docs"])
def test_what_prefect_shows_to_anybody_is_not_shown(site: Caddy, path: str) -> None:
    answer = site.client().get(path)
    assert answer.status_code == 404 or answer.json()["path"] not in {"/docs", "/redoc", "/openapi.json"}


def test_what_prefect_takes_passes_and_more_does_not(site: Caddy) -> None:
    client = site.client()
    assert client.request("POST", "/api/logs/", content=bytes(4_000_000)).json()["length"] == 4_000_000
    assert client.request("POST", "/api/logs/", content=bytes(17 * 2**20)).status_code == 413
    assert client.get("/runs?" + "x" * 12_000).status_code == 200


def test_browsers_are_told_to_be_careful(site: Caddy) -> None:
    headers = site.client().get("/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert {"server", "via"} & set(headers) == set()


def test_a_sub_path(below: Caddy) -> None:
    client = below.client()
    paths = ("/api/flows/", "/", "/v2/runs")
    shown = {path: client.get(f"/team/prefect{path}").json()["path"] for path in paths}
    assert shown == {"/api/flows/": "/api/flows/", "/": "/team/prefect/", "/v2/runs": "/team/prefect/v2/runs"}
    home = f"{below.settings.public_url}/"
    assert [client.get(path).headers["Location"] for path in ("/", "/team/prefect")] == [home, home]
    assert [client.get(path).status_code for path in ("/api/health", "/other", "/docs")] == [404, 404, 404]
    with client.web_socket("/team/prefect/api/events/out") as opened:
        assert opened.echo("through") == "through"


def test_where_the_server_sends_to_is_below_the_sub_path(below: Caddy) -> None:
    headers = {"Host": below.settings.authority}
    answer = below.client().request("GET", "/team/prefect/api/slashless", headers=headers)
    assert answer.headers["Location"] == f"{below.settings.public_url}/api/slashless/"


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.10"])
def test_an_address_behind_another_one_too(host: str, upstream: int, tmp_path: Path) -> None:
    """Clients do not say which address they ask for, and it need not be one that Caddy knows."""
    with caddy(tmp_path, told(tmp_path, upstream, host=host)) as running:
        assert running.client().get("/api/x").json()["headers"]["host"] == running.settings.authority


def test_a_certificate_of_the_stack(upstream: int, tmp_path: Path) -> None:
    given = issue(NAME)
    with caddy(tmp_path, told(tmp_path, upstream, certificate=given), given.authority) as running:
        assert running.client().get("/api/x").status_code == 200
        assert not (tmp_path / "storage" / "pki").exists()


def test_it_writes_into_its_own_directory_alone_but_for_a_name_of_its_own(site: Caddy) -> None:
    written = {path.relative_to(site.directory) for path in site.directory.rglob("*") if path.is_file()}
    elsewhere = {path for path in written if path.parts[0] not in {"Caddyfile", "log", "storage"}}
    assert {path.name for path in elsewhere} == {"instance.uuid"}


@pytest.mark.parametrize("damage", ["another key", "no certificate", "no word of Caddy's"])
def test_what_it_could_not_start_with_is_found_before(damage: str, tmp_path: Path) -> None:
    told(tmp_path, 4200, certificate=issue(NAME))
    assert validated(tmp_path).returncode == 0, validated(tmp_path).stderr
    if damage == "another key":
        (tmp_path / "private-key.pem").write_text(issue(NAME).key)
    elif damage == "no certificate":
        (tmp_path / "certificate.pem").write_text("nothing")
    else:
        (tmp_path / "Caddyfile").write_text("nonsense {")
    assert validated(tmp_path).returncode != 0
