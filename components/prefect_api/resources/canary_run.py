"""A canary run as a Pulumi resource."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pulumi
from pulumi import dynamic

from components.prefect_api import canary
from components.prefect_api.canary import Canary
from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from components.prefect_api.provider import PrefectProvider, Properties, changed, delete_first


class CanaryRunProvider(PrefectProvider):
    """Runs a canary when it is created, and again when one of its inputs changes."""

    kind = "canary"
    identity = frozenset({"work_pool"})
    settings = frozenset({"path", "entrypoint", "triggers", "timeout_seconds"})
    _reruns = frozenset({"path", "entrypoint", "triggers"})

    def create(self, props: Properties) -> dynamic.CreateResult:
        """Run the canary; if it fails, leave no deployment behind."""
        subject = _canary(props)
        client = self.connect(props)
        try:
            outs = self._run(client, props)
        except Exception:
            with contextlib.suppress(PrefectApiError):
                canary.remove(client, subject)
            raise
        return dynamic.CreateResult(f"{canary.FLOW_NAME}/{subject.deployment_name}", outs)

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Look whether the deployment is there; the run itself is history and is not read again."""
        return {} if canary.exists(client, _canary(props)) else None

    def update(self, _id: str, olds: Properties, news: Properties) -> dynamic.UpdateResult:
        """Run the canary again if what it runs, or what it runs for, has changed."""
        if not changed(self._reruns, olds, news):
            return dynamic.UpdateResult({**olds, **news})
        return dynamic.UpdateResult(self._run(self.connect(news), news))

    def remove(self, client: PrefectClient, props: Properties) -> None:
        """Delete the deployment; that it is gone is a success."""
        canary.remove(client, _canary(props))

    @staticmethod
    def _run(client: PrefectClient, props: Properties) -> Properties:
        result = canary.run(client, _canary(props), timeout_seconds=props["timeout_seconds"])
        return {**props, **asdict(result)}


class CanaryRun(dynamic.Resource, module="prefect", name="CanaryRun"):
    """A flow run that must complete, or the update fails with the run's state and logs.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        work_pool: name of the pool whose workers run it; a change replaces the canary.
        path: directory on each worker that holds the flow file.
        entrypoint: `file.py:function` below it.
        triggers: values whose change runs the canary again; may be secret.
        timeout_seconds: time for the run to complete, with the wait for a worker.
    """

    flow_run_id: pulumi.Output[str]
    flow_run_name: pulumi.Output[str]
    state: pulumi.Output[str]
    state_message: pulumi.Output[str]
    duration_seconds: pulumi.Output[float]
    ui_path: pulumi.Output[str]
    """Page of the run below the UI's URL."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        work_pool: pulumi.Input[str],
        path: pulumi.Input[str],
        entrypoint: pulumi.Input[str],
        triggers: pulumi.Input[Mapping[str, pulumi.Input[str]] | Sequence[pulumi.Input[str]]] | None = None,
        timeout_seconds: pulumi.Input[float] = 180,
    ) -> None:
        properties = {
            "api_url": api_url,
            "work_pool": work_pool,
            "path": path,
            "entrypoint": entrypoint,
            "triggers": triggers,
            "timeout_seconds": timeout_seconds,
            "flow_run_id": None,
            "flow_run_name": None,
            "state": None,
            "state_message": None,
            "duration_seconds": None,
            "ui_path": None,
        }
        super().__init__(CanaryRunProvider(), resource_name, properties, delete_first(opts))


def _canary(props: Properties) -> Canary:
    return Canary(work_pool=props["work_pool"], path=props["path"], entrypoint=props["entrypoint"])
