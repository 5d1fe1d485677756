"""A stack of resources alone, driven by the Pulumi CLI: what each command did, read from the engine's own events."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.engine.commands import secret_forms
from tests.hosts.pulumi_stack import PulumiError, PulumiStack

PROGRAM = Path(__file__).with_name("objects_program")
"""Declares the objects of its setting `objects`, with its secret `secret`, in the server at its setting `apiUrl`."""

_REPLACED = "replace"


class ResourcesStack(PulumiStack):
    """A stack of which no command may print one of `secrets`."""

    def __init__(self, program: Path, directory: Path, secrets: Sequence[str]) -> None:
        self._forms = [form for secret in secrets for form in secret_forms(secret)]
        super().__init__(program, directory)

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 300) -> str:
        """Run a Pulumi command and return what it printed.

        Raises:
            PulumiError: it failed, or printed a secret.
        """
        try:
            output = super().run(*arguments, stdin=stdin, timeout=timeout)
        except PulumiError as error:
            self._refuse_secrets(arguments, str(error))
            raise
        self._refuse_secrets(arguments, output)
        return output

    def apply(self) -> dict[str, str]:
        """Run `up`; return what it did to each resource: `create`, `same`, `update`, `replace` or `delete`."""
        return _steps(self.run("up", "--yes", "--skip-preview", "--json"))

    def refresh(self) -> dict[str, str]:
        """Run `refresh`; return what it saw of each resource."""
        return _steps(self.run("refresh", "--yes", "--skip-preview", "--json"))

    def destroy(self) -> dict[str, str]:
        """Run `destroy`; return what it did to each resource."""
        return _steps(self.run("destroy", "--yes", "--skip-preview", "--json"))

    def failing_up(self) -> str:
        """Run an `up` that is to fail and goes on as far as it can; return what it printed."""
        try:
            self.run("up", "--yes", "--skip-preview", "--continue-on-error")
        except PulumiError as error:
            return str(error)
        raise PulumiError("`pulumi up` was expected to fail")

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the outputs of each resource in the state, secrets in clear."""
        deployment = json.loads(super().run("stack", "export", "--show-secrets"))["deployment"]
        return {
            resource["urn"].rpartition("::")[2]: _told(resource["outputs"])
            for resource in deployment.get("resources", [])
            if resource["custom"] and not resource["type"].startswith("pulumi:")
        }

    def forget(self) -> None:
        """Take every resource out of the state; the objects stay."""
        self.run("state", "delete", "--all", "--yes", "--force")

    def shows_secret(self, text: str) -> bool:
        """Tell whether a secret stands in a text, as it is or in base64."""
        return any(form in text for form in self._forms)

    def _refuse_secrets(self, arguments: Sequence[str], output: str) -> None:
        if self.shows_secret(output):
            raise PulumiError(f"`pulumi {' '.join(arguments)}` shows a secret")


def _steps(events: str) -> dict[str, str]:
    steps: dict[str, str] = {}
    for event in map(json.loads, events.splitlines()):
        metadata = event.get("resOutputsEvent", {}).get("metadata")
        if metadata and not metadata["type"].startswith("pulumi:"):
            name = metadata["urn"].rpartition("::")[2]
            steps[name] = _REPLACED if _REPLACED in metadata["op"] or steps.get(name) == _REPLACED else metadata["op"]
    return steps


def _told(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in outputs.items() if key != "__provider"}
