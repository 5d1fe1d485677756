"""A real Prefect server for the whole session, and a fake one whose answers a test scripts."""

from collections.abc import Iterator

import pytest

from components.prefect_api.client import PrefectClient
from tests.prefect_api.fake_server import FakeServer
from tests.prefect_api.server_description import ServerDescription
from tests.prefect_runtime import PrefectServer, prefect_server


@pytest.fixture(scope="session")
def described_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrefectServer, ServerDescription]]:
    """Prefect as it is locked for the product, with authentication and CSRF protection on.

    Whatever is asked of it in this process must be as its own /openapi.json describes it.
    """
    settings = {"PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true"}
    with prefect_server(tmp_path_factory.mktemp("prefect"), settings=settings) as running:
        description = ServerDescription.fetch(running.api_url, running.auth_string)
        with description.checking(running.api_url):
            yield running, description


@pytest.fixture(scope="session")
def server(described_server: tuple[PrefectServer, ServerDescription]) -> PrefectServer:
    return described_server[0]


@pytest.fixture(scope="session")
def description(described_server: tuple[PrefectServer, ServerDescription]) -> ServerDescription:
    return described_server[1]


@pytest.fixture
def client(server: PrefectServer) -> Iterator[PrefectClient]:
    with PrefectClient(server.api_url, server.auth_string) as connected:
        yield connected


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running
