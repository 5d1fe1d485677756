"""How a command becomes root's on a Linux host, and what is said when it may not."""

import re
import shlex
import subprocess
from pathlib import Path

from components.platforms.linux import PRIVILEGED

SUDO_THAT_LETS = 'shift; echo "sudo" >>log; exec "$@"'
SUDO_THAT_ASKS = 'echo "sudo: a password is required" >&2; exit 1'
REMEDY = (
    "error: ops may not act as root on this host without a password. As root there, install sudo and write into "
    "/etc/sudoers.d/ops: ops ALL=(ALL) NOPASSWD: ALL\n"
)


def run(command: str, directory: Path, *, user_id: int = 1000, sudo: str | None = SUDO_THAT_LETS) -> tuple[int, str]:
    """Run a command as Pulumi does, with its text on stdin; return its exit status and all that it printed."""
    programs = {"id": f'if [ "$1" = -u ]; then echo {user_id}; else echo ops; fi', "sudo": sudo}
    for name, text in programs.items():
        if text is not None:
            (directory / name).write_text(f"#!/bin/sh\n{text}\n")
            (directory / name).chmod(0o755)
    for name in ("sh", "cat", "true"):
        (directory / name).symlink_to(f"/bin/{name}")
    result = subprocess.run(
        ["/bin/sh", "-c", PRIVILEGED + command],
        input="text on stdin\n",
        cwd=directory,
        env={"PATH": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout


def test_a_command_gets_its_arguments_and_its_input(tmp_path: Path) -> None:
    command = shlex.join(["sh", "-c", 'cat; echo "$1"', "name", "it's $HOME"])
    assert run(command, tmp_path) == (0, "text on stdin\nit's $HOME\n")


def test_root_needs_no_sudo(tmp_path: Path) -> None:
    assert run("cat", tmp_path, user_id=0, sudo=None) == (0, "text on stdin\n")


def test_sudo_is_asked_once(tmp_path: Path) -> None:
    run("cat", tmp_path)
    assert (tmp_path / "log").read_text() == "sudo\n"


def test_a_command_that_fails_is_not_taken_for_sudo(tmp_path: Path) -> None:
    assert run("sh -c 'echo oops; exit 7'", tmp_path) == (7, "oops\n")


def test_a_sudo_that_asks_for_a_password_is_told_with_the_remedy(tmp_path: Path) -> None:
    assert run("cat", tmp_path, sudo=SUDO_THAT_ASKS) == (1, f"sudo: a password is required\n{REMEDY}")


def test_a_host_without_sudo_is_told_with_the_remedy(tmp_path: Path) -> None:
    status, said = run("cat", tmp_path, sudo=None)
    assert (status, said.endswith(REMEDY), "not found" in said) == (127, True, True)


def test_any_login_shell_can_read_it() -> None:
    """The user's own shell, be it fish or csh, has but words in single quotes to split."""
    assert re.fullmatch(r"sh -c '[^'!\\\n]+' as-root ", PRIVILEGED)
