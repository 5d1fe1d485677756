"""Which Prefect servers this program speaks to."""

from __future__ import annotations

import logging
import re

from components.prefect_api.client import PrefectClient

TESTED = "3.8"
"""Major and minor version of the servers that the tests run against."""

_log = logging.getLogger(__name__)


class UnsupportedServerError(Exception):
    """A server of a version whose API is another one."""


def check_version(client: PrefectClient) -> None:
    """Warn, in the log, of a server whose minor version was not tested.

    Raises:
        UnsupportedServerError: it is no Prefect 3.
        PrefectApiError: see PrefectClient.request.
    """
    version = str(client.request("GET", "/admin/version"))
    match = re.match(r"(\d+)\.(\d+)", version)
    if not match or match[1] != TESTED.partition(".")[0]:
        raise UnsupportedServerError(
            f"The Prefect server at {client.api_url} is version {version}, whose API this program does not speak:"
            f" give the URL of a Prefect {TESTED} server, or upgrade it to one."
        )
    if match[0] != TESTED:
        _log.warning(
            "The Prefect server at %s is version %s; this program is tested with %s.x, so look at its results twice.",
            client.api_url,
            version,
            TESTED,
        )
