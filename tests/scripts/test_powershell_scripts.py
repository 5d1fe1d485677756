"""Every script for Windows can be parsed, and keeps to what Windows PowerShell 5.1 has.

None of them runs here: what is told is told of the syntax tree.
"""

import re
from pathlib import Path

import pytest

from components.platforms.powershell import TAKEN
from tests.scripts.powershell import PARSER, Script
from tests.scripts.powershell_commands import COMMANDS, GIVEN, PROGRAMS, SETTINGS
from tests.settings.stack_file import CHECKOUT

PLACE = CHECKOUT / "scripts" / "windows"
BOOTSTRAP = Script(PLACE / "bootstrap.ps1")
PRELUDE = Script(PLACE / "prelude.ps1")
SCRIPTS = [Script(path) for path in sorted(PLACE.glob("*.ps1"))]
CALLED = [script for script in SCRIPTS if script.path.stem not in {"bootstrap", "list-drift", "prelude"}]
WORDS_OF_PROGRAMS = [Script(PLACE / "programs" / f"{name}.ps1") for name in ("programs", "backups")]
PROGRAMS_ON_HOSTS = [Script(path) for path in sorted((PLACE / "programs").glob("*.ps1"))]


def name(script: Script) -> str:
    return script.path.name


@pytest.mark.parametrize("script", [*SCRIPTS, *PROGRAMS_ON_HOSTS], ids=name)
class TestEveryScript:
    def test_it_is_plain_text_whatever_code_page_reads_it(self, script: Script) -> None:
        assert script.text.isascii()
        assert b"\r" not in script.text
        assert b"\t" not in script.text

    def test_it_can_be_parsed(self, script: Script) -> None:
        assert script.syntax_errors == []

    def test_a_parenthesis_in_an_expression_in_a_text_has_its_other_half(self, script: Script) -> None:
        assert script.unbalanced_expressions == []

    def test_its_lines_are_short_enough_to_be_read(self, script: Script) -> None:
        limit = 220  # sentences of messages are not broken
        assert [line for line in script.text.decode().splitlines() if len(line) > limit and "http" not in line] == []

    def test_it_calls_what_there_is(self, script: Script) -> None:
        known = {command.lower() for command in COMMANDS} | PRELUDE.functions | script.functions
        if script in PROGRAMS_ON_HOSTS:
            known = known.union(*(words.functions for words in WORDS_OF_PROGRAMS))
        assert [call for call in script.calls if call.name.lower() not in known] == []

    def test_its_commands_have_these_parameters_in_5_1(self, script: Script) -> None:
        parameters = {command.lower(): {one.lower() for one in has} for command, has in COMMANDS.items()}
        wrong = [
            (call, one)
            for call in script.calls
            for one in call.parameters
            if one.lower() not in parameters.get(call.name.lower(), set())
        ]
        assert wrong == []

    def test_its_programs_are_windows_own_and_named_whole(self, script: Script) -> None:
        quoted = {text.strip("'\"") for _, text in script.strings if re.fullmatch(r"['\"][\w-]+\.exe['\"]", text)}
        assert quoted - {"conhost.exe"} <= PROGRAMS

    def test_it_reads_no_variable_that_nobody_sets(self, script: Script) -> None:
        settings = {
            *SETTINGS.get(script.path.stem, set()),
            *(GIVEN if script.path.stem != "bootstrap" else {"function"}),
        }
        if script in PROGRAMS_ON_HOSTS:
            settings = {"psscriptroot"}.union(*(words.set_variables for words in WORDS_OF_PROGRAMS))
        assert script.variables - script.set_variables - PRELUDE.set_variables - settings == set()

    def test_a_colon_after_a_variable_in_a_text_is_no_scope(self, script: Script) -> None:
        r"""`"$name: text"` is an error of syntax that the grammar lets pass."""
        assert [
            text for _, text in script.strings if re.search(r'^@?".*\$[A-Za-z_]\w*:(?!:)', text) and "$env:" not in text
        ] == []

    def test_it_has_no_syntax_that_came_after_5_1(self, script: Script) -> None:
        assert re.findall(r"&&|\|\||\?\?|\?\.|-Parallel\b|\bclean\s*\{", script.code) == []

    def test_it_writes_no_files_by_commands_that_add_marks_or_change_encodings(self, script: Script) -> None:
        assert re.findall(r"Out-File|Set-Content|Add-Content|Tee-Object|(?<![0-9&])>{1,2}(?!&)", script.code) == []

    def test_it_prints_nothing_beside_its_lines(self, script: Script) -> None:
        assert re.findall(r"Write-(Host|Output|Error|Warning|Verbose|Information)", script.code) == []

    def test_it_builds_no_code_from_text(self, script: Script) -> None:
        found = re.findall(r"Invoke-Expression|\biex\b|\[ScriptBlock\]::Create", script.code, re.IGNORECASE)
        assert found == (["[ScriptBlock]::Create"] if script.path.stem in {"bootstrap", "list-drift"} else [])

    def test_its_times_follow_nobodys_calendar(self, script: Script) -> None:
        """Any format but `s` has the year 2569 where Windows speaks Thai, unless it is told otherwise."""
        formats = re.findall(r"\.ToString\((.*?)\)", script.text.decode())
        assert [one for one in formats if one != "'s'" and not one.endswith("$invariant")] == []

    def test_it_removes_directories_without_following_what_is_in_them(self, script: Script) -> None:
        assert "Remove-Item" not in script.code

    def test_accounts_are_named_by_their_sids(self, script: Script) -> None:
        assert [
            text for _, text in script.strings if re.search(r"BUILTIN|NT AUTHORITY|Administrators:|Everyone", text)
        ] == []

    def test_programs_are_started_in_one_place_which_limits_their_time(self, script: Script) -> None:
        """`& PROGRAM` has no limit, loses quotes, and ends the script at the first line of an error."""
        assert script.code.count("Process]::Start(") == (1 if script.path.stem == "prelude" else 0)
        assert "2>" not in script.code
        assert [call for call in script.calls if call.name.endswith(".exe")] == []

    def test_access_can_be_given_to_services_that_are_not_there_yet(self, script: Script) -> None:
        """icacls.exe refuses their SIDs: "No mapping between account names and security IDs was done"."""
        assert "'icacls.exe'" not in script.text.decode()
        entries = set(re.findall(r"\(A;(\w*);(\w+);;;", script.text.decode()))
        assert entries <= {(inherited, rights) for inherited in ("", "OICI") for rights in ("FA", "FR", "FRFX")}

    def test_what_is_moved_or_removed_may_be_held_for_a_moment(self, script: Script) -> None:
        """By an antivirus program, or by a process that is about to end."""
        found = re.findall(r"Move-Item|\]::Move\(|Directory\]::Delete\(\$path, \$true", script.code)
        assert len(found) == (3 if script.path.stem == "prelude" else 0)


