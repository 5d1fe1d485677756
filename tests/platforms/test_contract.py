"""What the components may count on, whatever the platform; and what keeps the contract open for Windows."""

import ast
import re
from pathlib import Path

import pytest

from components.platforms import (
    GivenFile,
    HostFile,
    Linux,
    Local,
    Platform,
    Service,
    Windows,
    WindowsPrograms,
    default_directory,
    fingerprint,
)
from components.platforms.linux import PRIVILEGED
from tests.settings.stack_file import CHECKOUT

POSIX: list[Platform] = [Linux(), Local("/srv/prefect")]
PLATFORMS: list[Platform] = [
    *POSIX,
    Windows(
        "D:/Prefect", WindowsPrograms(python="C:/python.exe", wrapper=GivenFile(path="D:/shawl.exe", sha256="ab" * 32))
    ),
]
"""That they satisfy the protocol is checked by mypy, on these very lines."""

OUTSIDE = sorted(path for path in CHECKOUT.glob("components/*.py") if not path.stem.startswith("settings"))
"""The components; the settings speak of directories and users because people name them there."""

SERVICE = Service(
    name="prefect-server",
    description="Prefect server",
    command=("/opt/python", "-m", "prefect"),
    user="prefect",
    working_directory="/srv",
    health_url="http://127.0.0.1:4200/api/ready",
)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
class TestEveryPlatform:
    def test_it_has_a_directory_of_scripts(self, platform: Platform) -> None:
        scripts = CHECKOUT / "scripts" / platform.name
        assert {"prelude", "preflight", "prepare-host", "service"} <= {path.stem for path in scripts.iterdir()}

    def test_its_areas_are_apart(self, platform: Platform) -> None:
        areas = [platform.path(area) for area in ("configuration", "data", "runtime", "run", "log")]
        assert len(set(areas)) == 5
        assert platform.path("data", "a", "b") == f"{platform.path('data')}/a/b"

    def test_the_content_of_a_file_is_in_no_command(self, platform: Platform) -> None:
        one, other = (platform.file(HostFile(path="/etc/a", content=content)) for content in ("one", "other"))
        assert one == other

    def test_a_script_without_a_delete_leaves_what_it_made(self, platform: Platform) -> None:
        assert platform.script("service").delete is not None
        assert platform.script("preflight").delete is None

    def test_the_service_definition_is_no_secret_and_belongs_to_root(self, platform: Platform) -> None:
        definition = platform.service_definition(SERVICE)
        assert (definition.mode, definition.owner) == ("0644", "root")
        assert "prefect-server" in Path(definition.path).name

    @pytest.mark.parametrize("value", ["it's", 'say "hi"', "back\\slash", "two\nlines", " ahead", "behind ", "nul\0"])
    def test_a_value_that_readers_take_differently_is_refused_without_being_shown(
        self, platform: Platform, value: str
    ) -> None:
        with pytest.raises(ValueError, match="the value of PREFECT_SECRET has") as caught:
            platform.environment_file({"PREFECT_SECRET": value})
        assert value not in str(caught.value)

    def test_plain_values_are_written_as_they_are(self, platform: Platform) -> None:
        variables = {"A": "", "B": "a=b", "C": "50% of $HOME `id` #1 é", "D": "a;b"}
        assert platform.environment_file(variables) == "A=\nB=a=b\nC=50% of $HOME `id` #1 é\nD=a;b\n"


@pytest.mark.parametrize("platform", POSIX, ids=lambda platform: platform.name)
class TestPosixPlatforms:
    def test_a_file_is_written_and_removed(self, platform: Platform) -> None:
        commands = platform.file(HostFile(path="/etc/it's here", content="unused", mode="0600", owner="prefect"))
        assert commands.create.endswith(""" write-file 0600 prefect '/etc/it'"'"'s here'""")
        assert commands.delete is not None
        assert commands.delete.endswith("""rm -f '/etc/it'"'"'s here'""")

    def test_a_file_is_its_content_on_standard_input(self, platform: Platform) -> None:
        assert platform.file_payload(HostFile(path="/etc/a", content="unused"), "one\ntwo") == "one\ntwo"

    def test_programs_of_postgresql_are_behind_one_link(self, platform: Platform) -> None:
        assert platform.postgresql("psql") == platform.path("runtime", "postgresql", "psql")


