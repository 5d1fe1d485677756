"""What can be known of a PowerShell script without running it: its syntax tree, and what it calls and reads."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_powershell.language()))

AUTOMATIC = {"_", "true", "false", "null", "matches", "executioncontext", "psversiontable", "lastexitcode", "args"}
"""https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_automatic_variables"""


@dataclass(frozen=True)
class Call:
    """A command as it is called."""

    name: str
    parameters: tuple[str, ...]
    line: int


class Script:
    """A script's text and its syntax tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_bytes()
        self.root = PARSER.parse(self.text).root_node

    def nodes(self, *kinds: str) -> Iterator[Node]:
        """Yield every node of these kinds, outer ones first."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if node.type in kinds:
                yield node
            waiting.extend(reversed(node.children))

    @cached_property
    def syntax_errors(self) -> list[str]:
        """Where it cannot be parsed."""
        broken = [node for node in _all(self.root) if node.is_error or node.is_missing]
        return [f"line {node.start_point[0] + 1}: {_text(node)[:60]}" for node in broken]

    @cached_property
    def functions(self) -> set[str]:
        """The functions that it defines, in lower case."""
        return {_text(node).lower() for node in self.nodes("function_name")}

    @cached_property
    def calls(self) -> list[Call]:
        """Every command that it names; not one that a variable names."""
        found = []
        for node in self.nodes("command"):
            name = node.child_by_field_name("command_name")
            if name is None or name.type != "command_name":
                continue
            elements = node.child_by_field_name("command_elements")
            parameters = (
                [_text(child) for child in elements.children if child.type == "command_parameter"] if elements else []
            )
            found.append(
                Call(_text(name), tuple(one.lstrip("-").rstrip(":") for one in parameters), name.start_point[0] + 1)
            )
        return found

    @cached_property
    def strings(self) -> list[tuple[int, str]]:
        """The texts between quotes, with their lines."""
        return [(node.start_point[0] + 1, _text(node)) for node in self.nodes("string_literal")]

    @cached_property
    def unbalanced_expressions(self) -> list[str]:
        """Each `$(...)` in a text that PowerShell ends elsewhere: it counts parentheses there, those in quotes, too."""
        return [
            f"line {node.start_point[0] + 1}: {_text(node)}"
            for string in self.nodes("string_literal")
            for node in _all(string)
            if node.type == "sub_expression" and not _balances(_text(node))
        ]

    @cached_property
    def variables(self) -> set[str]:
        """The variables that it reads or sets, in lower case; not those of the environment."""
        names = {re.sub(r"^[$@]\{?|\}$", "", _text(node)).lower() for node in self.nodes("variable")}
        return {name.removeprefix("global:") for name in names if not name.startswith("env:")} - AUTOMATIC

    @cached_property
    def set_variables(self) -> set[str]:
        """The variables that it sets itself, in lower case: assigned, parameters, of loops."""
        found = set()
        for node in self.nodes("left_assignment_expression", "script_parameter"):
            # of `$one.member = ` and `[type] $one = ` the variable stands in it, too
            found |= {_name(inner) for inner in _all(node) if inner.type == "variable"}
        for node in self.nodes("foreach_statement"):
            found |= {_name(child) for child in node.children if child.type == "variable"}
        return found

    @cached_property
    def code(self) -> str:
        """Its text without comments and what stands between quotes."""
        text = bytearray(self.text)
        for node in self.nodes("comment", "string_literal"):
            text[node.start_byte : node.end_byte] = b" " * (node.end_byte - node.start_byte)
        return text.decode()


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _balances(text: str) -> bool:
    """Return whether its last parenthesis, and no other one before, closes the first one."""
    depths = list(itertools.accumulate((one == "(") - (one == ")") for one in text if one in "()"))
    return depths.index(0) == len(depths) - 1 if 0 in depths else False


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _name(node: Node) -> str:
    return re.sub(r"^[$@]\{?|\}$", "", _text(node)).lower()
