"""The plugins under test: the stand-ins, or any executables named by COMMAND_PLUGIN and POSTGRESQL_PLUGIN."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plugins import postgresql_server, ssh_server
from tests.plugins.plugin_process import PluginProcess
from tests.plugins.plugin_under_test import PluginUnderTest, plugin_under_test
from tests.plugins.postgresql_server import PostgresqlServer
from tests.plugins.ssh_server import SshServer


@pytest.fixture(scope="session")
def command_plugin() -> PluginUnderTest:
    return plugin_under_test("command")


@pytest.fixture(scope="session")
def postgresql_plugin() -> PluginUnderTest:
    return plugin_under_test("postgresql")


@pytest.fixture(scope="session")
def command(command_plugin: PluginUnderTest) -> Iterator[PluginProcess]:
    """One command plugin for all tests that do not cancel it."""
    with command_plugin.start() as plugin:
        plugin.configure(plugin.check_config({}).inputs)
        yield plugin


@pytest.fixture(scope="session")
def ssh() -> Iterator[SshServer]:
    with ssh_server.serving() as server:
        yield server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresqlServer]:
    with postgresql_server.serving() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql(postgresql_plugin: PluginUnderTest, server: PostgresqlServer) -> Iterator[PluginProcess]:
    """One PostgreSQL plugin that connects as the superuser."""
    with postgresql_plugin.start() as plugin:
        plugin.configure(plugin.check_config(server.config).inputs)
        yield plugin


@pytest.fixture(scope="session")
def offline(postgresql_plugin: PluginUnderTest) -> Iterator[PluginProcess]:
    """Start a PostgreSQL plugin whose server cannot be reached: whatever works here does not connect."""
    with postgresql_plugin.start() as plugin:
        plugin.configure(plugin.check_config({"host": "127.0.0.1", "port": 1, "password": "unused"}).inputs)
        yield plugin
