"""Asks a booted host of its drift and has it repaired as Pulumi would, without a preview."""

import json

from components.platforms import LastRun, Linux
from tests.hosts.debian_host import DebianHost
from tests.hosts.pulumi_stack import PulumiStack
from tests.hosts.ssh_session import run


def differences(stack: PulumiStack, host: DebianHost) -> dict[str, str]:
    """Return what is no longer as the stack left it, in words by the name of the resource."""
    question = Linux().drift(
        [LastRun(name=name, create=one["create"], stdin=one["stdin"]) for name, one in stack.commands().items()]
    )
    status, text = run(host, question.command, question.stdin)
    assert status == 0, text
    answer = json.loads(text)
    assert answer["failures"] == {}
    told: dict[str, str] = answer["differences"]
    return told


def assert_told_and_put_back(stack: PulumiStack, host: DebianHost, damage: str, told: dict[str, str]) -> None:
    """Change the host by a command of root; check that this is told, nothing else, and gone after a repair."""
    assert differences(stack, host) == {}
    host.run(damage)
    assert differences(stack, host) == told
    for name, command in stack.commands().items():
        if name in told:
            status, text = run(host, command["create"], command["stdin"])
            assert status == 0, text
    assert differences(stack, host) == {}
