"""Remembers what is installed, so that a second run skips it and an interrupted one starts it again."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from toolchain.process import say


def matches(stamp: Path, content: str) -> bool:
    """Tell whether the stamp holds exactly this content; no stamp matches nothing."""
    try:
        return stamp.read_text(encoding="utf-8") == content
    except OSError:
        return False


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock, waiting for another set-up of the same checkout to end first.

    Programs started meanwhile hold it too, so that one that outlives a killed set-up is waited for.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of this checkout to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
