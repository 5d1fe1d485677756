"""Objects in Prefect, in the words of those whose flows use them."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.resources import PREFECT, Resource


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of object, and what it means for flows that one of it goes or changes."""

    noun: str
    gone: str
    changed: str


KINDS: Mapping[str, Kind] = {
    "WorkPool": Kind(
        noun="work pool",
        gone="its queues go with it, and nobody starts the flow runs of deployments that use it",
        changed="flow runs that start from now on follow it",
    ),
    "WorkQueue": Kind(
        noun="work queue",
        gone="nobody starts the flow runs that wait in it",
        changed="flow runs that start from now on follow it",
    ),
    "Variable": Kind(
        noun="variable",
        gone="flows that read it get None, or the default that they name",
        changed="flows get the new value when they read it next",
    ),
    "SecretBlock": Kind(
        noun="secret block",
        gone="flows that load it fail",
        changed="flows get the new value when they load it next",
    ),
    "Block": Kind(
        noun="block",
        gone="flows that load it fail, and so do automations that use it",
        changed="flows and automations use it as it is then from their next run on",
    ),
    "GlobalConcurrencyLimit": Kind(
        noun="concurrency limit",
        gone="what takes its slots is no longer held back, and fails where it asks strictly",
        changed="it holds from the next slot that is taken",
    ),
    "TagConcurrencyLimit": Kind(
        noun="concurrency limit of the tag",
        gone="task runs with this tag are no longer held back",
        changed="it holds for task runs that start from now on",
    ),
    "Automation": Kind(
        noun="automation",
        gone="nobody does any more what it did",
        changed="it acts on what happens from now on",
    ),
    "Deployment": Kind(
        noun="deployment",
        gone="its schedules end with it: no more flow runs are made of it",
        changed="flow runs that are made from now on follow it",
    ),
}
"""By the last part of a resource's type. A canary run is none: it is made anew whenever something changes."""


def kind(resource: Resource) -> Kind | None:
    """Return what is known of an object in Prefect; None for anything else."""
    return KINDS.get(resource.type.removeprefix(PREFECT)) if resource.is_prefect else None


def label(resource: Resource) -> str:
    """Return what people call an object: `work queue urgent of etl`, `block s3-bucket/lake`."""
    known, inputs = kind(resource), resource.inputs
    name = str(inputs.get("name") or inputs.get("tag") or resource.name)
    if resource.type == f"{PREFECT}WorkQueue":
        name = f"{name} of {inputs.get('work_pool')}"
    if resource.type == f"{PREFECT}Block":
        name = f"{inputs.get('type')}/{name}"
    if resource.type == f"{PREFECT}CanaryRun":
        return f"canary flow run through {inputs.get('work_pool')}"
    return f"{known.noun if known else resource.type.rpartition(':')[2]} {name}"
