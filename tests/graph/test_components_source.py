"""Habits that every component keeps, read from the source."""

import ast
from pathlib import Path

import pytest

from tests.settings.stack_file import CHECKOUT

MODULES = sorted((CHECKOUT / "components").glob("*.py"))


def components() -> list[ast.ClassDef]:
    return [
        node
        for module in MODULES
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.ClassDef) and any("ComponentResource" in ast.unparse(base) for base in node.bases)
    ]


def constructor(component: ast.ClassDef) -> ast.FunctionDef:
    (found,) = [node for node in component.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    return found


def test_there_are_components_to_look_at() -> None:
    assert len(components()) >= 7


@pytest.mark.parametrize("component", components(), ids=lambda component: component.name)
class TestComponents:
    def test_it_takes_a_name_one_record_of_arguments_and_options(self, component: ast.ClassDef) -> None:
        arguments = constructor(component).args
        assert [argument.arg for argument in arguments.args] == ["self", "name", "args", "opts"]
        assert ast.unparse(arguments.args[2].annotation or ast.Name("")) == f"{component.name}Args"

    def test_it_tells_its_type_token_first(self, component: ast.ClassDef) -> None:
        first = ast.unparse(constructor(component).body[0])
        assert first == f"super().__init__('prefect-selfhost:index:{component.name}', name, None, opts)"

    def test_it_registers_its_outputs_once_and_last(self, component: ast.ClassDef) -> None:
        assert ast.unparse(constructor(component).body[-1]).startswith("self.register_outputs({'")
        assert ast.unparse(component).count("register_outputs(") == 1

    def test_the_outputs_are_attributes_of_the_component(self, component: ast.ClassDef) -> None:
        last = constructor(component).body[-1]
        (registered,) = [node for node in ast.walk(last) if isinstance(node, ast.Dict)]
        for key, value in zip(registered.keys, registered.values, strict=True):
            assert isinstance(key, ast.Constant)
            assert ast.unparse(value) == f"self.{key.value!s}"

    def test_the_callers_options_stay_with_the_component(self, component: ast.ClassDef) -> None:
        uses = [node for node in ast.walk(constructor(component)) if isinstance(node, ast.Name) and node.id == "opts"]
        assert len(uses) == 1


def test_only_the_host_knows_of_pulumi_command() -> None:
    users = [module.name for module in MODULES if "pulumi_command" in module.read_text()]
    assert users == ["host.py"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_what_runs_when_a_module_is_imported_only_defines(module: Path) -> None:
    for node in ast.parse(module.read_text()).body:
        allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Expr)
        assert isinstance(node, allowed), ast.unparse(node)
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), ast.unparse(node)
