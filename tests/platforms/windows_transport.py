"""The other end of how scripts travel to Windows, in Python: what PowerShell and scripts/windows/bootstrap.ps1 do."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass

COMMAND = re.compile(
    r"powershell\.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ([A-Za-z0-9+/=]+)"
)


class DamagedError(Exception):
    """A payload did not arrive as it was sent."""


@dataclass(frozen=True)
class Arrived:
    """What a script gets."""

    settings: dict[str, str]
    script: str


def function_of(command: str) -> str:
    """Return which function of a script a command line calls.

    Raises:
        ValueError: it is another command line.
    """
    found = COMMAND.fullmatch(command)
    if found is None:
        raise ValueError(command)
    first, _, _ = base64.b64decode(found[1]).decode("utf-16-le").partition("\n")
    (function,) = re.findall(r"^\$function = '(create|delete|drift)'$", first)
    return str(function)


def read(payload: bytes) -> Arrived:
    """Return the settings and the script.

    Raises:
        DamagedError: something is missing or wrong.
    """
    header, _, body = payload.partition(b"\n")
    found = re.fullmatch(rb'\{"sha256": "([0-9a-f]{64})", "length": (\d+),', header)
    if found is None:
        raise DamagedError("no header")
    if len(body) != int(found[2]):
        raise DamagedError(f"{len(body)} of {int(found[2])} characters")
    if hashlib.sha256(body).hexdigest().encode() != found[1]:
        raise DamagedError("another hash")
    values = json.loads(b"{" + body)
    return Arrived(values["settings"], values["script"])
