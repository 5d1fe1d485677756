"""Puts files in place at once: an interrupted run leaves a whole file or none."""

import io
import os
import shutil
from pathlib import Path
from typing import IO

EXECUTABLE = 0o755


def place(target: Path, content: IO[bytes], mode: int = 0o644) -> None:
    """Write a file with this content and mode, replacing what was there in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with draft.open("wb") as file:
        shutil.copyfileobj(content, file)
    draft.chmod(mode)
    draft.replace(target)


def place_text(target: Path, content: str, mode: int = 0o644) -> None:
    """Write a text file as `place` does."""
    place(target, io.BytesIO(content.encode()), mode)
