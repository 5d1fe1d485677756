"""The whole set-up of a checkout, with a virtual environment that is real and a Pulumi that is not."""

import errno
import fcntl
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

from tests.toolchain.checkout import Environ, call, command, make_checkout, names, put_program
from toolchain import commands, stamp, virtualenv
from toolchain.errors import ToolchainError
from toolchain.layout import Layout

PULUMI = 'if [ "$1" = version ]; then echo v3.999.0; else echo "pulumi $*"; fi'


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return a checkout that is set up, in a directory whose name needs quoting."""
    layout = furnished(tmp_path_factory.mktemp("ready") / "it's $a clone")
    first = call(layout, surroundings(layout), *command("env"))
    assert first.returncode == 0, first.stderr
    assert first.stderr == "Python libraries into .local/venv (about 20 seconds)\n"
    return layout


def furnished(root: Path) -> Layout:
    """Return a checkout beside a directory of programs: Pulumi and its plugins."""
    programs = root.parent / "programs"
    put_program(programs, "pulumi", PULUMI)
    for name in ("pulumi-language-python", "pulumi-resource-command", "pulumi-resource-postgresql"):
        put_program(programs, name, "")
    return make_checkout(root)


def surroundings(layout: Layout) -> Environ:
    """Return an environment with these programs, and without a package index or a home."""
    return {"PATH": f"{layout.root.parent}/programs:/usr/bin:/bin", "PIP_INDEX_URL": "http://127.0.0.1:9"}


def content(directory: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


def test_a_second_run_says_nothing_and_changes_nothing(ready: Layout) -> None:
    before = content(ready.venv) | content(ready.stamps)
    again = call(ready, surroundings(ready), *command("env"))
    assert (again.returncode, again.stderr) == (0, "")
    assert content(ready.venv) | content(ready.stamps) == before


def test_make_prints_settings_that_a_shell_can_evaluate(ready: Layout) -> None:
    script = 'settings=$(make -s env PYTHON="$1") && eval "$settings" && command -v python && pulumi stack ls'
    shell = call(ready, surroundings(ready), "/bin/sh", "-c", script, "sh", command()[0])
    assert shell.stdout.splitlines() == [f"{ready.venv}/bin/python", "pulumi stack ls"], shell.stderr


def test_a_program_is_run_with_the_settings_and_its_exit_status_is_kept(ready: Layout) -> None:
    script = 'echo "$PULUMI_HOME"; exit 7'
    result = call(ready, surroundings(ready), *command("run", "sh", "-c", script))
    assert (result.returncode, result.stdout) == (7, f"{ready.pulumi_home}\n")


def test_nothing_is_written_to_the_home_of_the_user(ready: Layout, tmp_path: Path) -> None:
    result = call(ready, {**surroundings(ready), "HOME": str(tmp_path)}, *command("--tests", "env"))
    assert result.returncode == 0, result.stderr
    assert names(tmp_path) == set()


def test_a_second_set_up_waits_for_the_first(ready: Layout) -> None:
    with (ready.local / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            command("env"),
            cwd=ready.root,
            env=surroundings(ready),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "Waiting for another set-up of this checkout to end\n"
            assert second.poll() is None, "it did not wait"
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(30) == 0


def interrupted_build(ready: Layout, programs: Path, interruption: str) -> tuple[int, str]:
    """Set up with a Go that interrupts it; returns exit status and output."""
    put_program(programs, "pulumi", "echo v3.0.0")
    put_program(programs, "go", f'[ "$1" != version ] || {{ echo go version go1.99.0; exit; }}\n{interruption}')
    environ = {**surroundings(ready), "PATH": f"{programs}:/usr/bin:/bin"}
    output = programs / "output"  # a pipe would be kept open by what outlives the set-up
    with output.open("w") as file:
        status = subprocess.call(command("env"), cwd=ready.root, env=environ, stdout=file, stderr=file)
    return status, output.read_text()


@pytest.mark.parametrize("signal", ["INT", "TERM", "KILL"])
def test_a_set_up_that_is_interrupted_goes_on_where_it_stopped(ready: Layout, programs: Path, signal: str) -> None:
    status, said = interrupted_build(ready, programs, f"kill -{signal} $PPID; sleep 0.2; exit 1")
    assert status != 0
    assert "Traceback" not in said
    assert ("Interrupted. The same command goes on" in said) == (signal != "KILL")

    again = call(ready, surroundings(ready), *command("env"))
    assert again.returncode == 0, again.stderr
    assert "Python libraries" not in again.stderr, "what was done is done again"


def test_an_installer_that_outlives_a_killed_set_up_is_waited_for(ready: Layout, programs: Path) -> None:
    interrupted_build(ready, programs, 'kill -KILL $PPID; sleep 1; touch "$GOPATH/finished"')
    assert not (ready.go / "finished").exists(), "the installer had ended already"
    with stamp.only_one(ready.local / "lock"):
        assert (ready.go / "finished").exists(), "the lock was free while the installer still ran"


def test_clean_keeps_everything_that_cannot_be_made_again(tmp_path: Path) -> None:
    layout = make_checkout(tmp_path / "clone")
    for kept in (layout.passphrase, layout.state / "stack", layout.pulumi_home / "credentials.json"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch()
    for removed in (layout.venv, layout.bin, layout.pulumi_home / "plugins"):
        removed.mkdir()

    assert commands.clean(layout) == 0

    assert names(layout.local) == {"lock", "passphrase", "state", "pulumi"}
    assert names(layout.pulumi_home) == {"credentials.json"}


def test_another_system_is_told_what_to_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert commands.main(["env"]) == 1
    assert capsys.readouterr().err == "error: Windows is not supported: use Linux, macOS, or WSL on Windows.\n"


def test_a_directory_that_path_cannot_hold_is_refused(tmp_path: Path) -> None:
    layout = make_checkout(tmp_path / "a:b")
    result = call(layout, surroundings(layout), *command("env"))
    assert result.returncode == 1
    assert "has a colon in its name" in result.stderr


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "error: /clone/.local cannot be written: give yourself the right, or clone elsewhere."),
        (errno.ENOSPC, "error: the disk that holds .* is full: more space is needed. Free some"),
        (errno.ENOENT, "error: No such file or directory: /clone/.local"),
    ],
)
def test_an_error_of_the_system_is_told_in_one_line(
    number: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_options: object, _layout: Layout) -> int:
        raise OSError(number, os.strerror(number), "/clone/.local")

    monkeypatch.setattr(commands, "run", fail)
    assert commands.main(["env"]) == 1
    assert re.match(told, capsys.readouterr().err)


def test_an_index_that_is_out_of_reach_is_told_in_one_line(ready: Layout, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"httpx==0.28.1 --hash=sha256:{'0' * 64}\n")
    ready.temporary.mkdir(exist_ok=True)
    with pytest.raises(ToolchainError, match="no route to the registry"):
        virtualenv.install(ready, ready.venv / "bin" / "python", ["-r", str(lock)], surroundings(ready))
