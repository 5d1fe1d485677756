"""Objects inside a running Prefect server, as Pulumi resources.

Pulumi's state names the providers by module and class, so both are frozen: after a move `pulumi destroy` could
not find them. That holds for the names given here as well, by which older states know the first three. The
providers hold nothing but the credentials, which the engine hands over from the stack's config, so nothing of
them is pickled into the state.

A changed `api_url` is an update in place, which does nothing to an object that is as it should be: the state
must learn the address, as refresh and destroy go by the state alone.
"""

from components.prefect_api.resources.automation import Automation, AutomationProvider
from components.prefect_api.resources.block import Block, BlockProvider
from components.prefect_api.resources.canary_run import CanaryRun, CanaryRunProvider
from components.prefect_api.resources.concurrency_limits import (
    GlobalConcurrencyLimit,
    GlobalConcurrencyLimitProvider,
    TagConcurrencyLimit,
    TagConcurrencyLimitProvider,
)
from components.prefect_api.resources.deployment import Deployment, DeploymentProvider
from components.prefect_api.resources.secret_block import SecretBlock, SecretBlockProvider
from components.prefect_api.resources.variable import Variable, VariableProvider
from components.prefect_api.resources.work_pool import WorkPool, WorkPoolProvider
from components.prefect_api.resources.work_queue import WorkQueue, WorkQueueProvider

__all__ = [
    "Automation",
    "AutomationProvider",
    "Block",
    "BlockProvider",
    "CanaryRun",
    "CanaryRunProvider",
    "Deployment",
    "DeploymentProvider",
    "GlobalConcurrencyLimit",
    "GlobalConcurrencyLimitProvider",
    "SecretBlock",
    "SecretBlockProvider",
    "TagConcurrencyLimit",
    "TagConcurrencyLimitProvider",
    "Variable",
    "VariableProvider",
    "WorkPool",
    "WorkPoolProvider",
    "WorkQueue",
    "WorkQueueProvider",
]
