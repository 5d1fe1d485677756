"""How to start a plugin under test: a stand-in, or an executable that the environment names."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plugins import plugin_process
from tests.plugins.plugin_process import PluginProcess

ROOT = Path(__file__).parents[2]
MISLEADING = ("SSH_AUTH_SOCK", "PG", "PULUMI_")
"""Variables of the developer's own that would change what a plugin does."""


@dataclass(frozen=True)
class PluginUnderTest:
    """How to start a plugin, and whether it is ours."""

    command: list[str]
    is_stand_in: bool

    def start(self, **environment: str) -> AbstractContextManager[PluginProcess]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(MISLEADING)}
        return plugin_process.running(self.command, {**inherited, "PYTHONPATH": str(ROOT), **environment})

    def skip_unless_stand_in(self, reason: str) -> None:
        """Skip what the stand-in does on purpose better than the real plugin."""
        if not self.is_stand_in:
            pytest.skip(f"the real plugin differs: {reason}")


def plugin_under_test(name: str) -> PluginUnderTest:
    """Return the executable in COMMAND_PLUGIN or POSTGRESQL_PLUGIN, or else the stand-in."""
    executable = os.environ.get(f"{name.upper()}_PLUGIN")
    stand_in = [sys.executable, "-m", "toolchain.plugins", name]
    return PluginUnderTest([executable] if executable else stand_in, is_stand_in=not executable)
