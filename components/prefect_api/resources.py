"""Objects inside a running Prefect server, as Pulumi resources.

Pulumi's state names the providers by this module's path and their class names, so these are frozen: after a
move `pulumi destroy` could not find them. The providers hold nothing but the credentials, which the engine
hands over from the stack's config (`authString`); so nothing of them is pickled into the state.

A changed `api_url` is an update in place, which does nothing to an object that is as it should be: the state
must learn the address, as refresh and destroy go by the state alone.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi import dynamic

from components.prefect_api import blocks, canary, work_pools
from components.prefect_api.canary import Canary
from components.prefect_api.client import PrefectClient
from components.prefect_api.errors import PrefectApiError
from components.prefect_api.provider import PrefectProvider, Properties, changed


class WorkPoolProvider(PrefectProvider):
    """Creates, reads, updates and deletes work pools."""

    identity = frozenset({"name", "type"})
    settings = frozenset({"description", "concurrency_limit", "paused", "base_job_template"})
    rules = MappingProxyType({"name": work_pools.name_problem})

    def create(self, props: Properties) -> dynamic.CreateResult:
        """Create the pool, or take over the one that is there if told to, or if it is just the one wished for."""
        name, pool_type = props["name"], props["type"]
        with self.connect(props) as client:
            existing = work_pools.find(client, name)
            if existing is None:
                template = _template(props) or work_pools.default_base_job_template(client, pool_type)
                work_pools.create(client, name, pool_type, base_job_template=template, **_pool_settings(props))
            else:
                self.require_adoption(f"work pool {name!r}", client, props)
                _require_type(existing, pool_type)
                work_pools.update(client, name, base_job_template=_template(props), **_pool_settings(props))
        return dynamic.CreateResult(name, dict(props))

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the pool. Its job template counts only if it was given here."""
        pool = work_pools.find(client, props["name"])
        if pool is None:
            return None
        found = {
            "type": pool["type"],
            "description": pool["description"],
            "concurrency_limit": pool["concurrency_limit"],
            "paused": pool["is_paused"],
        }
        given = _template(props)
        if given is not None and given != pool["base_job_template"]:
            found["base_job_template"] = _canonical_json(pool["base_job_template"])
        return found

    def update(self, _id: str, olds: Properties, news: Properties) -> dynamic.UpdateResult:
        """Change the pool in place."""
        template = _template(news)
        with self.connect(news) as client:
            if template is None and _template(olds) is not None:
                template = work_pools.default_base_job_template(client, news["type"])
            work_pools.update(client, news["name"], base_job_template=template, **_pool_settings(news))
        return dynamic.UpdateResult(dict(news))

    def delete(self, _id: str, props: Properties) -> None:
        """Delete the pool; that it is gone is a success."""
        with self.connect(props) as client:
            work_pools.delete(client, props["name"])


class SecretBlockProvider(PrefectProvider):
    """Creates, reads, updates and deletes blocks of type `secret`."""

    identity = frozenset({"name"})
    settings = frozenset({"value"})
    rules = MappingProxyType({"name": blocks.name_problem})

    def create(self, props: Properties) -> dynamic.CreateResult:
        """Create the block, or take over the one that is there if told to, or if it is just the one wished for."""
        name, value = props["name"], props["value"]
        with self.connect(props) as client:
            existing = blocks.find_secret(client, name)
            if existing is None:
                document_id = blocks.create_secret(client, name, value)
            else:
                self.require_adoption(f"secret block {name!r}", client, props)
                document_id = existing["id"]
                blocks.update_secret(client, document_id, value)
        return dynamic.CreateResult(f"secret/{name}", {**props, "block_document_id": document_id})

    def find(self, client: PrefectClient, props: Properties) -> Properties | None:
        """Read the block with its value, which the engine keeps as secret as the input was."""
        document = blocks.find_secret(client, props["name"], with_value=True)
        if document is None:
            return None
        return {"value": document["data"]["value"], "block_document_id": document["id"]}

    def update(self, _id: str, olds: Properties, news: Properties) -> dynamic.UpdateResult:
        """Set the value."""
        document_id = olds["block_document_id"]
        with self.connect(news) as client:
            blocks.update_secret(client, document_id, news["value"])
        return dynamic.UpdateResult({**news, "block_document_id": document_id})

    def delete(self, _id: str, props: Properties) -> None:
        """Delete the block; that it is gone is a success."""
        with self.connect(props) as client:
            blocks.delete_secret(client, props["block_document_id"])


