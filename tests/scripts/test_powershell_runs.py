"""The bootstrap, the words of all scripts and the script of files, run by a real PowerShell.

Where that is Windows PowerShell, access lists are real, too; elsewhere they are stubbed.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from components.platforms.contract import LastRun
from components.platforms.powershell import PLACE, command, drift_question, envelope, payload
from components.platforms.windows_service import service_sid
from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, POWERSHELL

pytestmark = NEEDS_POWERSHELL
ON_WINDOWS = pytest.mark.skipif(os.name != "nt", reason="junctions and programs of Windows")
IN_WINDOWS_POWERSHELL = pytest.mark.skipif(
    POWERSHELL != "powershell", reason="access lists are written by .NET Framework, which PowerShell 7 is not made with"
)

STUBS = """
function Set-Access { }
function Get-Acl { [pscustomobject] @{ Sddl = 'the same' } }
"""
"""Access lists are Windows' own; what is right about them can only be seen there."""

PATHS = "" if os.name == "nt" else "function Get-NativePath($path) { $path -replace '^/System32/' }"
"""Paths without drives, which programs are taken for Windows' own by."""

AWKWARD = [
    "",
    "two words",
    "it's",
    'say "hi"',
    "$HOME $(exit 7) `n",
    "back\\slash",
    "é 日本 🐛",
    "\u2019; exit 7",
    "-n",
    "a last line that ends with a backslash\\\n",
    "x" * 100_000,
]


def run(payload: str, function: str = "create") -> subprocess.CompletedProcess[bytes]:
    words = [POWERSHELL, *command(function).split()[1:]]
    return subprocess.run(words, input=payload.encode("ascii"), capture_output=True, check=False, timeout=60)


def test_powershell_itself_can_parse_every_script() -> None:
    scripts = [path.as_posix() for path in PLACE.parent.rglob("*.ps1")]
    code = """
    function create {
        foreach ($file in [string[]] (ConvertFrom-Json $files)) {
            $tokens = $found = $null
            $null = [Management.Automation.Language.Parser]::ParseFile($file, [ref] $tokens, [ref] $found)
            foreach ($one in $found) { [Console]::Out.WriteLine("$file, $($one.Extent.StartLineNumber): $one") }
        }
    }
    """
    ended = run(envelope({"files": json.dumps(scripts)}, code))
    assert len(scripts) > 20
    assert (ended.returncode, ended.stdout.decode(), ended.stderr) == (0, "", b"")


class TestBootstrap:
    @pytest.mark.parametrize("value", AWKWARD, ids=lambda value: value[:12])
    def test_a_setting_arrives_unchanged_and_is_not_run(self, value: str) -> None:
        script = "function create { [Console]::Out.Write($given) }"
        ended = run(envelope({"given": value}, script))
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert ended.stdout.decode() == value

    def test_the_function_asked_for_is_the_one_that_runs(self) -> None:
        script = "function create { [Console]::Out.Write(1) }\nfunction delete { [Console]::Out.Write(2) }"
        assert run(envelope({}, script), "delete").stdout == b"2"

    def test_what_a_script_leaves_over_is_not_printed(self) -> None:
        assert run(envelope({}, "function create { 'left over' }")).stdout == b""

    def test_what_commands_warn_of_is_no_xml_among_the_errors(self) -> None:
        ended = run(envelope({}, "function create { Write-Warning 'Waiting for service'; throw 'error: no room.' }"))
        assert ended.stderr.strip() == b"error: no room."

    def test_a_failure_is_told_plainly(self) -> None:
        ended = run(envelope({}, "function create { throw 'error: no room. Make some.' }"))
        assert (ended.returncode, ended.stderr.strip()) == (1, b"error: no room. Make some.")

    def test_a_variable_that_nobody_set_ends_the_script_and_is_named(self) -> None:
        ended = run(envelope({}, "function create { $nobody_set_this }"))
        assert ended.returncode == 1
        assert ended.stderr.startswith(b"error: ")
        assert b"nobody_set_this" in ended.stderr

    @pytest.mark.parametrize("cut", [1, 30, 60])
    def test_a_payload_that_was_cut_short_fails_and_does_nothing(self, cut: int) -> None:
        ended = run(envelope({}, "function create { [Console]::Out.Write('ran') }")[:-cut])
        assert (ended.returncode, ended.stdout) == (1, b"")
        assert b"arrived" in ended.stderr

    def test_no_payload_at_all_fails(self) -> None:
        assert run("").returncode == 1


