"""How scripts and files travel, tried with a real bash: what is sent arrives as it was, and nothing in it is run."""

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from components.platforms import HostFile, Local
from components.platforms.bash import BOOTSTRAP, file_commands, script_payload
from tests.settings.stack_file import CHECKOUT

AWKWARD = [
    "",
    "plain",
    "two words",
    "  blanks at both ends  ",
    "\ttab\t",
    "it's",
    'say "hi"',
    "$HOME ${HOME} $(touch ran) `touch ran`",
    "; touch ran; #",
    "'; touch ran; '",
    "back\\slash \\n \\",
    "a=b=c",
    "=",
    "%s %d %%",
    "*?[a-z]~",
    "é ü 日本 🐛",
    "!history",
    "\r carriage return",
    "-n",
    "x" * 100_000,
]


def bootstrap(payload: str, function: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", BOOTSTRAP, "a-script", function],
        input=payload,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )


class TestPayload:
    def test_it_is_the_settings_an_empty_line_and_the_text_of_the_script(self) -> None:
        settings, _, text = script_payload("preflight", "local", {"root": "/srv", "ports": ""}).partition("\n\n")

        assert settings == "root=/srv\nports="
        assert text.startswith("# shellcheck shell=bash\n")
        assert text.endswith((CHECKOUT / "scripts/local/preflight.sh").read_text())

    def test_local_adds_where_the_host_and_the_scripts_are(self) -> None:
        settings = Local("/srv").payload("preflight", {"ports": "a=1"}).partition("\n\n")[0]
        assert sorted(settings.splitlines()) == ["ports=a=1", "root=/srv", f"scripts={CHECKOUT / 'scripts'}"]

    @pytest.mark.parametrize("name", ["", "Upper", "1st", "with-hyphen", "with space", "a=b", "x;touch ran", "é"])
    def test_a_setting_that_is_no_variable_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="use lower-case letters, digits and underscores"):
            script_payload("preflight", "local", {name: "value"})

    @pytest.mark.parametrize("value", ["two\nlines", "\n", "nul\0"])
    def test_a_value_of_several_lines_is_refused_and_not_shown(self, value: str) -> None:
        with pytest.raises(ValueError, match="has more than one line; pass it as a file") as caught:
            script_payload("preflight", "local", {"password": value})
        assert value not in str(caught.value)


