"""How often a resource has drifted, told by its command: another one to Pulumi, the same to the host.

It is a word at the end, `repair-N`; but PowerShell takes none after -EncodedCommand, and there it is a comment at the
end of the code. That code is made of whole groups of base64, so that more can be put behind it.
"""

import base64
import re

_WORD = re.compile(r" repair-(\d+)$")

_ENCODED = " -EncodedCommand "

_CHARACTERS = 3
"""How many of UTF-16 make whole groups of base64: six bytes are two groups."""


def encoded(code: str) -> str:
    """Return code as -EncodedCommand takes it, with line breaks at its end that make it a whole number of groups."""
    padding = "\n" * (-len(code) % _CHARACTERS)
    return base64.b64encode(f"{code}{padding}".encode("utf-16-le")).decode()


_MARK = "\n#repair-"
_COMMENT = re.compile(f"{re.escape(encoded(_MARK))}([A-Za-z0-9+/]+)$")


def marked(create: str, times: int) -> str:
    """Return a command as it is for a resource that drifted so often; as it was if that never happened."""
    if not times:
        return create
    return f"{create}{encoded(f'{_MARK}{times}')}" if _ENCODED in create else f"{create} repair-{times}"


def count(create: str) -> int:
    """Return how often the resource of a command has drifted."""
    if _ENCODED in create:
        found = _COMMENT.search(create)
        return int(base64.b64decode(found[1]).decode("utf-16-le")) if found else 0
    found = _WORD.search(create)
    return int(found[1]) if found else 0


def without(create: str) -> str:
    """Return a command as it was before its resource ever drifted."""
    return (_COMMENT if _ENCODED in create else _WORD).sub("", create)
