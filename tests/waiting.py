"""Waiting for what is about to become true, with a bound."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], what: str, *, within: float = 30.0) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: it did not hold within that many seconds; the message names `what`.

    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {within:.0f} s in vain for {what}.")
        time.sleep(POLL_SECONDS)
