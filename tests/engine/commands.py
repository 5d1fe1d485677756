"""One stack of a clone, driven as its owner would: by `make` and by the Pulumi CLI, wherever its hosts are."""

import base64
import json
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from components.prefect_api.client import PrefectClient
from tests.waiting import wait_until
from toolchain.layout import Layout

PROJECT = "prefect-selfhost"
COMMAND_SECONDS = 400


@dataclass(frozen=True)
class Result:
    """A command that ended."""

    command: str
    status: int
    output: str
    seconds: float


class CommandError(AssertionError):
    """A command ended otherwise than the test expects."""


@dataclass(kw_only=True)
class StackCommands:
    """What an owner does with one stack of a clone; nothing that is printed may show a secret.

    Attributes:
        layout: the clone.
        environment: of every command.
        name: of the stack.
        user: system user that runs the commands; None for whoever runs the tests.
        secrets: each secret value that the stack has had, by its key. No output may show one.
    """

    layout: Layout
    environment: Mapping[str, str]
    name: str = "dev"
    user: str | None = None
    secrets: list[tuple[str, str]] = field(default_factory=list, repr=False)
    pulumi_environment: Mapping[str, str] | None = None

    # --- commands

    def make(self, *arguments: str, expect: int | None = 0) -> Result:
        """Run `make`."""
        return self.run(["make", *arguments], self.environment, expect=expect)

    def pulumi(self, *arguments: str, expect: int | None = 0, shows_secrets: bool = False) -> Result:
        """Run the Pulumi CLI in a shell that has evaluated `make env`."""
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive", "--color", "never"]
        return self.run(command, self.shell_environment(), expect=expect, shows_secrets=shows_secrets)

    def up(self, expect: int | None = 0) -> Result:
        """Run `make up`, then learn what secrets there are."""
        result = self.make("up", expect=expect)
        self.learn_secrets()
        self.refuse_secrets(result)
        return result

    def preview(self) -> dict[str, str]:
        """Return what an update would do to which resource, by its name: `create`, `update`, `replace` or `delete`."""
        result = self.pulumi("preview", "--json")
        steps = json.loads(result.output[result.output.index("{") :]).get("steps", [])
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}

    def expect_no_changes(self) -> Result:
        """Require that a preview finds nothing to do."""
        return self.pulumi("preview", "--expect-no-changes")

    def config_set(self, path: str, value: str) -> None:
        """Set a plain setting, named by its path in the stack file."""
        self.pulumi("config", "set", "--path", path, value)

    def config_set_secret(self, key: str, value: str) -> None:
        """Set a secret setting, on standard input."""
        self.secrets.append((key, value))
        command = ["pulumi", "config", "set", "--secret", key, "--stack", self.name, "--non-interactive"]
        self.run(command, self.shell_environment(), standard_input=value)

    def config_rm(self, path: str) -> None:
        """Remove a setting."""
        self.pulumi("config", "rm", "--path", path)

    def outputs(self, *, show_secrets: bool = True) -> dict[str, Any]:
        """Return the outputs of the stack."""
        options = ["--show-secrets"] if show_secrets else []
        result = self.pulumi("stack", "output", "--json", *options, shows_secrets=show_secrets)
        return dict(json.loads(result.output))

    def state(self) -> dict[str, Any]:
        """Return the state as Pulumi keeps it, secrets encrypted."""
        return dict(json.loads(self.pulumi("stack", "export").output)["deployment"])

    def shell_environment(self) -> Mapping[str, str]:
        """Return the environment of a shell that has evaluated `make env`."""
        if self.pulumi_environment is None:
            command = ["sh", "-c", 'eval "$(make -s env)" && env -0']
            output = self.run(command, self.environment).output
            pairs = (line.partition("=") for line in output.split("\0") if "=" in line)
            self.pulumi_environment = {name: value for name, _, value in pairs}
        return self.pulumi_environment

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start a command in a process group of its own, as a terminal does."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.layout.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user,
            )

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        expect: int | None = 0,
        standard_input: str = "",
        shows_secrets: bool = False,
    ) -> Result:
        """Run a command in the clone.

        Raises:
            CommandError: its exit status is not `expect`, or its output shows a secret although it should not.
        """
        started = time.monotonic()
        ended = subprocess.run(
            command,
            cwd=self.layout.root,
            env=environment,
            input=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if "--json" not in command else subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
            timeout=COMMAND_SECONDS,
            user=self.user,
        )
        output = ended.stdout
        result = Result(shlex.join(command), ended.returncode, output, time.monotonic() - started)
        if not shows_secrets:
            self.refuse_secrets(result)
            self.refuse_secrets(Result(result.command, result.status, ended.stderr or "", result.seconds))
        if expect is not None and result.status != expect:
            raise CommandError(f"{result.command} ended with {result.status}:\n{output}{ended.stderr or ''}")
        return result

    # --- secrets

    def learn_secrets(self) -> None:
        """Note the secrets that the stack has now."""
        listed = self.pulumi("config", "--json", "--show-secrets", shows_secrets=True).output
        for key, entry in json.loads(listed).items():
            pair = (key.partition(":")[2], entry.get("value", ""))
            if entry["secret"] and pair not in self.secrets:
                self.secrets.append(pair)

    def secret(self, key: str) -> str:
        """Return the newest value of a secret."""
        return [value for name, value in self.secrets if name == key][-1]

    def shown_secrets(self, text: str) -> set[str]:
        """Return the keys of the secrets that stand in this text, as they are or in base64."""
        forms = [(key, form) for key, value in self.secrets for form in secret_forms(value)]
        return {key for key, form in forms if form in text}

    def refuse_secrets(self, result: Result) -> None:
        """Require that a command showed no secret."""
        if shown := self.shown_secrets(result.output):
            raise CommandError(f"{result.command} shows the secret values of {', '.join(sorted(shown))}")

    # --- Prefect

    @property
    def api_url(self) -> str:
        """Base of the API, as this machine reaches it."""
        raise NotImplementedError

    def api(self) -> PrefectClient:
        """Connect to the Prefect server."""
        return PrefectClient(self.api_url, self.secret("authString"))

    def count_flow_runs(self) -> int:
        """Return how many flow runs the server knows of."""
        with self.api() as client:
            return int(client.request("POST", "/flow_runs/count", {}, repeatable=True))

    def create_flow_run(self, in_seconds: float = 0) -> str:
        """Ask for a run of the canary flow that is due in some seconds; returns its id."""
        due = datetime.now(timezone.utc) + timedelta(seconds=in_seconds)
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due.isoformat()}}
        with self.api() as client:
            deployment = client.request("GET", "/deployments/name/canary/canary-default")
            run = client.request("POST", f"/deployments/{deployment['id']}/create_flow_run", {"state": state})
            return str(run["id"])

    def state_of(self, flow_run: str) -> str:
        """Return the type of a flow run's state."""
        with self.api() as client:
            return str(client.request("GET", f"/flow_runs/{flow_run}")["state"]["type"])

    def expect_completed(self, flow_run: str) -> None:
        """Wait until a flow run has completed."""
        wait_until(lambda: self.state_of(flow_run) == "COMPLETED", f"flow run {flow_run} to complete", within=120)


def secret_forms(value: str) -> Iterator[str]:
    """Yield what a secret may look like in a text: as it is, and in base64."""
    yield value
    # text that stands in a longer text has one of three forms in base64; the ends depend on its neighbours
    for shift in range(3):
        form = base64.b64encode(b" " * shift + value.encode()).decode()[4 if shift else 0 : -4]
        if len(form) >= 8:
            yield form
