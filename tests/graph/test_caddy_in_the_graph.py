"""A Prefect server on Windows that Caddy shows by HTTPS, and a worker on Linux that comes by it."""

import json
from typing import Any

import pytest

from tests.graph.recorder import Graph, is_secret, record, text
from tests.graph.test_windows_graph import HOST, contents, script_of, steps
from tests.loopback_ports import free_port
from tests.scripts.powershell_commands import GIVEN, SETTINGS
from tests.settings.stack_file import stack_file

CADDY = {"executable": "D:/offline/caddy.exe", "sha256": "EF" * 32}
PROGRAM = "D:/Prefect/runtime/caddy-efefefef.exe"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIBkEy7531\n-----END PRIVATE KEY-----\n"
CHAIN = "-----BEGIN CERTIFICATE-----\nMIIBchain\n-----END CERTIFICATE-----\n"


def graph_of(section: dict[str, Any], **more: Any) -> Graph:
    linux = {"platform": "linux", "address": "203.0.113.11", "hostKey": "ssh-ed25519 A", "tunnelPort": 20000}
    windows = {**HOST, "caddy": CADDY, "tunnelPort": free_port()}
    return record(
        stack_file(
            hosts={"windows-1": windows, "linux-1": linux},
            postgres={"host": "windows-1"},
            server={"hosts": ["windows-1"]},
            workers={"here": {"host": "windows-1"}, "there": {"host": "linux-1"}},
            caddy={"publicUrl": "https://prefect.example.com:8443", **section},
            **more,
        )
    )


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of({})


@pytest.fixture(scope="module")
def carrying() -> Graph:
    """Give a stack that carries the certificate."""
    return graph_of({"certificate": "stack"}, tlsCertificate=CHAIN, tlsPrivateKey=KEY)


def test_its_scripts_get_all_the_settings_that_they_read(graph: Graph, carrying: Graph) -> None:
    ran = [step for one in (graph, carrying) for name, step in steps(one).items() if name.startswith("proxy-")]
    assert {script_of(step) for step in ran} == {"file", "install-caddy", "caddy-site", "service", "caddy-certificate"}
    missing = [(SETTINGS[script_of(step)] | GIVEN) - step.settings.keys() for step in ran]
    assert {setting for settings in missing for setting in settings} == set()


def test_it_runs_the_given_program_as_a_service_of_its_own(graph: Graph) -> None:
    given = steps(graph)["proxy-install"].settings
    assert (given["caddy"], given["caddy_source"], given["caddy_sha256"]) == (PROGRAM, CADDY["executable"], "ef" * 32)
    definition = json.loads(contents(graph)["prefect-caddy.json"])
    assert definition["account"] == "NT SERVICE\\prefect-caddy"
    place = "D:/Prefect/configuration/caddy/Caddyfile"
    assert definition["image_path"].endswith(f" -- {PROGRAM} run --adapter caddyfile --config {place}")
    assert definition["writes"] == ["D:/Prefect/data/prefect-caddy", "D:/Prefect/log/prefect-caddy"]


def test_what_it_reads_is_tested_before_it_starts_and_told_of_when_it_runs(graph: Graph) -> None:
    assert {"proxy-install", "proxy-site-file"} <= graph.before("proxy-site")
    assert "proxy-site" in graph.before("proxy-service")
    assert {"proxy-site", "proxy-service"} <= graph.before("proxy-certificate")
    assert "proxy-certificate" in graph.before("worker-there-service")


def test_another_site_does_not_restart_it_twice(graph: Graph) -> None:
    other = graph_of({"httpPort": 8080})
    told = [steps(one)["proxy-service"].settings["fingerprint"] for one in (graph, other)]
    assert told[0] == told[1]
    sites = [steps(one)["proxy-site"].settings["fingerprint"] for one in (graph, other)]
    assert sites[0] != sites[1]


def test_a_worker_elsewhere_comes_by_it_and_is_told_whom_to_trust(graph: Graph) -> None:
    settings = text(graph.resources["worker-there-settings"].inputs["stdin"])
    assert "PREFECT_API_URL=https://prefect.example.com:8443/api\n" in settings
    assert "PREFECT_API_SSL_CERT_FILE=/etc/prefect/flows/prefect-worker-there.ca.pem\n" in settings
    assert "MOCK" in text(graph.resources["worker-there-certificate-authority"].inputs["stdin"])
    here = contents(graph)["prefect-worker-here.env"]
    assert "PREFECT_API_URL=http://127.0.0.1:4200/api\n" in here


def test_the_server_knows_its_public_url(graph: Graph) -> None:
    assert "PREFECT_UI_URL=https://prefect.example.com:8443/\n" in contents(graph)["prefect-server.env"]
    assert graph.exports["uiUrl"] == "https://prefect.example.com:8443"
    assert "BEGIN CERTIFICATE" in graph.exports["caCertificate"]


def test_its_ports_are_let_in_and_looked_at_before(graph: Graph) -> None:
    opened = steps(graph)["windows-1-firewall-loaded"].settings["openings"]
    assert opened == "tcp:80 tcp:8443"
    looked = steps(graph)["windows-1-preflight"].settings["ports"].split()
    assert {"caddy.httpPort=80", "caddy.httpsPort=8443"} <= set(looked)


def test_a_preview_tells_everything_but_what_it_reports() -> None:
    values = stack_file(hosts={"windows-1": {**HOST, "caddy": CADDY, "tunnelPort": free_port()}})
    preview = record(values, preview=True)
    assert preview.exports["uiUrl"] == "https://203.0.113.10"
    assert "admin off" in text(preview.resources["proxy-site-file"].inputs["stdin"])


def test_a_certificate_that_the_stack_carries_is_for_administrators_until_it_was_tested(carrying: Graph) -> None:
    key = steps(carrying)["proxy-key"].settings
    assert (key["content"], key["readers"]) == (KEY, "")
    assert is_secret(carrying.resources["proxy-key"].inputs["stdin"])
    site = steps(carrying)["proxy-site"].settings
    place = "D:/Prefect/configuration/caddy/declared"
    assert (site["chain"], site["key"]) == (f"{place}/tls-certificate.pem", f"{place}/tls-private-key.pem")
    assert {"proxy-chain", "proxy-key"} <= carrying.before("proxy-site")
    assert "PREFECT_API_SSL_CERT_FILE" not in text(carrying.resources["worker-there-settings"].inputs["stdin"])
