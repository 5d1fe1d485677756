"""A nightly pipeline in three steps: an export, a load into the warehouse, a transformation.

Each step reads the secrets that it needs from Prefect; put your own calls where they are only told of. What is logged
everybody sees who may see the flow run: no secret is.
"""

from prefect import flow, get_run_logger, task
from prefect.blocks.system import Secret


@task(retries=3, retry_delay_seconds=60)
def start_export() -> str:
    """Start the Azure Function that exports to Blob Storage."""
    request = {"url": secret("azure-function-url"), "headers": {"x-functions-key": secret("azure-function-key")}}
    get_run_logger().info("POST with %s", " and ".join(request))
    return "exported"


@task(retries=3, retry_delay_seconds=120)
def copy_into_warehouse() -> int:
    """Copy what was exported into Snowflake."""
    names = ("account", "user", "password", "warehouse", "database", "schema")
    connection = {name: secret(f"snowflake-{name}") for name in names}
    get_run_logger().info("COPY INTO with %s", ", ".join(connection))
    return len(connection)


@task(retries=2, retry_delay_seconds=60)
def transform() -> str:
    """Run the dbt models."""
    get_run_logger().info("dbt run")
    return "transformed"


@flow(name="Pipeline Data Complet", retries=1, retry_delay_seconds=300)
def pipeline_data_complet() -> dict[str, object]:
    """Azure Function, then Snowflake, then dbt."""
    return {"export": start_export(), "copied": copy_into_warehouse(), "models": transform()}


def secret(name: str) -> str:
    """Return the value of a secret block."""
    return str(Secret.load(name).get())
