"""A flow's file is read as Prefect reads it, without being run."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.prefect_api import flow_source
from tests.prefect_runtime import install_prefect

FLOWS = '''
import datetime
from typing import Any, Dict, List, Literal, Optional, Union

from prefect import flow
import prefect

@flow(name="Main Flow", description="Says it")
def main_flow(
    a: str,
    b: int = 3,
    c: float | None = None,
    d: Optional[List[str]] = None,
    e: dict = {},
    f: bool = True,
    g=4,
    h: datetime.date = None,
    i: Union[int, str] = 1,
    j: "list[int]" = [1],
    k: Any = None,
    l: Dict[str, int] = {"a": 1},
    m: list = [],
    *,
    n: datetime.datetime,
):
    raise RuntimeError("nobody runs me")

@flow
async def with_a_docstring():
    """Says
    something."""

@prefect.flow(log_prints=True)
def no_name(): pass

def no_flow(): pass
'''
STRANGE = """
import of_nobody
from prefect import flow

@flow(name=of_nobody.NAME)
def strange(a: of_nobody.Thing, b: int = of_nobody.LIMIT, c: "not python" = 1, d: set[int] = {1}, **more): pass
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "strange.py").write_text(STRANGE)
    (tmp_path / "broken.py").write_text("def (")
    return tmp_path


@pytest.mark.parametrize("function", ["main_flow", "with_a_docstring", "no_name"])
def test_parameters_are_what_prefect_itself_makes_of_them(directory: Path, function: str) -> None:
    program = (
        "import json, sys\n"
        "from prefect.utilities.callables import parameter_schema_from_entrypoint as schema\n"
        "print(json.dumps(schema(sys.argv[1]).model_dump_for_openapi()))"
    )
    command = [str(install_prefect()), "-c", program, f"{directory / 'flows.py'}:{function}"]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert flow_source.read(directory, f"flows.py:{function}").parameter_schema == theirs


@pytest.mark.parametrize(
    ("function", "name", "description"),
    [
        ("main_flow", "Main Flow", "Says it"),
        ("with_a_docstring", "with-a-docstring", "Says\nsomething."),
        ("no_name", "no-name", None),
    ],
)
def test_name_and_description_are_those_of_the_flow(
    directory: Path, function: str, name: str, description: str | None
) -> None:
    source = flow_source.read(directory, f"flows.py:{function}")
    assert (source.name, source.description) == (name, description)


def test_what_cannot_be_known_without_running_the_file_is_left_open(directory: Path) -> None:
    schema: dict[str, Any] = flow_source.read(directory, "strange.py:strange").parameter_schema
    assert schema["required"] == ["a"]
    assert schema["properties"]["a"] == {"title": "a", "position": 0}
    assert "default" not in schema["properties"]["b"]
    assert "type" not in schema["properties"]["c"]
    assert schema["additionalProperties"] is True


@pytest.mark.parametrize(
    ("entrypoint", "problem"),
    [
        ("missing.py:f", "cannot be read"),
        ("broken.py:f", "is no Python: line 1"),
        ("flows.py:main", "with it: main_flow, no_name, with_a_docstring"),
        ("flows.py:no_flow", "has no function 'no_flow' with @flow"),
    ],
)
def test_a_flow_that_is_not_there_is_named(directory: Path, entrypoint: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        flow_source.read(directory, entrypoint)
