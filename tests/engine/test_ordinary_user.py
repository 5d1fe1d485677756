"""`make up` and `make destroy` as an ordinary user with an empty home."""

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.checkout import clean_environment, make_clone, missing_tools
from tests.engine.conftest import free_ports, short_directory
from tests.engine.stack import Stack, write_stack_file

USER = "stack-test"


@pytest.fixture
def users_stack() -> Iterator[Stack]:
    """Make a stack in a clone that belongs to an ordinary user: a new one for root, else whoever runs the tests."""
    if reason := missing_tools():
        pytest.skip(reason)
    with contextlib.ExitStack() as resources:
        user = resources.enter_context(new_user()) if os.geteuid() == 0 else None
        place = resources.enter_context(short_directory())
        (place / "home").mkdir()
        # the libraries may lead to a Python in root's home, where the user cannot go
        layout = make_clone(place / "clone", libraries=user is None)
        ports = free_ports()
        write_stack_file(layout, ports, directory=None)
        environment = clean_environment(os.environ, place / "home")
        if user:
            environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
            subprocess.run(["chown", "-R", user, str(place)], check=True)
        stack = Stack(layout=layout, environment=environment, ports=ports, user=user)
        resources.callback(stack.tear_down)
        yield stack


@contextlib.contextmanager
def new_user() -> Iterator[str]:
    """Add an ordinary user to this machine, until the end."""
    subprocess.run(["useradd", "--no-create-home", "--user-group", USER], check=True)
    try:
        yield USER
    finally:
        subprocess.run(["userdel", USER], check=True)


def test_an_ordinary_user_needs_no_root_and_keeps_a_clean_home(users_stack: Stack) -> None:
    home = Path(users_stack.environment["HOME"])
    users_stack.up()
    assert users_stack.outputs()["canaryRuns"] == {"default": "COMPLETED"}
    assert users_stack.host == users_stack.layout.root / ".local/hosts/dev/this-machine"
    assert users_stack.host.is_dir()
    assert not any(home.iterdir())

    owner = pwd.getpwnam(USER).pw_uid if users_stack.user else os.geteuid()
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in users_stack.processes()} == {owner}

    users_stack.make("destroy", "YES=1")
    assert [path.name for path in users_stack.host.iterdir()] == ["kept"]
    assert users_stack.processes() == {}
    assert not any(home.iterdir())
