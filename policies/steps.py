"""What a command of a plan does on a host."""

from components.platforms import bash, windows
from components.platforms.steps import Script, WrittenFile
from policies.resources import Resource

__all__ = ["ON_SERVERS", "ON_THIS_MACHINE", "Script", "WrittenFile", "step"]

ON_SERVERS = "command:remote:Command"
ON_THIS_MACHINE = "command:local:Command"


def step(resource: Resource) -> WrittenFile | Script | None:
    """Return what a command does; None for any other resource."""
    create, stdin = resource.inputs.get("create"), resource.inputs.get("stdin")
    if resource.type not in (ON_SERVERS, ON_THIS_MACHINE) or not isinstance(create, str):
        return None
    text = stdin if isinstance(stdin, str) else None
    return windows.read_step(create, text) or bash.read_step(create, text)
