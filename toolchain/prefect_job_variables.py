"""Writes components/prefect_job_variables.json: the JSON schema of the job variables of each type of work pool.

Run by the Python of a Prefect version: PYTHON toolchain/prefect_job_variables.py >components/prefect_job_variables.json
"""

import importlib.resources
import json
import sys

METADATA = "server/api/collections_data/views/aggregate-worker-metadata.json"
"""What the server proposes for new pools."""


def main() -> int:
    """Print the table; returns the exit status."""
    collections = json.loads((importlib.resources.files("prefect") / METADATA).read_text())
    schemas = {
        worker["type"]: worker["default_base_job_configuration"]["variables"]
        for collection in collections.values()
        for worker in collection.values()
    }
    json.dump(schemas, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
