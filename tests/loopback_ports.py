"""TCP ports of the loopback address for tests that run beside others."""

import contextlib
import random
import socket

_refusing: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nobody listens on now, below those that systems hand out to whoever asks for any."""
    while True:
        candidate = random.randrange(15000, 32000)  # noqa: S311 - so that runs side by side seldom meet
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", candidate))
            return candidate


def refusing_port() -> int:
    """Return a port that refuses connections as long as the tests run: it is taken, but nobody listens."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _refusing.append(taken)
    return int(taken.getsockname()[1])