class TestPrograms:
    def started(self, program: str, arguments: list[str], *, text: str = "", limit: int = 60) -> tuple[int, str]:
        """Return the exit status of the script, and what the Python `program` printed or why it failed."""
        settings = {"root": "", "python": sys.executable, "program": program, "text": text, "limit": str(limit)}
        script = """
        function create {
            $arguments = [string[]] (ConvertFrom-Json $told)
            $outcome = Get-Outcome $python (@('-c', $program) + $arguments) $text ([int] $limit)
            [Console]::Out.Write($outcome.printed -join "`n")
        }
        """
        prelude = (PLACE / "prelude.ps1").read_text()
        ended = run(envelope({**settings, "told": json.dumps(arguments)}, f"{prelude}\n{PATHS}\n{script}"))
        return ended.returncode, (ended.stdout or ended.stderr).decode()

    def test_arguments_arrive_as_they_are(self) -> None:
        arguments = [argument for argument in AWKWARD if len(argument) < 1000]
        status, printed = self.started("import json, sys; print(json.dumps(sys.argv[1:]))", arguments)
        assert (status, json.loads(printed)) == (0, arguments)

    @pytest.mark.parametrize("text", ["", "SELECT 1;\n", "é 日本 🐛"])
    def test_input_arrives_and_ends(self, text: str) -> None:
        program = "import json, sys; print(json.dumps(sys.stdin.buffer.read().decode()))"
        status, printed = self.started(program, [], text=text)
        assert (status, json.loads(printed)) == (0, text)

    def test_errors_are_not_taken_for_output(self) -> None:
        assert self.started("import sys; print('told'); print('warned', file=sys.stderr)", []) == (0, "told")

    @ON_WINDOWS
    def test_one_that_takes_too_long_is_ended(self) -> None:
        status, told = self.started("import time; time.sleep(60)", [], limit=1)
        assert status == 1
        assert "was ended, as it took more than 1 s" in told


def told(root: Path, code: str, **settings: str) -> str:
    """Return what `code` prints, run with the words of all scripts."""
    prelude = (PLACE / "prelude.ps1").read_text()
    ended = run(envelope({"root": root.as_posix(), **settings}, f"{prelude}\nfunction create {{\n{code}\n}}"))
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout.decode().strip()


