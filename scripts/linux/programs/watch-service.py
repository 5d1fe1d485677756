#!/usr/bin/python3
"""Restarts a service that runs but is dead: watch-service NAME.

Dead is a service whose HealthUrl has not answered with 200 for three minutes while what it needs, its RequiresUrl, did.
Both stand in its unit. A service that does not run is left alone: it was stopped, or systemd starts it again.
"""

from __future__ import annotations

import configparser
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

UNITS = Path("/etc/systemd/system")
DEAD_AFTER_SECONDS = 180
"""Longer than a service may take to start."""

PAUSE_SECONDS = 10


def main() -> None:
    """Look after the service whose name is the only argument."""
    service = sys.argv[1]
    unit = configparser.RawConfigParser(strict=False)
    unit.read(UNITS / f"{service}.service")
    health_url, requires_url = unit["X-Prefect"]["HealthUrl"], unit["X-Prefect"]["RequiresUrl"]

    deadline = time.monotonic() + DEAD_AFTER_SECONDS
    while not answers(health_url):
        if not runs(service):
            return
        if requires_url and not answers(requires_url):
            sys.stderr.write(f"{service} is not healthy, but neither is {requires_url}, which it needs: left alone\n")
            return
        if time.monotonic() >= deadline:
            sys.stderr.write(f"{service} runs, but {health_url} does not answer: restarting it\n")
            subprocess.run(["systemctl", "try-restart", "--no-block", f"{service}.service"], check=True)
            return
        time.sleep(PAUSE_SECONDS)


def runs(service: str) -> bool:
    """Tell whether systemd has the service running, neither starting nor stopping."""
    return subprocess.run(["systemctl", "is-active", "--quiet", f"{service}.service"], check=False).returncode == 0


def answers(url: str) -> bool:
    """Tell whether an http or https URL answers with 200, or somebody listens at another."""
    address = urlsplit(url)
    try:
        if address.scheme in {"http", "https"}:
            # whose certificate it is does not matter to the question whether it answers
            unverified = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())  # noqa: S323
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), unverified)
            with opener.open(url, timeout=5) as response:
                return bool(response.status == 200)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5):
            return True
    except (OSError, HTTPException):
        return False


if __name__ == "__main__":
    main()
