"""The flow that proves a work pool works: run by its worker after every change."""

import platform

from prefect import flow, get_run_logger


@flow(name="canary", log_prints=False)
def canary() -> str:
    """Say where it ran."""
    where = f"Python {platform.python_version()} on {platform.system()}"
    get_run_logger().info("The canary ran: %s", where)
    return where
