"""What a team keeps in a Prefect server that somebody else runs. Nothing is put on any host.

In a shell at the root of the checkout, for a server at https://prefect.example.com:

    eval "$(make -s env)" && export PYTHONPATH="$PWD" && cd examples/prefect_objects
    pulumi stack init prod
    pulumi config set apiUrl https://prefect.example.com/api
    pulumi config set --secret authString user:password
    pulumi config set --secret lakePassword
    pulumi config set --secret slackUrl
    pulumi up
"""

import pulumi

from components.prefect_api.automation_presets import PRESETS
from components.prefect_api.resources import (
    Automation,
    Block,
    GlobalConcurrencyLimit,
    SecretBlock,
    TagConcurrencyLimit,
    Variable,
    WorkPool,
    WorkQueue,
)

config = pulumi.Config()
api_url = config.require("apiUrl")
lake_password = config.require_secret("lakePassword")

pool = WorkPool("etl", api_url=api_url, name="etl", type="process", concurrency_limit=20)
urgent = WorkQueue("urgent", api_url=api_url, work_pool=pool.name, name="urgent", priority=1)
# after the other, whose priority it would move back
WorkQueue(
    "default",
    api_url=api_url,
    work_pool=pool.name,
    name="default",
    priority=2,
    opts=pulumi.ResourceOptions(depends_on=[urgent]),
)

Variable("region", api_url=api_url, name="region", value={"name": "eu-central-1", "zones": 3})
GlobalConcurrencyLimit("warehouse", api_url=api_url, name="warehouse", limit=3)
TagConcurrencyLimit("gpu", api_url=api_url, tag="gpu", limit=1)

SecretBlock("lake-password", api_url=api_url, name="lake-password", value=lake_password)
credentials = Block(
    "lake-credentials",
    api_url=api_url,
    type="minio-credentials",
    name="lake",
    data={"minio_root_user": "lake"},
    secrets={"minio_root_password": lake_password},
)
Block(
    "lake",
    api_url=api_url,
    type="s3-bucket",
    name="lake",
    data={"bucket_name": "raw"},
    references={"credentials": credentials.block_document_id},
)

alerts = Block(
    "alerts", api_url=api_url, type="slack-webhook", name="alerts", secrets={"url": config.require_secret("slackUrl")}
)
failed = PRESETS["flow-run-failed"]
Automation(
    "failed-runs",
    api_url=api_url,
    name="failed-runs",
    trigger=failed.trigger,
    actions=[{**failed.notification("slack-webhook"), "block_document_id": alerts.block_document_id}],
)