class CanaryRunProvider(PrefectProvider):
    """Runs a canary when it is created, and again when one of its inputs changes."""

    identity = frozenset({"work_pool"})
    settings = frozenset({"path", "entrypoint", "triggers", "timeout_seconds"})
    _reruns = frozenset({"path", "entrypoint", "triggers"})

    def create(self, props: Properties) -> dynamic.CreateResult:
        """Run the canary; if it fails, leave no deployment behind."""
        subject = _canary(props)
        with self.connect(props) as client:
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
        with self.connect(news) as client:
            return dynamic.UpdateResult(self._run(client, news))

    def delete(self, _id: str, props: Properties) -> None:
        """Delete the deployment; that it is gone is a success."""
        with self.connect(props) as client:
            canary.remove(client, _canary(props))

    @staticmethod
    def _run(client: PrefectClient, props: Properties) -> Properties:
        result = canary.run(client, _canary(props), timeout_seconds=props["timeout_seconds"])
        return {**props, **asdict(result)}


class WorkPool(dynamic.Resource, module="prefect", name="WorkPool"):
    """A work pool.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the pool; a change replaces it.
        type: `process`, `docker`, ...; a change replaces the pool.
        description: text for the UI.
        concurrency_limit: most flow runs at a time; None is unlimited.
        paused: whether the delivery of flow runs is halted.
        base_job_template: template of the jobs; None takes the server's default for the type when the pool
            is created, and leaves the template alone afterwards.
        adopt: take over a pool of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    type: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        name: pulumi.Input[str],
        type: pulumi.Input[str],  # noqa: A002 - Prefect's own word
        description: pulumi.Input[str] | None = None,
        concurrency_limit: pulumi.Input[int] | None = None,
        paused: pulumi.Input[bool] = False,
        base_job_template: pulumi.Input[Mapping[str, Any]] | None = None,
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        # As JSON, because the engine drops nulls from objects.
        template = pulumi.Output.from_input(base_job_template).apply(_canonical_json)
        properties = {
            "api_url": api_url,
            "name": name,
            "type": type,
            "description": description,
            "concurrency_limit": concurrency_limit,
            "paused": paused,
            "base_job_template": None if base_job_template is None else template,
            "adopt": adopt,
        }
        super().__init__(WorkPoolProvider(), resource_name, properties, _delete_first(opts))


class SecretBlock(dynamic.Resource, module="prefect", name="SecretBlock"):
    """A block of type `secret`, whose value stands encrypted in Pulumi's state.

    Args:
        resource_name: its name in Pulumi.
        opts: resource options.
        api_url: base of the API, e.g. `https://prefect.example.com/api`.
        name: name of the block, of lowercase letters, digits and dashes; a change replaces it.
        value: the secret.
        adopt: take over a secret block of this name that is there already, instead of failing.
    """

    name: pulumi.Output[str]
    block_document_id: pulumi.Output[str]
    """UUID by which other objects refer to the block."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_url: pulumi.Input[str],
        name: pulumi.Input[str],
        value: pulumi.Input[str],
        adopt: pulumi.Input[bool] = False,
    ) -> None:
        properties = {
            "api_url": api_url,
            "name": name,
            "value": pulumi.Output.secret(value),
            "adopt": adopt,
            "block_document_id": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        opts = pulumi.ResourceOptions.merge(_delete_first(opts), secret)
        super().__init__(SecretBlockProvider(), resource_name, properties, opts)


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
        super().__init__(CanaryRunProvider(), resource_name, properties, _delete_first(opts))


def _delete_first(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Delete before a replacement is created: names are unique in Prefect."""
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(delete_before_replace=True), opts)


def _canary(props: Properties) -> Canary:
    return Canary(work_pool=props["work_pool"], path=props["path"], entrypoint=props["entrypoint"])


def _pool_settings(props: Properties) -> Properties:
    limit = props.get("concurrency_limit")
    return {
        "description": props.get("description"),
        # The engine knows no integers.
        "concurrency_limit": None if limit is None else int(limit),
        "paused": props.get("paused", False),
    }


def _template(props: Properties) -> dict[str, Any] | None:
    text = props.get("base_job_template")
    return None if text is None else json.loads(text)


def _canonical_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _require_type(pool: Properties, pool_type: str) -> None:
    if pool["type"] != pool_type:
        raise ValueError(
            f"Work pool {pool['name']!r} is there with type {pool['type']!r}, which cannot change to"
            f" {pool_type!r}: set the type it has, or delete it in Prefect."
        )