def test_linux_keeps_to_the_filesystem_hierarchy() -> None:
    linux = Linux()
    assert linux.path("configuration", "server.env") == "/etc/prefect/server.env"
    assert linux.path("data", "prefect") == "/var/lib/prefect/prefect"
    assert linux.path("runtime") == "/opt/prefect"
    assert linux.path("run") == "/run/prefect"
    assert linux.path("log") == "/var/log/prefect"
    assert linux.path("socket") == "/run/prefect/postgresql"
    assert set(linux.host_files()) == {"pip-requirements", "watchdog-program", "watchdog-timer", "watchdog"}


def test_linux_does_everything_as_root() -> None:
    commands = [Linux().file(HostFile(path="/etc/a", content="")), Linux().script("service")]
    for command in commands:
        assert command.create.startswith(PRIVILEGED)
        assert command.delete is not None
        assert command.delete.startswith(PRIVILEGED)


def test_local_stays_below_its_directory_and_asks_nobody_for_rights() -> None:
    local = Local("/srv/prefect")
    assert local.path("configuration", "a", "b.env") == "/srv/prefect/configuration/a/b.env"
    assert "sudo" not in local.file(HostFile(path="/etc/a", content="")).create
    assert set(local.host_files()) == {"supervisor", "launcher"}
    assert all(file.path.startswith("/srv/prefect/") for file in local.host_files().values())


def test_local_services_share_one_user() -> None:
    created = Local("/srv").file(HostFile(path="/srv/a", content="", mode="0600", owner="postgres")).create
    assert created.endswith(" write-file 0600 prefect /srv/a")


class TestDefaultDirectory:
    CHECKOUT = Path("/home/someone/prefect")

    def test_an_ordinary_user_finds_everything_below_the_checkout(self) -> None:
        found = default_directory(self.CHECKOUT, "dev", "box", 1000)
        assert found == "/home/someone/prefect/.local/hosts/dev/box"

    def test_root_uses_a_place_that_the_service_user_can_reach(self) -> None:
        found = default_directory(Path("/root/prefect"), "dev", "box", 0)
        assert re.fullmatch(r"/var/lib/prefect-selfhost/[0-9a-f]{8}/dev/box", found)

    @pytest.mark.parametrize("user_id", [0, 1000])
    def test_checkouts_stacks_and_hosts_have_directories_of_their_own(self, user_id: int) -> None:
        cases = [(f"/{c}", stack, host) for c in ("a", "b") for stack in ("dev", "prod") for host in ("one", "two")]
        cases += [("/a", "a-b", "c"), ("/a", "a", "b-c")]
        found = {default_directory(Path(checkout), stack, host, user_id) for checkout, stack, host in cases}
        assert len(found) == len(cases)


class TestFingerprint:
    def test_it_is_the_same_for_the_same_texts(self) -> None:
        assert fingerprint("a", "b") == fingerprint("a", "b")
        assert re.fullmatch(r"[0-9a-f]{16}", fingerprint())

    def test_it_tells_texts_apart_however_they_are_cut(self) -> None:
        texts = [(), ("",), ("", ""), ("ab",), ("a", "b"), ("b", "a"), ("é",)]
        assert len({fingerprint(*parts) for parts in texts}) == len(texts)


def strings(module: Path) -> list[str]:
    """Return the texts that a module computes with: all but docstrings and types."""
    tree = ast.parse(module.read_text())
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


@pytest.mark.parametrize("module", OUTSIDE, ids=lambda module: module.name)
class TestComponentsKnowNoPlatform:
    def test_they_name_no_shell(self, module: Path) -> None:
        shells = re.compile(r"\b(bash|sudo|systemctl|supervisorctl|chmod|chown|powershell)\b|/bin/")
        assert not [text for text in strings(module) if shells.search(text)]

    def test_they_build_no_path(self, module: Path) -> None:
        """A path is made by `path()`: on Windows it has other separators, and a drive."""
        paths = [text for text in strings(module) if re.search(r"(^|[^:/])/(?!/)", text)]
        urls = {"/api", "/api/ready", "/ready", "/health", "/32"}
        assert set(paths) <= urls, "only URLs and masks of networks have slashes of their own"

    def test_they_ask_for_no_platform(self, module: Path) -> None:
        """Where a component needs `if platform == ...`, the contract is wrong; the host alone makes its platform."""
        comparisons = [
            ast.unparse(node)
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Compare) and "platform" in ast.unparse(node)
        ]
        assert module.name == "host.py" or comparisons == []
