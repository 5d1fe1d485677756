"""Completes flow runs as a worker would, without running anything: for hosts that are played."""

import contextlib
import threading
from collections.abc import Iterator

from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError

_POLL_SECONDS = 0.3
SCHEDULED = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
COMPLETED = {"state": {"type": "COMPLETED", "name": "Completed"}, "force": True}


@contextlib.contextmanager
def playing_worker(api_url: str, auth_string: str) -> Iterator[None]:
    """Complete every flow run that is scheduled, until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_work, args=[api_url, auth_string, ended])
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _work(api_url: str, auth_string: str, ended: threading.Event) -> None:
    with PrefectClient(api_url, auth_string) as client:
        while not ended.wait(_POLL_SECONDS):
            with contextlib.suppress(PrefectApiError):
                for flow_run in client.request("POST", "/flow_runs/filter", SCHEDULED):
                    client.request("POST", f"/flow_runs/{flow_run['id']}/set_state", COMPLETED)
