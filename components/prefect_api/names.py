"""The rule for names that most of Prefect's objects share: prefect.types.names of the server."""

from __future__ import annotations

_FORBIDDEN_CHARACTERS = "/%&<>"


def problem(kind: str, name: str) -> str | None:
    """Say why the server would refuse a name for a kind of object, None if it would not."""
    if not name.strip():
        return f"a {kind} needs a name"
    if any(character in name for character in _FORBIDDEN_CHARACTERS):
        return f"the name of a {kind} must hold none of {' '.join(_FORBIDDEN_CHARACTERS)}, unlike {name!r}"
    return None
