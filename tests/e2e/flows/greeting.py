"""A flow of a user: it takes parameters, and as long as it is told."""

import platform
import time

from prefect import flow, get_run_logger


@flow(name="greeting", log_prints=False)
def greet(name: str, seconds: float = 0) -> None:
    """Greet somebody by the name of the host, then work for some seconds."""
    get_run_logger().info("Hello, %s, here is %s", name, platform.node())
    time.sleep(seconds)
