"""What a command of a plan does on a host."""

from components.platforms import bash, repairs, windows
from components.platforms.steps import Script, WrittenFile
from policies.resources import Resource

__all__ = ["ON_SERVERS", "ON_THIS_MACHINE", "Script", "WrittenFile", "is_repair", "step"]

ON_SERVERS = "command:remote:Command"
ON_THIS_MACHINE = "command:local:Command"


def is_repair(old: Resource, new: Resource) -> bool:
    """Tell whether a command is run again because what it did on its host had drifted."""
    before, after = (str(one.inputs.get("create", "")) for one in (old, new))
    return after not in (before, repairs.without(after)) and repairs.without(before) == repairs.without(after)


def step(resource: Resource) -> WrittenFile | Script | None:
    """Return what a command does; None for any other resource."""
    create, stdin = resource.inputs.get("create"), resource.inputs.get("stdin")
    if resource.type not in (ON_SERVERS, ON_THIS_MACHINE) or not isinstance(create, str):
        return None
    text = stdin if isinstance(stdin, str) else None
    return windows.read_step(create, text) or bash.read_step(create, text)
