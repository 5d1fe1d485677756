"""A plugin starts, introduces itself and ends as the engine expects."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import pytest

from tests.plugins.plugin_process import PluginError, PluginProcess
from tests.plugins.plugin_under_test import ROOT, PluginUnderTest

VERSIONS = {"command": "1.2.1", "postgresql": "3.18.2"}


@pytest.fixture(params=list(VERSIONS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def plugin(name: str, request: pytest.FixtureRequest) -> PluginUnderTest:
    found = request.getfixturevalue(f"{name}_plugin")
    assert isinstance(found, PluginUnderTest)
    return found


@pytest.fixture
def running(name: str, request: pytest.FixtureRequest) -> PluginProcess:
    found = request.getfixturevalue({"command": "command", "postgresql": "offline"}[name])
    assert isinstance(found, PluginProcess)
    return found


def test_tells_the_version_that_the_sdk_asks_for(name: str, running: PluginProcess) -> None:
    assert running.plugin_info() == VERSIONS[name]


def test_unknown_resource_is_named(name: str, running: PluginProcess) -> None:
    with pytest.raises(PluginError, match=f"({name}:)?index/nonsense:Nonsense"):
        running.check(f"{name}:index/nonsense:Nonsense", {})


def test_functions_are_refused_by_name(plugin: PluginUnderTest, name: str, running: PluginProcess) -> None:
    plugin.skip_unless_stand_in("it has functions")
    with pytest.raises(PluginError, match=f"follows no functions such as {name}:index:f; install the real"):
        running.invoke(f"{name}:index:f")


def test_starts_with_little_work(plugin: PluginUnderTest) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with plugin.start() as process:
        process.plugin_info()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert seconds < 3, "every pulumi command starts every plugin"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_on_a_signal(plugin: PluginUnderTest, number: signal.Signals) -> None:
    plugin.skip_unless_stand_in("it dies of the signal")
    with plugin.start() as process:
        process.process.send_signal(number)
        assert process.process.wait(10) == 0


def test_ends_when_the_engine_is_gone(plugin: PluginUnderTest) -> None:
    plugin.skip_unless_stand_in("it pings the engine instead of watching its standard input")
    with plugin.start() as process:
        assert process.process.stdin is not None
        process.process.stdin.close()
        assert process.process.wait(10) == 0


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [("command.provider", {"psycopg", "paramiko"}), ("postgresql.provider", {"paramiko"})],
)
def test_stand_ins_load_only_the_libraries_they_need(module: str, unneeded: set[str]) -> None:
    program = f"import sys, toolchain.plugins.{module}; print(*({unneeded} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "", f"{module} imports what costs every start"
