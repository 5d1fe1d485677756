"""Drift: what is no longer on the hosts as Pulumi left it. Asked for by `drift: true`, as it contacts the hosts.

pulumi-command never looks at a host. So, before the program asks Pulumi for anything, this module reads in the stack's
state which commands were run, asks all hosts side by side what is no longer so, and counts for each resource how often
it has drifted. The count stands at the end of the resource's command, `repair-N`: a preview shows the new one as an
update, the update runs the command, and the next run reads the count in the state and leaves it as it is.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.automation import fully_qualified_stack_name

from components.host import platform_of
from components.platforms import LastRun, Question
from components.settings import HostSettings
from components.ssh_connection import SshConnection, SshError

STATE_SECONDS = 30
"""How long Pulumi may take to tell the stack's state."""
HOST_SECONDS = 10
"""How long a host may take to answer, connecting included."""

HERE = "here"
"""The machine that runs Pulumi."""

COMMANDS = ("command:local:Command", "command:remote:Command")


class DriftError(Exception):
    """What was left on a host could not be compared; the message says why. It never holds a secret."""


@dataclass(frozen=True)
class Answer:
    """What a host says, in words by the name of the resource."""

    differences: Mapping[str, str]
    failures: Mapping[str, str]
    """Why it could not look."""


def find_repairs(hosts: Sequence[HostSettings], private_key: str | None) -> dict[str, int]:
    """Return how often each resource has drifted, by name, those that have now included.

    Each difference is a warning. So is a host that does not answer within 10 seconds: nothing is known of it then, and
    its resources keep their counts. `private_key` is in PEM; None to ask the SSH agent.
    """
    try:
        runs = last_runs(_state())
    except DriftError as error:
        pulumi.log.warn(f"Drift was not looked for: {error}")
        return {}
    differences: dict[str, str] = {}
    for host, answer in _ask_all(hosts, runs, private_key).items():
        if isinstance(answer, str):
            pulumi.log.warn(f"Drift was not looked for on {host}: {answer}")
            continue
        for name, failure in answer.failures.items():
            pulumi.log.warn(f"Drift of {name} on {host} was not looked for: {failure}")
        for name, difference in answer.differences.items():
            pulumi.log.warn(f"Drift on {host}: {difference} ({name})")
        differences |= answer.differences
    return repairs([run for of_host in runs.values() for run in of_host], differences)


def repairs(runs: Sequence[LastRun], differences: Mapping[str, str]) -> dict[str, int]:
    """Return how often each resource that ever drifted has, by name; those in `differences` do so once more."""
    counts = {run.name: run.repairs + (run.name in differences) for run in runs}
    return {name: count for name, count in counts.items() if count}


def last_runs(state: str) -> dict[str, list[LastRun]]:
    """Return what was last run at each place, `HERE` or `ADDRESS:PORT`, as `pulumi stack export --show-secrets` tells.

    Raises:
        DriftError: that is no state.
    """
    found: dict[str, list[LastRun]] = {}
    try:
        for resource in json.loads(state)["deployment"].get("resources", []):
            if resource["type"] not in COMMANDS or resource.get("delete"):
                continue
            inputs = _in_clear(resource["inputs"])
            connection = inputs.get("connection")
            place = f"{connection['host']}:{connection['port']:.0f}" if connection else HERE
            run = LastRun(
                name=resource["urn"].rpartition("::")[2], create=inputs["create"], stdin=inputs.get("stdin", "")
            )
            found.setdefault(place, []).append(run)
    except (ValueError, KeyError, TypeError) as error:
        raise DriftError(f"`pulumi stack export` printed something else than a state: {error!r}") from None
    return found


def read_answer(text: str) -> Answer:
    """Return what a host says, from what its script prints: scripts/posix/list_drift.py.

    Raises:
        DriftError: it is something else.
    """
    try:
        answer = json.loads(text)
        return Answer(answer["differences"], answer["failures"])
    except (ValueError, KeyError, TypeError):
        raise DriftError("its answer was cut off. See that the host is up.") from None


def _place(host: HostSettings) -> str:
    return HERE if host.is_here else f"{host.address}:{host.port}"


def _ask_all(
    hosts: Sequence[HostSettings], runs: Mapping[str, Sequence[LastRun]], private_key: str | None
) -> dict[str, Answer | str]:
    """Return each host's answer, or why there is none, by its name; for all hosts at one place one of them is asked."""

    def ask(host: HostSettings) -> Answer | str:
        question = platform_of(host).drift(runs[_place(host)])
        try:
            return read_answer(_ask_here(question) if host.is_here else _ask_by_ssh(host, private_key, question))
        except (DriftError, SshError) as error:
            return str(error)

    asked = {_place(host): host for host in hosts if _place(host) in runs}
    with ThreadPoolExecutor(max(1, len(asked))) as pool:
        return dict(zip([host.name for host in asked.values()], pool.map(ask, asked.values()), strict=True))


def _state() -> str:
    stack = fully_qualified_stack_name(pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack())
    command = ["pulumi", "stack", "export", "--show-secrets", "--non-interactive", "--stack", stack]
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=STATE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DriftError(f"{error}. See that pulumi is on PATH and its backend answers.") from None
    if ended.returncode:
        raise DriftError(f"{' '.join(command)} said: {ended.stderr.strip()}")
    return ended.stdout


def _ask_here(question: Question) -> str:
    try:
        ended = subprocess.run(  # noqa: S602 - a command line, as pulumi-command runs them
            question.command,
            shell=True,
            input=question.stdin,
            capture_output=True,
            text=True,
            timeout=HOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DriftError(f"no answer within {HOST_SECONDS} s") from None
    return _output(ended.returncode, ended.stdout, ended.stderr)


def _ask_by_ssh(host: HostSettings, private_key: str | None, question: Question) -> str:
    connection = SshConnection(host)
    connection.unlock(private_key)
    try:
        ended = connection.execute(question.command, question.stdin, HOST_SECONDS)
    finally:
        connection.close()
    return _output(ended.exit_status, ended.stdout, ended.stderr)


def _output(exit_status: int, stdout: str, stderr: str) -> str:
    if exit_status:
        raise DriftError(stderr.strip() or f"exit status {exit_status}")
    return stdout


def _in_clear(value: Any) -> Any:
    """Return a value of a state with each secret as what it is, not as the object that marks it."""
    if isinstance(value, list):
        return [_in_clear(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "plaintext" in value:
        return _in_clear(json.loads(value["plaintext"]))
    return {key: _in_clear(inner) for key, inner in value.items()}
