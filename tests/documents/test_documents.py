"""What documents and docstrings name is there: files, make targets, commands, settings, links."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.settings.loading import SWITCHES
from components.settings.prefect_objects import SECRET_FIELD_PREFIX
from components.settings.secrets import OPTIONAL_SECRETS, REQUIRED_SECRETS, SECRET_BLOCK_PREFIX
from components.settings.worker_accounts import PASSWORD_PREFIX
from tests.settings.stack_file import CHECKOUT, SCHEMA

DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
SOURCES = sorted(
    path for place in ("components", "policies", "toolchain", "tests") for path in (CHECKOUT / place).rglob("*.py")
)

TOP_LEVEL = {path.name for path in CHECKOUT.iterdir() if path.is_dir()} - {".local", ".git"}
FILE = re.compile(r"\.(py|sh|ps1|md|ya?ml|toml|txt|conf|png|svg)$")
PULUMI_COMMANDS = {
    "cancel",
    "config",
    "destroy",
    "import",
    "login",
    "logs",
    "preview",
    "refresh",
    "stack",
    "state",
    "up",
}
CODE = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def code(text: str) -> list[str]:
    """Return the lines of code blocks and the spans between backticks."""
    blocks = [line for block in CODE.findall(text) for line in block.splitlines()]
    return [*blocks, *SPAN.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))]


def unknown_paths(text: str, directory: Path) -> set[str]:
    """Return the names between backticks that look like paths of this checkout and lead nowhere."""
    return {
        span
        for span in SPAN.findall(text)
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", span)
        and ((span.split("/")[0] in TOP_LEVEL and "/" in span) or FILE.search(span))
        and not _leads_somewhere(span, directory)
    }


def _leads_somewhere(name: str, directory: Path) -> bool:
    # words in capitals stand for what differs, such as scripts/PLATFORM/
    pattern = re.sub(r"\b[A-Z]{3,}\b", "*", name.rstrip("/"))
    is_a_stack_file = re.fullmatch(r"Pulumi\..+\.yaml", name)
    return bool(is_a_stack_file) or any(any(place.glob(pattern)) for place in (CHECKOUT, directory))


def unknown_links(text: str, directory: Path) -> set[str]:
    """Return the relative links that lead nowhere."""
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    return {link for link in links if link and not (directory / link).exists()}


def unknown_targets(text: str) -> set[str]:
    """Return the make targets in code that the Makefile has not."""
    makefile = (CHECKOUT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    named = {
        name for line in code(text) for name in re.findall(r"\bmake (?:-\w+ )*([a-z][\w-]*)", line.partition("  #")[0])
    }
    return named - known


def unknown_commands(text: str) -> set[str]:
    """Return the commands in code that Pulumi or this checkout has not."""
    lines = code(text)
    pulumi = {command for line in lines for command in re.findall(r"(?:^|&& |\$ )pulumi ([a-z][\w-]*)", line)}
    modules = {module for line in lines for module in re.findall(r"python3? -m (toolchain[\w.]*)", line)}
    missing = {module for module in modules if not _is_module(module)}
    return {f"pulumi {command}" for command in pulumi - PULUMI_COMMANDS} | missing


def _is_module(name: str) -> bool:
    path = CHECKOUT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def unknown_settings(text: str) -> set[str]:
    """Return the keys in `pulumi config set` and the like that no stack file may have."""
    keys = set()
    for line in code(text):
        for arguments in re.findall(r"pulumi config (?:set|rm|get) ([^&|`]+)", line.partition("  #")[0]):
            words = [word for word in _without_options(shlex.split(arguments)) if not word.isupper()]
            keys |= {re.split(r"[.\[]", word)[0] for word in words[:1]}
    known = {*SCHEMA, *SWITCHES, *REQUIRED_SECRETS, *OPTIONAL_SECRETS}
    prefixes = (SECRET_BLOCK_PREFIX, SECRET_FIELD_PREFIX, PASSWORD_PREFIX)
    return {key for key in keys if key not in known and not key.startswith(prefixes)}


def _without_options(words: list[str]) -> Iterator[str]:
    remaining = iter(words)
    for word in remaining:
        if word in {"--stack", "-s", "--type"}:
            next(remaining)
        elif not word.startswith("-"):
            yield word


def docstrings(source: Path) -> str:
    nodes = ast.walk(ast.parse(source.read_text()))
    return "\n\n".join(
        node.value.value
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def name(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
class TestDocuments:
    def test_its_paths_exist(self, document: Path) -> None:
        assert unknown_paths(document.read_text(), document.parent) == set()

    def test_its_links_lead_somewhere(self, document: Path) -> None:
        assert unknown_links(document.read_text(), document.parent) == set()

    def test_its_make_targets_exist(self, document: Path) -> None:
        assert unknown_targets(document.read_text()) == set()

    def test_its_commands_exist(self, document: Path) -> None:
        assert unknown_commands(document.read_text()) == set()

    def test_its_settings_exist(self, document: Path) -> None:
        assert unknown_settings(document.read_text()) == set()


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_what_docstrings_name_exists(source: Path) -> None:
    text = docstrings(source)
    assert unknown_paths(text, source.parent) | unknown_targets(text) | unknown_commands(text) == set()


class TestTheseTests:
    """They find what is made up, and let pass what is there."""

    def test_paths(self) -> None:
        text = "`components/host.py` `components/no_such.py` `scripts/PLATFORM/` `scripts/nowhere/` `Pulumi.X.yaml`"
        assert unknown_paths(text, CHECKOUT) == {"components/no_such.py", "scripts/nowhere/"}
        assert unknown_paths("`compnents/settings.py` `/etc/hosts.conf` `and/or` `gone.md`", CHECKOUT) == {
            "compnents/settings.py",
            "gone.md",
        }

    def test_links(self) -> None:
        text = "[a](Pulumi.yaml) [b](nowhere.md#part) ![c](docs/no.png) [d](https://example.com/x) [e](#part)"
        assert unknown_links(text, CHECKOUT) == {"nowhere.md", "docs/no.png"}

    def test_make_targets(self) -> None:
        text = "to make sure\n```\nmake test  # make believe\nmake tset && make -s env\n```\nand `make nonsense`\n"
        assert unknown_targets(text) == {"tset", "nonsense"}

    def test_commands(self) -> None:
        text = "```sh\npulumi up && pulumi destory\npython3 -m toolchain.no_such\npython -m toolchain\n```\n"
        assert unknown_commands(text) == {"pulumi destory", "toolchain.no_such"}

    def test_settings(self) -> None:
        text = (
            "`pulumi config set --stack dev --path server.port 1` `pulumi config set --secret secretBlock-x`"
            " `pulumi config rm --path 'sever.port'` `pulumi config get KEY`"
        )
        assert unknown_settings(text) == {"sever"}

    def test_there_is_something_to_look_at(self) -> None:
        assert SOURCES
        assert CHECKOUT / "README.md" in DOCUMENTS
