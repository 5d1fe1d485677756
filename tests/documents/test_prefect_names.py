"""Every Prefect setting that is named here is one that Prefect knows: it silently ignores any other."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from components import prefect_configuration
from components.nginx_configuration import public_url_variables
from components.settings.nginx import NginxSettings, PrivateCa
from tests.prefect_runtime import install_prefect
from tests.settings.stack_file import CHECKOUT

READ_DIRECTLY = {"PREFECT_SERVER_ENCRYPTION_KEY"}
"""Read from the environment where it is needed; Prefect does not list it among its settings."""

LIST_NAMES = """
import json
from pydantic import AliasPath
from pydantic_settings import BaseSettings
from prefect.settings import Settings

def names(model):
    prefix = model.model_config.get("env_prefix", "")
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            yield from names(field.annotation)
        else:
            yield prefix + name
            choices = getattr(field.validation_alias, "choices", [field.validation_alias])
            yield from (choice for choice in choices if isinstance(choice, str))

print(json.dumps(sorted({name.upper() for name in names(Settings)})))
"""


@pytest.fixture(scope="module")
def prefect() -> Path:
    return install_prefect()


@pytest.fixture(scope="module")
def known(prefect: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    ended = subprocess.run(
        [prefect, "-c", LIST_NAMES],
        env={"PREFECT_HOME": str(tmp_path_factory.mktemp("home"))},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(ended.stdout))


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
        public=public_url_variables(
            NginxSettings(public_url="https://h", certificate=PrivateCa(), https_port=443, http_port=80)
        ),
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


def test_prefect_knows_the_name_of_every_setting(known: set[str]) -> None:
    assert named() - READ_DIRECTLY - known == set()


def test_prefect_would_not_know_a_name_that_is_made_up(known: set[str]) -> None:
    assert "PREFECT_SERVER_API_PORT" in known
    assert "PREFECT_SERVER_API_PROT" not in known
    assert len(known) > 200


def test_what_is_no_setting_is_read_by_prefect_itself(prefect: Path) -> None:
    package = next(prefect.parent.parent.glob("lib/python*/site-packages/prefect"))
    for name in READ_DIRECTLY:
        assert name in named()
        assert any(name in path.read_text() for path in package.rglob("*.py"))


def test_every_name_in_the_source_is_among_those_looked_up() -> None:
    source = Path(prefect_configuration.__file__).read_text()
    whole = set(re.findall(r'"(PREFECT_[A-Z_]+)":', source))
    assert whole <= named()
    assert len(whole) > 10
