"""Pull steps, by which a worker gets a flow's code: https://docs.prefect.io/v3/how-to-guides/deployments/store-flow-code.

A step is a table of one key, as in Prefect's own documents. The key is the step's name, short (`git_clone`) or whole
(`prefect.deployments.steps.git_clone`), the value its arguments by name. A step that is not listed here may be named
whole; nobody knows its arguments, so they are not checked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PullStep = Mapping[str, Any]
"""A step."""


@dataclass(frozen=True)
class _Known:
    module: str
    required: frozenset[str]
    optional: frozenset[str] = frozenset()


_GIT = {"branch", "commit_sha", "include_submodules", "access_token", "credentials", "directories"}
_KNOWN = {
    "git_clone": _Known(
        "prefect.deployments.steps", frozenset({"repository"}), frozenset(_GIT | {"clone_directory_name"})
    ),
    "set_working_directory": _Known("prefect.deployments.steps", frozenset({"directory"})),
    "pip_install_requirements": _Known(
        "prefect.deployments.steps", frozenset(), frozenset({"directory", "requirements_file", "stream_output"})
    ),
    "run_shell_script": _Known(
        "prefect.deployments.steps",
        frozenset({"script"}),
        frozenset({"directory", "env", "stream_output", "expand_env_vars", "shell"}),
    ),
    "pull_with_block": _Known("prefect.deployments.steps", frozenset({"block_document_name", "block_type_slug"})),
    "pull_from_s3": _Known(
        "prefect_aws.deployments.steps",
        frozenset({"bucket", "folder"}),
        frozenset({"credentials", "client_parameters"}),
    ),
    "pull_from_gcs": _Known(
        "prefect_gcp.deployments.steps", frozenset({"bucket", "folder"}), frozenset({"project", "credentials"})
    ),
    "pull_from_azure_blob_storage": _Known(
        "prefect_azure.deployments.steps", frozenset({"container", "folder"}), frozenset({"credentials"})
    ),
}
_OF_ANY_STEP = frozenset({"id", "requires"})
_BLOCK = re.compile(r"([a-z0-9-]+)/([a-z0-9-]+)")
# Everybody who may see a deployment sees its steps.
_SECRET = frozenset({"access_token"})
NAMES = tuple(sorted(_KNOWN))
"""Short names of the steps whose arguments are known."""


def problems(step: PullStep) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a step: an argument, or empty for the whole, and what it must be."""
    if len(step) != 1:
        yield "", f"a table of one step, {', '.join(NAMES)} or the whole name of another"
        return
    ((name, arguments),) = step.items()
    known = _KNOWN.get(_short(name))
    if known is None:
        if "." not in name:
            near = difflib.get_close_matches(name, NAMES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield "", f"one of {', '.join(NAMES)}, or the whole name of another step{meant}"
        return
    if not isinstance(arguments, Mapping):
        yield "", f"{name} with a table of its arguments"
        return
    allowed = known.required | known.optional | _OF_ANY_STEP
    for argument in sorted(arguments.keys() - allowed):
        near = difflib.get_close_matches(argument, allowed, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        yield argument, f"one of {', '.join(sorted(allowed))}{meant}"
    for argument in sorted(known.required):
        if arguments.get(argument) in (None, ""):
            yield argument, f"given, as {_short(name)} needs it"
    for argument in sorted(_SECRET & arguments.keys()):
        if arguments[argument] is not None and "{{" not in str(arguments[argument]):
            yield argument, "a block's secret, which is read when a flow runs: {{ prefect.blocks.secret.NAME }}"


def written_out(step: PullStep) -> dict[str, dict[str, Any]]:
    """Give a step as Prefect wants it; `credentials: TYPE/NAME` becomes a reference to that block."""
    ((name, given),) = step.items()
    known = _KNOWN.get(_short(name))
    arguments = {key: value for key, value in given.items() if value is not None}
    if known and isinstance(reference := arguments.get("credentials"), str) and (block := _BLOCK.fullmatch(reference)):
        arguments["credentials"] = f"{{{{ prefect.blocks.{block[1]}.{block[2]} }}}}"
    return {f"{known.module}.{_short(name)}" if known else name: arguments}


def _short(name: str) -> str:
    """Give the short name of a known step, whether it was named short or whole."""
    module, _, last = name.rpartition(".")
    known = _KNOWN.get(last)
    return last if known and module in {"", known.module, f"{known.module}.{_FILES.get(last, '')}"} else name


_FILES = {"git_clone": "pull", "set_working_directory": "pull", "pull_with_block": "pull"}
