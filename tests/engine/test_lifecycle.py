"""What a stack is once `make up` has made it, and that nothing is done twice."""

import re
import sys
from pathlib import Path

import httpx
import pytest

from components.settings import supported_versions
from tests.engine.stack import Stack, descendants

LISTENING = "0A"
"""State of a socket in /proc/net/tcp, https://docs.kernel.org/networking/proc_net_tcp.html."""


def test_the_outputs_tell_where_prefect_is_and_that_it_works(stack: Stack) -> None:
    outputs = stack.outputs()
    assert outputs == {
        "uiUrl": f"http://127.0.0.1:{stack.ports.server}",
        "apiUrl": f"http://127.0.0.1:{stack.ports.server}/api",
        "authString": stack.secret("authString"),
        "workPools": ["default"],
        "versions": {"prefect": supported_versions()[0], "postgresql": outputs["versions"]["postgresql"]},
        "canaryRuns": {"default": "COMPLETED"},
    }
    assert re.fullmatch(r"\d+\.\d+.*", outputs["versions"]["postgresql"])


def test_the_auth_string_is_masked_unless_asked_for(stack: Stack) -> None:
    assert stack.outputs(show_secrets=False)["authString"] == "[secret]"


def test_a_preview_of_the_unchanged_stack_finds_nothing(stack: Stack) -> None:
    stack.expect_no_changes()


def test_a_second_up_changes_and_restarts_nothing(stack: Stack) -> None:
    before = stack.services()
    output = stack.up().output
    assert re.search(r"Resources:\n +\d+ unchanged\n", output), output
    assert stack.services() == before


def test_a_refresh_finds_the_machine_as_it_is_in_the_state(stack: Stack) -> None:
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_the_api_asks_for_the_password(stack: Stack) -> None:
    user, _, password = stack.secret("authString").partition(":")
    url = f"{stack.api_url}/flow_runs/count"
    with httpx.Client(trust_env=False) as client:
        assert client.post(url, json={}).status_code == httpx.codes.UNAUTHORIZED
        assert client.post(url, json={}, auth=(user, "wrong")).status_code == httpx.codes.UNAUTHORIZED
        assert client.post(url, json={}, auth=(user, password)).status_code == httpx.codes.OK


def test_the_server_reports_nothing_to_anybody(stack: Stack) -> None:
    with stack.api() as client:
        assert client.request("GET", "/admin/settings")["server"]["analytics_enabled"] is False


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are listed in /proc, which only Linux has")
def test_services_listen_on_loopback_only(stack: Stack) -> None:
    ports = {stack.ports.postgres, stack.ports.server, stack.ports.worker}
    listeners = [(address, port) for address, port in listening() if port in ports]
    assert {port for _, port in listeners} == ports
    assert {address for address, _ in listeners} == {"0100007F"}, "an address other than 127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="the owner of a process is read from /proc, which only Linux has")
def test_no_service_runs_as_root(stack: Stack) -> None:
    for pid, command in service_processes(stack).items():
        assert Path(f"/proc/{pid}").stat().st_uid != 0, f"runs as root: {command}"


@pytest.mark.skipif(
    sys.platform != "linux", reason="the environment of a process is read from /proc, which only Linux has"
)
def test_services_have_an_environment_of_their_own(stack: Stack) -> None:
    for pid, command in service_processes(stack).items():
        names = {entry.partition("=")[0] for entry in Path(f"/proc/{pid}/environ").read_text().split("\0")}
        foreign = {name for name in names if name.startswith("PULUMI_")} | (names & {"PIP_CACHE_DIR", "SSH_AUTH_SOCK"})
        assert not foreign, f"{command} has {foreign} in its environment"


def service_processes(stack: Stack) -> dict[int, str]:
    """Return the command lines of the supervisor and of all it has started, PostgreSQL's own processes included."""
    supervisor = stack.supervisor()
    return {supervisor: "supervisord"} | descendants(supervisor)


def listening() -> list[tuple[str, int]]:
    """Return the address, as the kernel writes it, and the port of every socket that listens."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    local = [row[1].split(":") for row in rows if row[3] == LISTENING]
    return [(address, int(port, 16)) for address, port in local]
