"""A real Caddy before a real Prefect: the API by its client, the UI, events over a web socket; at a sub-path, too."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from components.public_url import public_url_variables
from tests.caddy.running_caddy import NEEDS_CADDY, Caddy, caddy, told
from tests.loopback_ports import free_port
from tests.prefect_runtime import PrefectServer, install_prefect, prefect_server

pytestmark = NEEDS_CADDY

EVENTS = """
import anyio, prefect, uuid
from prefect.events import Event
from prefect.events.clients import PrefectEventsClient, get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

async def main():
    async with prefect.get_client() as client:
        assert (await client.api_healthcheck()) is None
        print("pools", len(await client.read_work_pools()))
    heard = EventFilter(event=EventNameFilter(name=["tests.heard"]))
    async with get_events_subscriber(heard) as subscriber:
        async with PrefectEventsClient() as events:
            await events.emit(Event(event="tests.heard", resource={"prefect.resource.id": "tests"}, id=uuid.uuid4()))
        with anyio.fail_after(30):
            async for event in subscriber:
                print("heard", event.event)
                break

anyio.run(main)
"""
"""What a worker does: asks the API, and sends and hears events over web sockets."""


@pytest.fixture(scope="module", params=["", "/team/prefect"], ids=["root", "sub-path"])
def shown(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Caddy, PrefectServer]]:
    directory, port = tmp_path_factory.mktemp("caddy"), free_port()
    settings = told(directory, port, host="127.0.0.1", path=request.param)
    variables = public_url_variables(settings)
    with (
        prefect_server(tmp_path_factory.mktemp("prefect"), port=port, settings=variables) as server,
        caddy(directory, settings) as running,
    ):
        yield running, server


def test_a_worker_that_trusts_the_authority_uses_api_and_web_sockets(shown: tuple[Caddy, PrefectServer]) -> None:
    running, server = shown
    authority = running.directory / "authority.pem"
    authority.write_text(running.authority)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(running.directory / "worker"),
        "PREFECT_API_URL": f"{running.settings.public_url}/api",
        "PREFECT_API_AUTH_STRING": server.auth_string,
        "PREFECT_API_SSL_CERT_FILE": str(authority),
        "NO_PROXY": "127.0.0.1",
    }
    command = [str(install_prefect()), "-c", EVENTS]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "heard tests.heard" in ended.stdout


def test_the_api_asks_for_the_password(shown: tuple[Caddy, PrefectServer]) -> None:
    running, _ = shown
    path = f"{running.settings.path}/api/work_pools/filter"
    assert running.client().request("POST", path, json={}).status_code == 401


def test_browsers_get_the_ui_which_finds_the_api(shown: tuple[Caddy, PrefectServer]) -> None:
    running, _ = shown
    base = running.settings.path
    page = running.client().get(f"{base}/")
    assert page.status_code == 200
    assert f"{base}/assets/" in page.text
    told = running.client().get(f"{base}/ui-settings").json()
    assert told["api_url"] == f"{running.settings.public_url}/api"
    assert running.client().get(f"{base}/?filter={'x' * 12_000}").status_code == 200
