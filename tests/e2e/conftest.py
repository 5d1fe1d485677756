"""Deployments of the whole program on booted hosts, and a table of what became of each scenario."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.e2e.deployment import Deployment
from tests.engine.checkout import clean_environment, make_clone, missing_tools
from tests.engine.conftest import short_directory
from tests.hosts.conftest import debian_hosts, testbed, tree
from tests.hosts.debian_host import DebianHost

__all__ = ["debian_hosts", "testbed", "tree"]

NewDeployment = Callable[[Mapping[str, DebianHost], str], AbstractContextManager[Deployment]]
"""Opens a clone for a stack on hosts, named as in its stack file, with the Prefect server on the one named last."""


@pytest.fixture(scope="session")
def new_deployment() -> NewDeployment:
    """Give the function that makes deployments, or skip where the toolchain is not installed."""
    if reason := missing_tools():
        pytest.skip(reason)
    return _new_deployment


@contextmanager
def _new_deployment(hosts: Mapping[str, DebianHost], server_host: str) -> Iterator[Deployment]:
    with short_directory() as place:
        layout = make_clone(place / "clone")
        (place / "home").mkdir()
        environment = clean_environment(os.environ, place / "home")
        yield Deployment(layout=layout, environment=environment, hosts=hosts, server_host=server_host)
