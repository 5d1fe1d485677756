"""A flow of a user that needs a library."""

import sheets
from prefect import flow, get_run_logger


@flow(name="reporting")
def report() -> None:
    """Log what only the library knows."""
    get_run_logger().info("The library says: %s", sheets.WORD)
