"""A stack in a directory of its own, driven by the real Pulumi CLI on a file backend."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.debian_host import DebianHost

CHECKOUT = Path(__file__).resolve().parents[2]


_UP = ("up", "--yes", "--skip-preview")


class PulumiError(AssertionError):
    """A Pulumi command failed; the message holds all that it printed."""


class PulumiStack:
    """The stack `test` of a copy of a program, whose modules come from this checkout.

    Tools and plugins are those of the environment, as `make test` sets it; state and passphrase are the stack's own.
    """

    def __init__(self, program: Path, directory: Path) -> None:
        self.state = directory / "state"
        self._directory = directory / "program"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PULUMI_CONFIG_PASSPHRASE_FILE"},
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(CHECKOUT),
        }
        self.state.mkdir()
        shutil.copytree(program, self._directory, ignore=shutil.ignore_patterns("__pycache__"))
        self.run("stack", "init", "test")

    def configure(self, values: Mapping[str, str], *, secret: bool = False) -> None:
        """Set configuration; the values travel on standard input."""
        kind = "--secret" if secret else "--plaintext"
        for key, value in values.items():
            self.run("config", "set", kind, key, stdin=value)

    def preview(self, **configuration: str) -> str:
        """Preview with this configuration from now on, and return the whole difference."""
        return self.run("preview", "--diff", *_options(configuration))

    def up(self, **configuration: str) -> str:
        """Bring the stack up with this configuration from now on, and return what was printed."""
        return self.run(*_UP, *_options(configuration))

    def start_up(self, **configuration: str) -> "subprocess.Popen[str]":
        """Start to bring the stack up, and return at once; `failure` tells the end."""
        return self._start(*_UP, *_options(configuration))

    def failure(self, up: "subprocess.Popen[str]", *, within: float = 120) -> str:
        """Wait for an `up` that is to fail, and return what it printed.

        Raises:
            PulumiError: it succeeded, or was still running after that many seconds and was killed.
        """
        try:
            output, _ = up.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            up.kill()
            up.communicate()
            raise PulumiError(f"`pulumi up` neither failed nor ended within {within:.0f} s") from None
        if up.returncode == 0:
            raise PulumiError(f"`pulumi up` was expected to fail:\n{output}")
        return output

    def assert_no_changes(self) -> None:
        """Check that there is nothing to do.

        Raises:
            PulumiError: there is; the message holds the difference.
        """
        self.run("preview", "--diff", "--expect-no-changes")

    def commands(self) -> dict[str, dict[str, Any]]:
        """Return, by name, the inputs of every command on a host in the order they were made, secrets in clear."""
        deployment = json.loads(self.run("stack", "export", "--show-secrets"))["deployment"]
        return {
            resource["urn"].rpartition("::")[2]: {key: _in_clear(value) for key, value in resource["inputs"].items()}
            for resource in deployment["resources"]
            if resource["type"] == "command:remote:Command"
        }

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 300) -> str:
        """Run a Pulumi command and return what it printed on both streams.

        Raises:
            PulumiError: it failed.
            subprocess.TimeoutExpired: it took too long and was killed.
        """
        process = self._start(*arguments)
        try:
            output, _ = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            raise PulumiError(f"`pulumi {' '.join(arguments)}` exited {process.returncode}:\n{output}")
        return output

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def stack_on(host: DebianHost, program: str, directory: Path) -> PulumiStack:
    """Return a stack of tests/hosts/`program` that knows how to reach `host`; skip where there is no Pulumi."""
    if shutil.which("pulumi") is None:
        pytest.skip('pulumi is not on PATH; run `make test`, or first: eval "$(make -s env)"')
    stack = PulumiStack(CHECKOUT / "tests" / "hosts" / program, directory)
    stack.configure({"address": host.address, "user": host.user, "hostKey": host.host_key})
    stack.configure({"sshPrivateKey": host.private_key}, secret=True)
    return stack


def _options(configuration: Mapping[str, str]) -> list[str]:
    return [f"--config={key}={value}" for key, value in configuration.items()]


def _in_clear(value: Any) -> Any:
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value