class TestDirectories:
    @ON_WINDOWS
    def test_what_a_junction_leads_to_stays_when_the_junction_goes(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "target" / "kept").touch()
        code = """
        New-Directory "$root/place"
        Set-Junction "$root/place/link" "$root/target"
        Write-Line ((Get-JunctionTarget "$root/place/link") -eq "$root/target")
        Remove-Directory "$root/place"
        """
        assert told(tmp_path, code) == "True"
        assert (tmp_path / "target" / "kept").exists()
        assert not (tmp_path / "place").exists()

    def test_of_an_archive_what_is_asked_for_is_there(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in ("pgsql/bin/postgres.exe", "pgsql/pgAdmin 4/python.exe", "pgsql/lib/"):
                archive.writestr(name, "")
        told(tmp_path, 'Expand-Given "$root/a.zip" "$root/out" \'^pgsql/(bin|lib|share)/\'')
        files = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.exe")]
        assert files == ["pgsql/bin/postgres.exe"]

    def test_an_archive_that_takes_too_long_is_told(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("python.exe", "")
        code = 'try { Expand-Given "$root/a.zip" "$root/out" \'\' 0 } catch { Write-Line "$_" }'
        assert "a.zip was not unpacked within 0 s. See what holds it up" in told(tmp_path, code)


@IN_WINDOWS_POWERSHELL
class TestAccess:
    SID = service_sid("prefect-that-is-not-there")

    def test_a_file_can_be_for_a_service_that_is_not_there_yet(self, tmp_path: Path) -> None:
        code = """
        Write-Secret "$root/a" 'secret' $sid
        Write-Line (Test-Access "$root/a" (Get-FileEntries $sid))
        Write-Line (Test-Access "$root/a" (Get-FileEntries ''))
        """
        assert told(tmp_path, code, sid=self.SID).split() == ["True", "False"]

    def test_a_directory_is_for_administrators_and_who_is_added(self, tmp_path: Path) -> None:
        code = """
        New-Directory "$root/d"
        Set-Access "$root/d" $full_access
        Write-Line "first: $(Get-DirectoryDrift "$root/d" $full_access)"
        Add-Access "$root/d" $sid
        Write-Line "then: $(Get-DirectoryDrift "$root/d" $full_access)"
        Write-Line (Get-Access "$root/d")
        """
        first, then, access = told(tmp_path, code, sid=self.SID).splitlines()
        assert first == "first: "
        assert then.endswith("/d: access")
        assert f"(A;OICI;0x1301bf;;;{self.SID})" in access


class TestFile:
    def script(self, path: Path, content: str) -> str:
        texts = [(PLACE / f"{name}.ps1").read_text() for name in ("prelude", "file")]
        settings = {"root": str(path.parent), "path": str(path), "readers": "", "content": content}
        return envelope(settings, "\n".join([*texts, STUBS]))

    @pytest.mark.parametrize("content", ["", "a line\n", "no line break at the end", "a\r\nb\r\n", "é 日本 🐛\n"])
    def test_the_content_arrives_byte_for_byte(self, content: str, tmp_path: Path) -> None:
        path = tmp_path / "below" / "a.conf"
        ended = run(self.script(path, content))
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert ended.stdout.startswith(b"changed: ")
        assert path.read_bytes() == content.encode()
        assert [file.name for file in path.parent.iterdir()] == ["a.conf"]

    def test_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        payload = self.script(tmp_path / "a.conf", "content")
        assert run(payload).stdout.startswith(b"changed: ")
        assert run(payload).stdout.startswith(b"unchanged: ")

    def test_it_is_removed_and_may_be_gone_already(self, tmp_path: Path) -> None:
        payload = self.script(tmp_path / "a.conf", "content")
        run(payload)
        for _ in range(2):
            assert run(payload, "delete").returncode == 0
            assert not (tmp_path / "a.conf").exists()


class TestDrift:
    STUBS = """
    function Test-Access($path, $entries) { $true }
    function Get-ScheduledTask($TaskPath, $TaskName, $ErrorAction) {
        if ($TaskName -ne 'gone') { [pscustomobject] @{ State = 'Ready' } }
    }
    """

    def asked(self, *runs: LastRun) -> dict[str, dict[str, str]]:
        """Return what PowerShell answers to the question that is asked of these."""
        question = json.loads(drift_question(runs).stdin)
        ended = run(envelope(question["settings"], f"{question['script']}\n{self.STUBS}"), "drift")
        assert (ended.returncode, ended.stderr) == (0, b"")
        answer: dict[str, dict[str, str]] = json.loads(ended.stdout)
        return answer

    def file(self, name: str, path: Path, content: str) -> LastRun:
        settings = {"root": "", "path": path.as_posix(), "readers": "", "content": content}
        return LastRun(name=name, create="", stdin=payload("file", settings))

    def timer(self, task: str) -> LastRun:
        texts = [(PLACE / f"{name}.ps1").read_text() for name in ("prelude", "timer")]
        settings = {"root": "D:/a b", "task": task, "schedule": "", "fingerprint": ""}
        return LastRun(name=task, create="", stdin=envelope(settings, "\n".join([*texts, self.STUBS])))

    def test_of_nothing_there_is_none(self) -> None:
        assert self.asked() == {"differences": {}, "failures": {}}

    def test_what_differs_is_told_by_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "same").write_bytes("é\n".encode())
        (tmp_path / "changed").write_text("b")
        files = [
            self.file(f"the {name} file", tmp_path / name, content)
            for name, content in (("same", "é\n"), ("changed", "a"), ("none", "a"))
        ]
        assert self.asked(*files, self.timer("there"), self.timer("gone")) == {
            "differences": {
                "the changed file": f"{(tmp_path / 'changed').as_posix()}: content",
                "the none file": f"{(tmp_path / 'none').as_posix()}: missing",
                "gone": "gone: missing",
            },
            "failures": {},
        }

    def test_one_that_cannot_be_looked_at_hides_no_other(self) -> None:
        broken = LastRun(name="broken", create="", stdin=envelope({}, "function drift { $nobody_set_this }"))
        answer = self.asked(broken, self.timer("gone"))
        assert list(answer["differences"]) == ["gone"]
        assert "nobody_set_this" in answer["failures"]["broken"]
