"""How long a preview with `drift: true` looks at a host, measured on a booted Debian 12 host.

Run it in the tests' environment, as root on Linux: `python -m benchmarks.drift_probe`. Prints one line for each figure.
"""

import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from tests.hosts.debian_host import DebianHost, booted_hosts
from tests.hosts.debian_tree import debian_tree
from tests.hosts.pulumi_stack import CHECKOUT, PulumiStack
from tests.hosts.testbed import missing_requirement, open_testbed
from toolchain.process import say

REPEATS = 5
FILES = 60


def main() -> int:
    """Measure and print; returns the exit status."""
    reason = missing_requirement() or (None if shutil.which("pulumi") else "pulumi is not on PATH")
    if reason:
        say(f"error: {reason}")
        return 1
    with (
        open_testbed() as testbed,
        booted_hosts(testbed, debian_tree()) as boot,
        tempfile.TemporaryDirectory() as place,
    ):
        (host,) = boot(1)
        stack = PulumiStack(CHECKOUT / "tests" / "hosts" / "drift_program", Path(place))
        bring_up(stack, host)
        commands = stack.commands()
        show(f"drift of a host with {len(commands)} commands looked for, median", looks(stack), at_most=3)
        host.run("rm -r /etc/prefect/files")
        show(f"the same, {FILES} files missing", looks(stack), at_most=3)
    return 0


def bring_up(stack: PulumiStack, host: DebianHost) -> None:
    """Bring the stack of tests/hosts/drift_program up: files, two services, a timer and a Python environment."""
    known = {"address": host.address, "user": host.user, "hostKey": host.host_key}
    stack.configure({**known, "page": "a page", "files": str(FILES), "drift": "true"})
    stack.configure({"sshPrivateKey": host.private_key, "token": "a token"}, secret=True)
    stack.up()


def looks(stack: PulumiStack) -> float:
    """Return the median of the seconds that it takes, reading the stack's state included."""
    told = (re.search(r"looked for drift in (.*) s", stack.preview()) for _ in range(REPEATS))
    return statistics.median(float(seconds[1]) for seconds in told if seconds)


def show(what: str, seconds: float, *, at_most: float) -> None:
    """Print one figure, and what is promised."""
    say(f"{what:65}{seconds:7.1f} s  (promised: under {at_most:g} s)")


if __name__ == "__main__":
    sys.exit(main())
