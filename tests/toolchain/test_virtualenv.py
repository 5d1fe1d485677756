"""How the Python libraries get into the checkout, and what is said if they do not."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.toolchain.checkout import Environ, Stub
from toolchain import virtualenv
from toolchain.errors import ToolchainError
from toolchain.layout import Layout


@pytest.fixture
def python(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for a Python whose `-m venv` copies it, and whose `-m pip` notes what it is asked."""
    stand_in = stub(
        "python",
        'echo "$*" >>"${0%/*}/calls"\nif [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi',
    )
    monkeypatch.setattr(sys, "_base_executable", str(stand_in), raising=False)
    return stand_in


def ensure(layout: Layout, environ: Environ) -> None:
    virtualenv.ensure(layout, layout.venv, [layout.requirements], environ)


def pip_calls(layout: Layout) -> int:
    calls = layout.venv / "bin" / "calls"
    return calls.read_text().count("pip install")


@pytest.mark.usefixtures("python")
def test_only_locked_wheels_are_installed(layout: Layout, environ: Environ) -> None:
    ensure(layout, environ)
    call = (layout.venv / "bin" / "calls").read_text()
    assert "--require-hashes" in call
    assert "--only-binary=:all:" in call
    assert f"-r {layout.requirements}" in call


@pytest.mark.usefixtures("python")
def test_a_second_run_installs_nothing(layout: Layout, environ: Environ) -> None:
    ensure(layout, environ)
    ensure(layout, environ)
    assert pip_calls(layout) == 1


@pytest.mark.usefixtures("python")
def test_an_interrupted_installation_starts_again_from_nothing(
    layout: Layout, environ: Environ, capsys: pytest.CaptureFixture[str]
) -> None:
    half = layout.venv / "lib" / "half-installed.py"
    half.parent.mkdir(parents=True)
    half.touch()

    ensure(layout, environ)

    assert not half.exists(), "the remains of the interrupted run are still there"
    assert pip_calls(layout) == 1
    assert "Python libraries into .local/venv" in capsys.readouterr().err


@pytest.mark.usefixtures("python")
def test_a_changed_lock_is_installed(layout: Layout, environ: Environ) -> None:
    ensure(layout, environ)
    with layout.requirements.open("a") as lock:
        lock.write("# changed\n")
    assert virtualenv.contents(layout.venv, [layout.requirements]) != (layout.venv / "installed").read_text()
    ensure(layout, environ)
    assert virtualenv.contents(layout.venv, [layout.requirements]) == (layout.venv / "installed").read_text()


@pytest.mark.usefixtures("python")
def test_a_virtual_environment_whose_python_was_removed_is_made_again(layout: Layout, environ: Environ) -> None:
    ensure(layout, environ)
    (layout.venv / "bin" / "python").unlink()
    ensure(layout, environ)
    assert (layout.venv / "bin" / "python").exists()


def test_a_python_without_venv_is_told_how_to_get_it(
    layout: Layout, environ: Environ, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(ToolchainError, match=f"{python} cannot make virtual environments.*apt install python3-venv"):
        ensure(layout, environ)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk that holds .* is full"),
        ("NewConnectionError('Failed to establish a new connection')", "no route to the registry.*PIP_INDEX_URL"),
        ("ERROR: No matching distribution found for x==1", "No matching distribution found for x==1"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "DO NOT MATCH THE HASHES"),
    ],
)
def test_an_error_of_pip_is_told_in_one_line(
    layout: Layout, environ: Environ, stub: Stub, said: str, told: str
) -> None:
    pip = stub("python", f'echo "{said}" >&2; exit 1')
    with pytest.raises(ToolchainError, match=told) as error:
        virtualenv.install(layout, pip, ["anything"], environ)
    assert "\n" not in str(error.value)


def test_pip_keeps_the_configuration_of_the_user_and_the_home_untouched(layout: Layout) -> None:
    env = virtualenv.pip_environment(layout, {"PIP_INDEX_URL": "http://mirror", "PIP_RETRIES": "9", "HOME": "/home/a"})
    assert (env["PIP_INDEX_URL"], env["PIP_RETRIES"], env["HOME"]) == ("http://mirror", "9", "/home/a")
    assert env["PIP_NO_CACHE_DIR"] == "1"
    assert env["TMPDIR"] == str(layout.temporary)


def test_the_library_for_azure_is_only_for_checkouts_that_have_a_stack_there(layout: Layout) -> None:
    stack_file = layout.root / "Pulumi.prod.yaml"
    stack_file.write_text("config:\n  prefect-selfhost:hosts: {}\n  # prefect-selfhost:azure: was there once\n")
    assert layout.program_requirements == [layout.requirements]

    stack_file.write_text("config:\n  prefect-selfhost:azure:\n    location: westeurope\n")
    assert layout.program_requirements == [layout.requirements, layout.azure_requirements]
