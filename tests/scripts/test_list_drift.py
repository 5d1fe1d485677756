"""What a host says of itself: each way in which a file or what a script left can differ, in words."""

import hashlib
import json
import os
import pwd
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.platforms import SCRIPTS, LastRun, Linux, Local
from components.platforms.contract import HostFile

ME = pwd.getpwuid(os.geteuid()).pw_name


def ask(things: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Ask as a platform does."""
    command = Local("/srv").drift([]).command
    ended = subprocess.run(
        ["/bin/sh", "-c", command], input=json.dumps(things), capture_output=True, text=True, check=True, timeout=60
    )
    answer: dict[str, dict[str, str]] = json.loads(ended.stdout)
    return answer


def told(path: Path, **changes: str) -> str:
    """Return what is said of a file that should be `0640`, of whoever runs this, and hold `text`."""
    wished = {"path": str(path), "mode": "0640", "owner": ME, "sha256": hashlib.sha256(b"text").hexdigest(), **changes}
    answer = ask({"file": wished})
    assert answer["failures"] == {}
    return answer["differences"].get("file", "").removeprefix(f"{path}: ")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "it's a $file.conf é"
    path.write_text("text")
    path.chmod(0o640)
    return path


class TestFiles:
    def test_one_as_it_should_be_is_not_named(self, file: Path) -> None:
        assert told(file) == ""

    @pytest.mark.parametrize("mode", ["640", "0640", "00640"])
    def test_a_mode_is_a_number(self, file: Path, mode: str) -> None:
        assert told(file, mode=mode) == ""

    def test_content(self, file: Path) -> None:
        file.write_text("text\n")
        assert told(file) == "content"

    def test_mode(self, file: Path) -> None:
        file.chmod(0o4600)
        assert told(file) == "mode 4600 instead of 0640"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_owner(self, file: Path) -> None:
        os.chown(file, pwd.getpwnam("nobody").pw_uid, -1)
        assert told(file) == f"owner nobody instead of {ME}"
        os.chown(file, 54321, -1)
        assert told(file) == f"owner 54321 instead of {ME}"

    def test_an_owner_who_is_not_there_cannot_be_missed(self, file: Path) -> None:
        assert told(file, owner="nobody-of-that-name") == ""

    def test_several_at_once(self, file: Path) -> None:
        file.write_text("")
        file.chmod(0o600)
        assert told(file) == "content, mode 0600 instead of 0640"

    def test_missing(self, file: Path, tmp_path: Path) -> None:
        assert told(tmp_path / "none") == "missing"
        assert told(file / "below a file") == "missing"

    def test_a_link_or_a_directory_is_no_file(self, file: Path, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(file)
        assert told(link) == "not a regular file"
        assert told(tmp_path) == "not a regular file"


class TestCommands:
    def test_every_line_that_it_prints_is_a_difference(self) -> None:
        answer = ask({"a": {"command": ["cat"], "stdin": "one\ntwo é\n"}, "b": {"command": ["true"], "stdin": ""}})
        assert answer == {"differences": {"a": "one, two é"}, "failures": {}}

    def test_one_that_fails_says_nothing_of_the_host(self) -> None:
        answer = ask({"a": {"command": ["sh", "-c", "echo half; echo why >&2; exit 1"], "stdin": ""}})
        assert answer == {"differences": {}, "failures": {"a": "why"}}

    def test_one_that_is_not_there_hinders_no_other(self) -> None:
        answer = ask({"a": {"command": ["no-such-program"], "stdin": ""}, "b": {"command": ["cat"], "stdin": "b"}})
        assert answer["differences"] == {"b": "b"}
        assert "no-such-program" in answer["failures"]["a"]


@pytest.mark.parametrize("platform", [Linux(), Local("/srv")], ids=lambda platform: platform.name)
class TestWhatIsAsked:
    def things(self, platform: Linux | Local, create: str, stdin: str) -> Any:
        question = platform.drift([LastRun(name="a", create=create, stdin=stdin)])
        assert stdin.strip() not in question.command
        return json.loads(question.stdin)

    @pytest.mark.parametrize("times", [0, 7])
    def test_a_file(self, platform: Linux | Local, times: int) -> None:
        create = platform.file(HostFile(path="/etc/it's here", content="", mode="0600", owner="prefect")).repaired(
            times
        )
        sha256 = hashlib.sha256("sécret".encode()).hexdigest()
        assert self.things(platform, create.create, "sécret") == {
            "a": {"path": "/etc/it's here", "mode": "0600", "owner": "prefect", "sha256": sha256}
        }

    @pytest.mark.parametrize("times", [0, 7])
    def test_a_script_as_it_was_run(self, platform: Linux | Local, times: int) -> None:
        stdin = "service=web\n\ncreate() { :; }\ndrift() { echo it is $service; }\n"
        (thing,) = self.things(platform, platform.script("service").repaired(times).create, stdin).values()
        assert ask({"a": thing})["differences"] == {"a": "it is web"}

    def test_a_script_that_knows_no_drift_is_not_asked(self, platform: Linux | Local) -> None:
        assert self.things(platform, platform.script("preflight").create, "\ncreate() { :; }\n") == {}


ONCE = {
    *("preflight", "preflight-packages", "measure-memory"),
    *("backup-database", "migrate-prefect-database", "drain-worker"),
    *("services", "create-postgresql-cluster"),
}
"""Scripts that only look, do something once, or hold data, which nobody declares."""


@pytest.mark.parametrize("platform", [Linux(), Local("/srv")], ids=lambda platform: platform.name)
def test_every_script_that_leaves_something_declared_knows_drift(platform: Linux | Local) -> None:
    places = [SCRIPTS / place for place in (platform.name, "posix")]
    scripts = {path.stem for place in places for path in place.glob("*.sh")} - {"prelude"}
    knowing = {name for name in scripts if re.search(r"^drift\(\)", platform.payload(name, {}), re.MULTILINE)}
    assert scripts - knowing == scripts & ONCE
