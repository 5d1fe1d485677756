#!/usr/bin/python3
"""Tells that a task failed: send-alert TASK. In the journal at priority err and, if one is set, to a webhook.

The webhook gets {"text": ...} by POST, as Slack, Mattermost and Google Chat take it. Its address is a secret.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SECRETS = Path("/etc/prefect/alert.secrets.env")
KEY = "ALERT_WEBHOOK_URL="


def main() -> None:
    """Tell of the task whose name is the only argument."""
    task = sys.argv[1]
    text = f"{task} failed on {socket.gethostname()}: {last_words(task)} (journalctl --unit {task} has all of it)"
    # systemd takes the number for the priority, sd-daemon(3)
    sys.stderr.write(f"<3>{text}\n")
    lines = SECRETS.read_text().splitlines() if SECRETS.exists() else []
    for address in (line[len(KEY) :] for line in lines if line.startswith(KEY)):
        post(address, text)


def last_words(task: str) -> str:
    """Return the last lines that the task itself wrote, in one."""
    command = ["journalctl", f"_SYSTEMD_UNIT={task}.service", "--lines=3", "--output=cat", "--no-pager", "--quiet"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    return " / ".join(found.splitlines()) or "it wrote nothing"


def post(address: str, text: str) -> None:
    """Send the text, three times at most; no message tells the address."""
    problem = ""
    for attempt in range(3):
        time.sleep(5 * attempt)
        try:
            body = json.dumps({"text": text}).encode()
            request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - https or http, by the settings
            urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - see above
        except (OSError, ValueError) as error:
            problem = str(error) if isinstance(error, OSError) else type(error).__name__
        else:
            return
    sys.exit(f"<3>the webhook took no alert: {problem}. Check the secret backupAlertWebhook.")


if __name__ == "__main__":
    main()