@pytest.mark.parametrize("script", CALLED, ids=name)
class TestEveryCalledScript:
    def test_it_has_create(self, script: Script) -> None:
        assert "create" in script.functions

    def test_it_ends_with_a_word_that_pulumi_shows(self, script: Script) -> None:
        assert {"changed", "unchanged"} & {call.name for call in script.calls}

    def test_each_of_its_functions_is_used(self, script: Script) -> None:
        text = script.text.decode().lower()
        used = {
            function for function in script.functions if len(re.findall(rf"(?<![\w-]){function}(?![\w-])", text)) > 1
        }
        by_name = {
            function
            for function in script.functions
            if script.path.stem == "preflight" and function.startswith("test-")
        }
        assert script.functions - used - by_name <= {"create", "delete", "drift"}

    def test_it_has_the_name_of_a_script_for_linux(self, script: Script) -> None:
        others = {path.stem for place in ("linux", "posix") for path in (CHECKOUT / "scripts" / place).glob("*.sh")}
        # a proxy on Linux is nginx, one on Windows Caddy
        own = {"file", "service-account", "install-caddy", "caddy-site", "caddy-certificate"}
        assert script.path.stem in others | own

    def test_its_settings_can_be_variables(self, script: Script) -> None:
        assert SETTINGS[script.path.stem] & (TAKEN | BOOTSTRAP.set_variables) == set()


def test_nothing_is_told_beside_the_errors_which_would_make_them_xml() -> None:
    for stream in ("Progress", "Warning"):
        assert f"${stream}Preference = 'SilentlyContinue'" in BOOTSTRAP.text.decode()


def test_standard_input_is_left_to_the_payload() -> None:
    """PowerShell reads it line by line itself, beside the bootstrap, if that speaks of `$input`."""
    assert "input" not in BOOTSTRAP.variables


def test_every_check_of_the_preflight_is_there() -> None:
    preflight = Script(PLACE / "preflight.ps1")
    (listed,) = re.findall(r"foreach \(\$check in (.+)\) \{", preflight.text.decode())
    assert {f"test-{check}" for check in re.findall(r"'(\w+)'", listed.lower())} <= preflight.functions


@pytest.mark.parametrize(
    "text",
    ["function a {", "if ($a) { 'b' } else", "$a = $b ? 1 : 2", "'never ends"],
)
def test_a_script_that_is_no_powershell_is_found(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.ps1"
    path.write_text(text)
    assert Script(path).syntax_errors != []
    assert PARSER.parse(b"").root_node is not None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"$(Get-Date) of $($a -split "," | Sort-Object)"', 0),
        ("\"$($a -split '(?=,)')\"", 0),
        ("\"$($a -split '\\(')\"", 1),
        ("\"$($a -split '\\)(')\"", 1),
        ("$($a -split '\\(')", 0),
    ],
)
def test_an_expression_that_powershell_ends_elsewhere_is_found(text: str, found: int, tmp_path: Path) -> None:
    path = tmp_path / "unbalanced.ps1"
    path.write_text(text)
    assert len(Script(path).unbalanced_expressions) == found
