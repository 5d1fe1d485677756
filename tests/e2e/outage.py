"""How long a service did not answer, asked on its own host."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.hosts.debian_host import DebianHost

_STOP = "/run/outage.stop"
_ASK = """
import os, sys, time, urllib.request
ask = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answered, longest = time.monotonic(), 0.0
while not os.path.exists(sys.argv[2]):
    try:
        ask.open(sys.argv[1], timeout=2).read()
    except OSError:
        pass
    else:
        now = time.monotonic()
        answered, longest = now, max(longest, now - answered)
    time.sleep(0.05)
print(max(longest, time.monotonic() - answered))
"""


@dataclass
class Outage:
    """The longest time between two answers; known after the block."""

    seconds: float = 0.0


@contextmanager
def longest_outage(host: DebianHost, url: str) -> Iterator[Outage]:
    """Ask for a URL, on its host, twenty times a second while the block lasts."""
    outage = Outage()
    host.run(f"rm -f {_STOP}")

    def ask() -> None:
        outage.seconds = float(host.run(f"python3 -c '{_ASK}' '{url}' {_STOP}", timeout=900).stdout)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield outage
    finally:
        host.run(f"touch {_STOP}")
        asking.join()
