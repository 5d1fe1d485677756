"""500 objects in a Prefect server: how long Pulumi takes beside a plain loop over the server's REST API.

Run it in the tests' environment, `python -m benchmarks.prefect_objects`; it starts a server on PostgreSQL itself.
Prints one line for each figure, and how busy the machine was.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.prefect_api.client import PrefectClient
from tests.engine.resources_stack import PROGRAM, ResourcesStack
from tests.prefect_runtime import PrefectServer, prefect_server_on_postgresql
from toolchain.process import say

COUNT = 500
PROMISED_PREVIEW_SECONDS = 10


def main() -> int:
    """Measure and print; returns the exit status."""
    if not shutil.which("pulumi"):
        say("error: pulumi is not on PATH")
        return 1
    say(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before the start")
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        settings = {"PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true"}
        (directory / "prefect").mkdir()
        with prefect_server_on_postgresql(directory / "prefect", settings=settings) as server:
            return measure(server, directory / "stack")


def measure(server: PrefectServer, directory: Path) -> int:
    """Print the figures of a server and a stack; returns whether a preview without changes is too slow."""
    directory.mkdir()
    stack = ResourcesStack(PROGRAM, directory, [])
    stack.configure({"apiUrl": server.api_url, "objects": json.dumps(objects("first"))})
    stack.configure({"authString": server.auth_string, "secret": "no-secret"}, secret=True)
    with PrefectClient(server.api_url, server.auth_string) as client:
        created = seconds(lambda: loop(client, "first", "POST"))
        read = seconds(lambda: loop(client, "first", "GET"))
        changed = seconds(lambda: client.request("PATCH", "/variables/name/loop-0", {"value": "changed"}))
        show("first up", seconds(stack.apply), created)
        preview = seconds(stack.assert_no_changes)
        show("preview without changes", preview, read)
        show("refresh", seconds(stack.refresh), read)
        changed_objects = objects("first") | {"Variable-0": {"name": "v0", "value": "changed"}}
        stack.configure({"objects": json.dumps(changed_objects)})
        show("up with one change", seconds(stack.apply), changed)
    say(f"load {os.getloadavg()[0]:.1f} at the end")
    return int(preview >= PROMISED_PREVIEW_SECONDS)


def objects(value: str) -> dict[str, Any]:
    """Declare the objects, half of them variables and half of them limits."""
    halves = range(COUNT // 2)
    return {
        **{f"Variable-{index}": {"name": f"v{index}", "value": value} for index in halves},
        **{f"GlobalConcurrencyLimit-{index}": {"name": f"l{index}", "limit": 1} for index in halves},
    }


def loop(client: PrefectClient, value: str, method: str) -> None:
    """Create or read as many objects of the same kinds, one after the other."""
    for index in range(COUNT // 2):
        variable, limit = f"loop-{index}", f"loop-{index}"
        if method == "POST":
            client.request("POST", "/variables/", {"name": variable, "value": value, "tags": []})
            client.request("POST", "/v2/concurrency_limits/", {"name": limit, "limit": 1})
        else:
            client.request("GET", f"/variables/name/{variable}")
            client.request("GET", f"/v2/concurrency_limits/{limit}")


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def show(what: str, pulumi: float, plain: float) -> None:
    """Print what Pulumi took, what the plain loop took, and the ratio."""
    say(f"{what:26}{pulumi:7.1f} s  plain loop {plain:6.2f} s  ratio {pulumi / plain:6.1f}")


if __name__ == "__main__":
    sys.exit(main())