class TestBootstrap:
    @pytest.mark.parametrize("value", AWKWARD, ids=lambda value: value[:20])
    def test_a_setting_arrives_unchanged_and_is_not_run(self, value: str, tmp_path: Path) -> None:
        payload = f'first={value}\nsecond={value}\n\ncreate() {{ printf \'%s|%s\' "$first" "$second"; }}\n'

        ended = subprocess.run(
            ["bash", "-c", BOOTSTRAP, "a-script", "create"],
            input=payload.encode(),
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert ended.stdout.decode() == f"{value}|{value}"
        assert not list(tmp_path.iterdir())

    def test_settings_are_not_in_the_environment_of_what_the_script_starts(self, tmp_path: Path) -> None:
        ended = bootstrap("password=hunter2\n\ncreate() { env; }\n", "create", tmp_path)

        assert ended.returncode == 0
        assert "hunter2" not in ended.stdout

    def test_the_function_asked_for_is_the_one_that_runs(self, tmp_path: Path) -> None:
        text = "a=1\n\ncreate() { echo created; }\ndelete() { echo deleted; }\n"

        assert bootstrap(text, "create", tmp_path).stdout == "created\n"
        assert bootstrap(text, "delete", tmp_path).stdout == "deleted\n"

    def test_without_settings_the_script_runs_too(self, tmp_path: Path) -> None:
        assert bootstrap("\ncreate() { echo created; }\n", "create", tmp_path).stdout == "created\n"

    def test_a_script_that_reads_its_input_finds_none(self, tmp_path: Path) -> None:
        """Or a program that asks something would wait for ever, or take the script's own text for an answer."""
        ended = bootstrap('a=1\n\ncreate() { cat; echo "end: $?"; }\n', "create", tmp_path)
        assert ended.stdout == "end: 0\n"

    def test_a_failing_script_fails_at_the_command_that_failed(self, tmp_path: Path) -> None:
        ended = bootstrap("a=1\n\nset -euo pipefail\ncreate() { false; echo too far; }\n", "create", tmp_path)
        assert (ended.returncode, ended.stdout) == (1, "")

    @pytest.mark.parametrize("cut", range(1, 60, 7))
    def test_a_payload_that_was_cut_short_fails_and_does_nothing(self, cut: int, tmp_path: Path) -> None:
        payload = "a=1\nb=two\n\nset -e\nhelp() { :; }\ncreate() {\n  touch ran\n}\n"
        ended = bootstrap(payload[:-cut], "create", tmp_path)

        if cut > 1:  # the last line break may be missing
            assert ended.returncode != 0
            assert not (tmp_path / "ran").exists()

    def test_no_payload_at_all_fails(self, tmp_path: Path) -> None:
        assert bootstrap("", "create", tmp_path).returncode != 0


def write(path: Path, content: str, mode: str = "0644") -> subprocess.CompletedProcess[bytes]:
    command = file_commands(HostFile(path=str(path), content="unused", mode=mode, owner="root")).create
    return subprocess.run(["sh", "-c", command], input=content.encode(), capture_output=True, check=False)


class TestWriteFile:
    @pytest.mark.parametrize(
        "content",
        [
            "",
            "a line\n",
            "no line break at the end",
            "\n\n\n",
            "a\r\nb\r\n",
            "\x01\x02\x1b[0m\x7f",
            "é 日本 🐛\n",
            "x" * 200_000,
        ],
        ids=["empty", "line", "no-break", "breaks", "crlf", "control", "unicode", "long"],
    )
    def test_the_content_arrives_byte_for_byte(self, content: str, tmp_path: Path) -> None:
        ended = write(tmp_path / "a.conf", content)

        assert (ended.returncode, ended.stderr) == (0, b"")
        assert (tmp_path / "a.conf").read_bytes() == content.encode()

    @pytest.mark.parametrize("mode", ["0600", "0644", "0755"])
    def test_the_mode_is_exact_also_for_a_file_that_is_there(self, mode: str, tmp_path: Path) -> None:
        path = tmp_path / "a.conf"
        path.write_text("before")
        path.chmod(0o777)
        write(path, "after", mode)

        assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)

    def test_directories_are_made_so_that_services_can_pass(self, tmp_path: Path) -> None:
        before = os.umask(0o077)
        try:
            write(tmp_path / "one" / "two" / "a.conf", "content", "0600")
        finally:
            os.umask(before)
        assert {stat.S_IMODE((tmp_path / part).stat().st_mode) for part in ("one", "one/two")} == {0o755}

    def test_it_says_whether_it_changed_anything(self, tmp_path: Path) -> None:
        path = tmp_path / "a.conf"

        changed = rf"changed: {re.escape(str(path))}, \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"

        assert re.fullmatch(changed, write(path, "one\n").stdout.decode())
        assert write(path, "one\n").stdout.decode() == f"unchanged: {path}\n"
        assert re.fullmatch(changed, write(path, "two\n").stdout.decode()), "who reads it is told each time"

    def test_a_reader_never_sees_half_a_file(self, tmp_path: Path) -> None:
        """The file is replaced, not rewritten: whoever has it open keeps the old text to its end."""
        path = tmp_path / "a.conf"
        path.write_text("before")
        with path.open() as reader:
            write(path, "after")
            assert reader.read() == "before"
        assert path.read_text() == "after"
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.conf"]

    def test_a_secret_is_never_readable_by_others_not_even_while_it_is_written(self, tmp_path: Path) -> None:
        path = tmp_path / "a.conf"
        command = file_commands(HostFile(path=str(path), content="", mode="0600")).create
        with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(b"x" * 200_000)  # more than a pipe holds: the file exists when this returns
            half = tmp_path / "a.conf.new"
            assert stat.S_IMODE(half.stat().st_mode) == 0o600
            process.stdin.close()
            assert process.wait(10) == 0

    @pytest.mark.parametrize("name", ["two words.conf", "it's.conf", "$HOME.conf", "-n", "*.conf", "é.conf"])
    def test_any_name_will_do(self, name: str, tmp_path: Path) -> None:
        write(tmp_path / name, "content")
        assert (tmp_path / name).read_text() == "content"

        delete = file_commands(HostFile(path=str(tmp_path / name), content="")).delete
        assert delete is not None
        subprocess.run(shlex.split(delete), check=True)
        assert not list(tmp_path.iterdir())

    def test_deleting_what_is_gone_is_a_success(self, tmp_path: Path) -> None:
        delete = file_commands(HostFile(path=str(tmp_path / "gone"), content="")).delete
        assert delete is not None
        subprocess.run(shlex.split(delete), check=True)

    def test_where_it_cannot_write_it_fails_and_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        ended = write(tmp_path / "file" / "below.conf", "content")

        assert ended.returncode != 0
        assert ended.stderr
