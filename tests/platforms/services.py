"""A service for tests that care little what it runs."""

from components.platforms import Service

SERVER = Service(
    name="prefect-server",
    description="Prefect server",
    command=("/bin/true",),
    user="prefect",
    working_directory="/var/lib/prefect/prefect",
    health_url="",
)
