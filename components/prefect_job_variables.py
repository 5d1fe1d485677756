"""Which job variables the default job template of each type of work pool knows, so that a preview can tell of others.

The table beside this module is made from what Prefect's server proposes by toolchain/prefect_job_variables.py.
https://docs.prefect.io/v3/concepts/work-pools#base-job-template
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def known() -> dict[str, Any]:
    """Return the JSON schema of the job variables of each type of work pool."""
    schemas: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return schemas


def template(pool_type: str) -> Mapping[str, Any]:
    """Return the part of the default job template of a type that tells of its variables."""
    return {"variables": known().get(pool_type, {})}
