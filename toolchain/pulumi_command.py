"""Asks the Pulumi CLI, and tells why it refused."""

import subprocess

from toolchain.errors import ToolchainError


def pulumi(*arguments: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    """Run Pulumi, capturing what it says."""
    command = ["pulumi", *arguments]
    return subprocess.run(command, input=standard_input, capture_output=True, text=True, check=False)


def failed(what: str, result: subprocess.CompletedProcess[str]) -> ToolchainError:
    """Tell what failed with the reason that Pulumi gave."""
    return ToolchainError(f"{what}: {' '.join(result.stderr.split())}")
