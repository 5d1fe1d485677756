"""What all tests share."""

import importlib
import os
import warnings
from pathlib import Path

import pytest

# gRPC's handlers of a fork have brought down programs that tests started as another user, before these were executed
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

with warnings.catch_warnings():
    # they warn of deprecated classes of their own whenever they are imported; in tests warnings are errors
    warnings.simplefilter("ignore", DeprecationWarning)
    for module in ("pulumi_command.remote.copy_file", "pulumi_postgresql"):
        importlib.import_module(module)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a directory's tests in one process of `pytest --dist loadgroup`: they share a host, a server or a stack."""
    tests = Path(__file__).parent
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(tests).parts[0]))
