"""How scripts and files travel to Windows: one command line for all of them, everything else proven to be whole."""

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.platforms import Commands, GivenFile, HostFile, Windows, WindowsPrograms
from components.platforms.powershell import LONGEST_COMMAND, PLACE, TAKEN, command, script_commands, script_payload
from tests.platforms.windows_transport import DamagedError, function_of, read

WINDOWS = Windows(
    "D:/Prefect",
    WindowsPrograms(python="C:/Python/python.exe", wrapper=GivenFile(path="C:/shawl.exe", sha256="ab" * 32)),
)

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True).filter(lambda name: name not in TAKEN)
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


class TestCommandLine:
    @pytest.mark.parametrize("function", ["create", "delete"])
    def test_it_means_the_same_to_every_shell(self, function: str) -> None:
        """No quote, no backslash, no variable: cmd.exe, PowerShell and bash all take it word by word."""
        assert re.fullmatch(r"[A-Za-z0-9.+/= -]+", command(function))

    @pytest.mark.parametrize("function", ["create", "delete"])
    def test_it_is_short_enough_for_cmd(self, function: str) -> None:
        assert len(command(function)) <= LONGEST_COMMAND

    def test_it_carries_the_bootstrap_and_nothing_else(self) -> None:
        code = base64.b64decode(command("create").split()[-1]).decode("utf-16-le")
        bootstrap = [line.strip() for line in (PLACE / "bootstrap.ps1").read_text().splitlines()]
        assert code.rstrip().splitlines() == [
            "$function = 'create'",
            *(line for line in bootstrap if not line.startswith("#")),
        ]

    @pytest.mark.parametrize("times", [1, 12])
    def test_that_something_drifted_is_a_comment_in_it(self, times: int) -> None:
        """PowerShell refuses a further word: "a command is already specified"."""
        repaired = Commands(create=command("create")).repaired(times).create
        assert len(repaired.split()) == len(command("create").split())
        assert len(repaired) <= LONGEST_COMMAND
        code = base64.b64decode(repaired.split()[-1]).decode("utf-16-le")
        assert code.rstrip().splitlines()[-1] == f"#repair-{times}"

    def test_it_is_the_same_for_all_scripts_and_files(self) -> None:
        files = [HostFile(path="C:/a", content="x"), HostFile(path="C:/b", content="y", mode="0600", service="s")]
        commands = {WINDOWS.script("service"), *(WINDOWS.file(file) for file in files)}
        assert len(commands) == 1

    def test_a_script_without_a_delete_leaves_what_it_made(self) -> None:
        assert script_commands("preflight").delete is None
        assert function_of(str(script_commands("service").delete)) == "delete"


class TestPayload:
    @given(st.dictionaries(NAMES, LINES))
    def test_every_setting_arrives_unchanged(self, settings: dict[str, str]) -> None:
        arrived = read(script_payload("measure-memory", settings).encode("ascii"))
        assert arrived.settings == settings
        assert "function create" in arrived.script

    @given(TEXTS)
    def test_the_content_of_a_file_arrives_unchanged(self, content: str) -> None:
        payload = WINDOWS.file_payload(HostFile(path="D:/a b", content="unused"), content)
        assert read(payload.encode("ascii")).settings["content"] == content

    @given(st.data())
    def test_one_that_was_cut_short_does_not_run(self, data: st.DataObject) -> None:
        whole = script_payload("measure-memory", {"a": "b"}).encode()
        with pytest.raises(DamagedError):
            read(whole[: data.draw(st.integers(0, len(whole) - 1))])

    @given(st.data())
    def test_one_that_lost_something_on_the_way_does_not_run(self, data: st.DataObject) -> None:
        whole = script_payload("measure-memory", {"a": "b"}).encode()
        start = data.draw(st.integers(0, len(whole) - 2))
        end = data.draw(st.integers(start + 1, len(whole) - 1))
        with pytest.raises(DamagedError):
            read(whole[:start] + whole[end:])

    def test_it_is_one_json_object_of_which_a_preview_shows_the_differences(self) -> None:
        """Pulumi shows the differences of two JSON texts value by value, and of a text line by line."""
        values = json.loads(WINDOWS.file_payload(HostFile(path="D:/a", content=""), "one\ntwo\n"))
        assert set(values) == {"sha256", "length", "settings", "script"}
        assert values["settings"]["content"] == "one\ntwo\n"

    @pytest.mark.parametrize("name", ["", "Upper", "1st", "with-hyphen", "with space", "a=b", "é", "host", "input"])
    def test_a_setting_that_is_no_variable_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="use lower-case letters, digits and underscores"):
            script_payload("preflight", {name: "value"})

    @pytest.mark.parametrize("value", ["two\nlines", "\n", "nul\0"])
    def test_a_value_of_several_lines_is_refused_and_not_shown(self, value: str) -> None:
        with pytest.raises(ValueError, match="has more than one line; pass it as a file") as caught:
            script_payload("preflight", {"password": value})
        assert value not in str(caught.value)

    def test_the_largest_file_is_within_what_5_1_reads_as_json(self) -> None:
        """Its JavaScriptSerializer takes 2,097,152 characters."""
        largest = max((PLACE.parent / "runtime").glob("*.txt"), key=lambda path: path.stat().st_size)
        assert len(WINDOWS.file_payload(HostFile(path="D:/a", content=""), largest.read_text())) < 2_000_000


class TestWhoMayReadAFile:
    @pytest.mark.parametrize(
        ("file", "readers"),
        [
            (HostFile(path="C:/a", content=""), "S-1-5-32-545"),
            (HostFile(path="C:/a", content="", mode="0755"), "S-1-5-32-545"),
            (HostFile(path="C:/a", content="", mode="0600"), ""),
            (
                HostFile(path="C:/a", content="", mode="0600", owner="prefect", service="TrustedInstaller"),
                "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
            ),
        ],
        ids=["everybody", "programs", "administrators", "one-service"],
    )
    def test_it_is_told_by_mode_and_service(self, file: HostFile, readers: str) -> None:
        assert read(WINDOWS.file_payload(file, "").encode()).settings["readers"] == readers
