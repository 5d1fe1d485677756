"""Which Prefect servers this program speaks to."""

from __future__ import annotations

import logging
import re

from components.prefect_api.client import PrefectClient

OLDEST, NEWEST = (3, 6, 6), (3, 8)
"""The servers that the resources were tested with: from this release to the last one of this minor version."""

_log = logging.getLogger(__name__)


class UnsupportedServerError(Exception):
    """A server of a version whose API is another one."""


def check_version(client: PrefectClient) -> None:
    """Warn, in the log, of a server that is older or newer than those that were tested.

    Raises:
        UnsupportedServerError: it is no Prefect 3.
        PrefectApiError: see PrefectClient.request.
    """
    version = str(client.request("GET", "/admin/version"))
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    release = tuple(int(number) for number in match.groups()) if match else ()
    oldest, newest = (".".join(map(str, end)) for end in (OLDEST, NEWEST))
    if release[:1] != NEWEST[:1]:
        raise UnsupportedServerError(
            f"The Prefect server at {client.api_url} is version {version}, whose API this program does not speak:"
            f" give the URL of a Prefect {newest} server, or upgrade it to one."
        )
    if release < OLDEST or release[:2] > NEWEST:
        _log.warning(
            "The Prefect server at %s is version %s; tested are %s to %s.x, so look at the results twice.",
            client.api_url,
            version,
            oldest,
            newest,
        )
