"""What a person wants to know after `make up`: where it is, how to get in, that it works."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def summary(stack: str, outputs: Mapping[str, Any]) -> str:
    """Return the closing lines of `make up`; they hold no secret."""
    canaries = ", ".join(f"{pool} {state}" for pool, state in sorted(outputs["canaryRuns"].items()))
    return "\n".join(
        [
            "",
            f"Prefect UI   {outputs['uiUrl']}",
            f"Log in       with what this prints: make login{'' if stack == 'dev' else f' STACK={stack}'}",
            f"Canary run   {canaries or 'none: no work pool has a worker'}",
        ]
    )


def main() -> int:
    """Print the summary of a stack."""
    parser = argparse.ArgumentParser(prog="python -m toolchain.summary", description=__doc__)
    parser.add_argument("stack")
    stack = parser.parse_args().stack
    command = ["pulumi", "stack", "output", "--stack", stack, "--json"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode:
        sys.stderr.write(answer.stderr)
        return answer.returncode
    sys.stdout.write(summary(stack, json.loads(answer.stdout)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
