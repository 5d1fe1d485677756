"""Which servers are spoken to."""

import logging

import pytest

from components.prefect_api.client import PrefectClient
from components.prefect_api.resources import VariableProvider
from components.prefect_api.server_version import NEWEST, OLDEST, UnsupportedServerError, check_version
from components.settings import supported_versions
from tests.prefect_api.fake_server import Answer, FakeServer
from tests.prefect_api.providers import configured


def check(fake: FakeServer, version: str) -> None:
    fake.answers = [Answer(200, f'"{version}"')]
    with PrefectClient(fake.api_url) as client:
        check_version(client)


def test_all_servers_that_this_project_installs_are_tested_ones() -> None:
    assert all(
        tuple(map(int, version.split("."))) >= OLDEST and version.startswith("{}.{}.".format(*NEWEST))
        for version in supported_versions()
    )


@pytest.mark.parametrize("version", ["3.6.6", "3.7.0", "3.8.99", "3.8.4.dev6"])
def test_a_tested_one_is_nothing_to_talk_of(fake: FakeServer, caplog: pytest.LogCaptureFixture, version: str) -> None:
    check(fake, version)

    assert caplog.records == []


@pytest.mark.parametrize("version", ["3.0.11", "3.6.5", "3.9.0", "3.80.1", "3.99.0.dev1"])
def test_another_one_of_prefect_3_is_warned_of(
    fake: FakeServer, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    check(fake, version)

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert version in record.getMessage()


@pytest.mark.parametrize("version", ["2.20.4", "4.0.0", "unknown"])
def test_a_server_with_another_api_is_an_error_that_says_what_to_do(fake: FakeServer, version: str) -> None:
    with pytest.raises(UnsupportedServerError, match=f"version {version}.*upgrade it") as caught:
        check(fake, version)
    assert fake.api_url in str(caught.value)


def test_it_is_asked_once_for_all_resources_of_a_server(fake: FakeServer) -> None:
    fake.answers = [Answer(200, '"3.8.1"'), Answer(200, {"value": 1, "tags": []})]
    props = {"api_url": fake.api_url, "name": "a", "value": "1"}
    for _ in range(3):
        configured(VariableProvider, "tests:password").read("a", props)

    assert [request.target for request in fake.requests].count("/api/admin/version") == 1
