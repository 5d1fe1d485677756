"""Deployments of the whole program on booted hosts, and a table of what became of each scenario."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.deployment import OLD, Deployment, open_deployment
from tests.engine.checkout import missing_tools
from tests.hosts.command_lines import command_lines_of_all_processes
from tests.hosts.conftest import debian_hosts, testbed, tree
from tests.hosts.debian_host import DebianHost, booted_hosts
from tests.hosts.testbed import Testbed

__all__ = ["debian_hosts", "testbed", "tree"]

BEFORE_MIGRATIONS = Path(__file__).parent / "runtime" / "prefect-3.8.0.txt"
"""Requirements of a Prefect version from which migrations lead to the newest."""

NewDeployment = Callable[[Mapping[str, DebianHost], str], AbstractContextManager[Deployment]]
"""Opens a clone for a stack on hosts, named as in its stack file, with the Prefect server on the one named last."""


@pytest.fixture(scope="session")
def new_deployment() -> NewDeployment:
    """Give the function that makes deployments, or skip where the toolchain is not installed."""
    if reason := missing_tools():
        pytest.skip(reason)
    return open_deployment


@pytest.fixture(scope="session")
def vps(testbed: Testbed, tree: Path, new_deployment: NewDeployment) -> Iterator[Deployment]:
    """Bring a stack on one server up as its owner would; the tests leave it up, save the last ones."""
    with booted_hosts(testbed, tree) as boot:
        (host,) = boot(1)
        with new_deployment({"vps": host}, "vps") as deployment:
            with command_lines_of_all_processes() as deployment.seen_command_lines:
                deployment.first_up(
                    {
                        "server": {"version": OLD},
                        # named, so that tests can add others
                        "workPools": {"default": {"type": "process"}},
                        "workers": {"default": {"workPool": "default"}},
                    }
                )
            yield deployment


@pytest.fixture(scope="session")
def troubled(testbed: Testbed, tree: Path, new_deployment: NewDeployment) -> Iterator[Deployment]:
    """Give a stack on one server, with a small disk for its data, which was never up. Faults befall it in all tests."""
    with booted_hosts(testbed, tree) as boot:
        (host,) = boot(1)
        host.run("mkdir /var/lib/prefect && mount -t tmpfs -o size=1G,mode=755 tmpfs /var/lib/prefect")
        with new_deployment({"vps": host}, "vps") as deployment:
            shutil.copy(BEFORE_MIGRATIONS, deployment.layout.root / "scripts" / "runtime")
            deployment.write_stack_file({"server": {"version": "3.8.0"}})
            deployment.make_ready()
            deployment.place_flows()
            yield deployment


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what became of each scenario, how long it took, and what it measured."""
    scenarios: dict[str, Scenario] = {}
    for report in (report for kind in terminalreporter.stats.values() for report in kind):
        if isinstance(report, pytest.TestReport) and "/e2e/" in f"/{report.nodeid}":
            scenarios.setdefault(report.nodeid, Scenario()).add(report)
    if not scenarios:
        return
    terminalreporter.section("scenarios")
    for nodeid, scenario in scenarios.items():
        module, _, test = nodeid.rpartition("/")[2].partition("::")
        name = test.removeprefix("test_").replace("_", " ")
        terminalreporter.line(
            f"{scenario.result:8}{scenario.seconds:7.1f} s  {module.removesuffix('.py').removeprefix('test_')}: {name}"
            + "".join(f"; {what} {value}" for what, value in scenario.measured)
        )


@dataclass
class Scenario:
    """One test, with the making of what it needs first and the removal of what it needed last."""

    result: str = "passed"
    seconds: float = 0.0
    measured: list[tuple[str, object]] = field(default_factory=list)

    def add(self, report: pytest.TestReport) -> None:
        """Take one of the test's phases in."""
        self.seconds += report.duration
        if report.outcome != "passed":
            self.result = report.outcome
        if report.when == "call":
            self.measured = report.user_properties
