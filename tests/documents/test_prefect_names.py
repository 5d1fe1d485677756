"""Every Prefect setting that is named here is one that Prefect knows: it silently ignores any other."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components import prefect_configuration, prefect_job_variables, prefect_settings
from components.prefect_api import work_pools
from components.public_url import public_url_variables
from components.settings.https import PrivateCa
from components.settings.nginx import NginxSettings
from tests.prefect_runtime import install_prefect
from tests.settings.stack_file import CHECKOUT

READ_DIRECTLY = {"PREFECT_SERVER_ENCRYPTION_KEY"}
"""Read from the environment where it is needed; Prefect does not list it among its settings."""


@pytest.fixture(scope="module")
def prefect() -> Path:
    return install_prefect()


@pytest.fixture(scope="module")
def known(prefect: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | list[str]]:
    """Ask the newest Prefect that is installed for servers and workers."""
    return told(prefect, "prefect_settings.py", tmp_path_factory.mktemp("home"))


def told(prefect: Path, program: str, home: Path) -> dict[str, Any]:
    """Return the table that a program of the toolchain prints when Prefect's Python runs it."""
    command = [str(prefect), str(CHECKOUT / "toolchain" / program)]
    ended = subprocess.run(command, env={"PREFECT_HOME": str(home)}, capture_output=True, text=True, check=True)
    table: dict[str, Any] = json.loads(ended.stdout)
    return table


def named() -> set[str]:
    """Return the names as they come out of the configuration, and those that scripts use."""
    database = {"host": "h", "port": "5432", "name": "n", "user": "u"}
    variables = prefect_configuration.server_variables(
        home="/home",
        ui_directory="/ui",
        address="127.0.0.1",
        port=4200,
        log_level="INFO",
        database=database,
        database_ca_file="/ca",
        public=public_url_variables(
            NginxSettings(public_url="https://h", certificate=PrivateCa(), https_port=443, http_port=80)
        ),
        settings={},
    )
    secrets = prefect_configuration.server_secrets(database_password="p", auth_string="a", encryption_key="k")
    worker = prefect_configuration.worker_variables(
        home="/home", api_url="http://127.0.0.1/api", ca_file="/ca", health_port=4210
    )
    worker_secrets = prefect_configuration.worker_secrets(auth_string="a")
    texts = [path.read_text() for path in (CHECKOUT / "scripts").rglob("*.sh")]
    in_scripts = {name for text in texts for name in re.findall(r"\bPREFECT_[A-Z_]+\b", text)}
    return {
        name for name in {*variables, *secrets, *worker, *worker_secrets} if name.startswith("PREFECT_")
    } | in_scripts


def test_prefect_knows_the_name_of_every_setting(known: dict[str, str | list[str]]) -> None:
    assert named() - READ_DIRECTLY - set(known) == set()


def test_stack_files_are_checked_by_what_prefect_knows(known: dict[str, str | list[str]]) -> None:
    assert prefect_settings.known() == known


def test_job_variables_are_checked_by_what_prefect_proposes(prefect: Path, tmp_path: Path) -> None:
    assert prefect_job_variables.known() == told(prefect, "prefect_job_variables.py", tmp_path)
    assert prefect_job_variables.known().keys() == {*work_pools.TYPES}
