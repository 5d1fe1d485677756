"""How a risk is told."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = ("high", "medium", "low")


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One thing that happens to those who use Prefect, in plain words."""

    level: Level
    text: str


def listed(words: list[str]) -> str:
    """Return words as a sentence lists them."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
