"""Starts and stops the services of a stack on this machine: what `make up` and `make down` do beside Pulumi.

Pulumi compares wishes with its state and looks at no machine, so it cannot see that one was rebooted. This reads the
stack's configuration files alone, and so works while nothing else does.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from components.platforms import Local, default_directory

CHECKOUT = Path(__file__).resolve().parent.parent


def local_hosts(checkout: Path, stack: str, user_id: int) -> dict[str, Local]:
    """Return the stack's hosts on this machine by name."""
    project = yaml.safe_load((checkout / "Pulumi.yaml").read_text())
    stack_file = checkout / f"Pulumi.{stack}.yaml"
    configured: dict[str, Any] = {}
    if stack_file.exists():
        configured = (yaml.safe_load(stack_file.read_text()) or {}).get("config", {})
    hosts = configured.get(f"{project['name']}:hosts", project["config"]["hosts"]["default"])
    return {
        name: Local(host.get("directory") or default_directory(checkout, stack, name, user_id))
        for name, host in hosts.items()
        if host.get("platform") == "local"
    }


def run(host: Local, action: str) -> int:
    """Start or stop all services of a host; returns the exit status of the script."""
    commands = host.script("services")
    command = commands.create if action == "start" else commands.delete
    payload = host.payload("services", {})
    return subprocess.run(["/bin/sh", "-c", str(command)], check=False, input=payload, text=True).returncode


def main() -> int:
    """Carry out `start STACK` or `stop STACK`."""
    parser = argparse.ArgumentParser(prog="python -m toolchain.services", description=__doc__)
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("stack")
    options = parser.parse_args()
    hosts = local_hosts(CHECKOUT, options.stack, os.geteuid())
    return max((run(host, options.action) for host in hosts.values()), default=0)


if __name__ == "__main__":
    sys.exit(main())
