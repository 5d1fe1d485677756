"""No secret is anywhere that somebody else can read. What commands print is searched by `Stack.run` itself."""

import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine.stack import Stack, all_processes
from toolchain.stack import password

EXAMPLE = "example"


def test_secrets_show_in_no_output_nor_in_the_arguments_of_a_process(stack: Stack) -> None:
    stack.config_set_secret("databasePassword", password())
    stack.config_set_secret("authString", f"admin:{password()}")
    stack.config_set_secret("secretBlock-example", password())
    with watched_arguments(stack) as exposed:
        preview = stack.pulumi("preview", "--diff").output
        stack.up()
        stack.pulumi("refresh", "--yes", "--diff")
    assert "[secret]" in preview
    assert not exposed, f"secrets in the arguments of a process: {exposed}"


def test_files_with_secrets_are_for_the_service_user_alone(stack: Stack) -> None:
    files = [path for path in host_files(stack) if path.name.endswith(".secrets.env")]
    assert files, f"no file of secrets below {stack.host / 'configuration'}"
    owner = (stack.host / "data").stat().st_uid
    for path in files:
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600, path
        assert status.st_uid == owner, path


def test_no_file_that_others_may_read_holds_a_secret(stack: Stack) -> None:
    readable = [path for path in host_files(stack) if path.stat().st_mode & stat.S_IROTH]
    holding = {str(path): shown for path in readable if (shown := stack.shown_secrets(content(path)))}
    assert not holding


def test_no_log_holds_a_secret(stack: Stack) -> None:
    logs = [path for path in host_files(stack) if path.is_relative_to(stack.host / "log")]
    assert any(path.name == "prefect-server.log" for path in logs)
    holding = {str(path): shown for path in logs if (shown := stack.shown_secrets(content(path)))}
    assert not holding


def test_the_state_and_the_stack_file_hold_secrets_only_encrypted(stack: Stack) -> None:
    files = [*stack.layout.state.rglob("*"), *stack.layout.root.glob("Pulumi.*.yaml")]
    holding = {str(path): shown for path in files if path.is_file() and (shown := stack.shown_secrets(content(path)))}
    assert not holding


def test_a_flow_can_load_the_secret_block(stack: Stack) -> None:
    with stack.api() as client:
        path = f"/block_types/slug/secret/block_documents/name/{EXAMPLE}"
        document = client.request("GET", path, query={"include_secrets": "true"})
    assert document["data"]["value"] == stack.secret(f"secretBlock-{EXAMPLE}"), "the block holds another value"


def test_the_database_holds_the_secret_block_encrypted(stack: Stack) -> None:
    stored = query(stack, f"SELECT data FROM block_document WHERE name = '{EXAMPLE}'")  # noqa: S608 - a constant
    assert stored
    assert not stack.shown_secrets(stored)


def query(stack: Stack, sql: str) -> str:
    """Ask the Prefect database, as whom its services run as, over its socket."""
    psql = [str(stack.host / "runtime/postgresql/psql"), "-XAtq", "-h", str(stack.host / "run")]
    command = [*psql, "-p", str(stack.ports.postgres), "-U", "postgres", "-d", "prefect", "-c", sql]
    if os.geteuid() == 0:
        command = ["runuser", "-u", (stack.host / "data").owner(), "--", *command]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout


def host_files(stack: Stack) -> list[Path]:
    """Return every file that the stack has written on its host, save the cluster's and the installed programs."""
    excluded = [stack.host / "runtime", stack.host / "data" / "postgresql"]
    return [
        path
        for path in stack.host.rglob("*")
        if path.is_file() and not any(path.is_relative_to(directory) for directory in excluded)
    ]


def content(path: Path) -> str:
    """Return what stands in a file, bytes that are no text left out."""
    return path.read_bytes().decode(errors="ignore")


@contextmanager
def watched_arguments(stack: Stack) -> Iterator[set[str]]:
    """Give a set that fills with the keys of secrets seen in the arguments of any process of this machine."""
    exposed: set[str] = set()
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.is_set():
            exposed.update(stack.shown_secrets("\n".join(command for _, _, command in all_processes())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield exposed
    finally:
        stopped.set()
        watcher.join()
