"""Fixtures that boot Debian 12 hosts: `debian_host` for one per module, `debian_hosts` for several."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.debian_host import BootHosts, DebianHost, booted_hosts
from tests.hosts.debian_tree import debian_tree
from tests.hosts.testbed import Testbed, missing_requirement, open_testbed


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """Claim the session's share of the machine, or skip with the reason why hosts cannot run here."""
    if reason := missing_requirement():
        pytest.skip(reason)
    with open_testbed() as claimed:
        yield claimed


@pytest.fixture(scope="session")
def tree(testbed: Testbed) -> Path:  # noqa: ARG001 - nothing is built where hosts cannot run
    """Build the Debian tree that all hosts share."""
    return debian_tree()


@pytest.fixture(scope="module")
def debian_hosts(testbed: Testbed, tree: Path) -> Iterator[BootHosts]:
    """Give the function that boots as many hosts as it is told; they last for the module's time."""
    with booted_hosts(testbed, tree) as boot:
        yield boot


@pytest.fixture(scope="module")
def debian_host(debian_hosts: BootHosts) -> DebianHost:
    """Boot one host for the module's time."""
    return debian_hosts(1)[0]
