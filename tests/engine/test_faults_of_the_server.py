"""What an `up` makes of a server that fails in the midst of it, and the next `up` of what is left behind."""

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from components.prefect_api import automations, variables
from components.prefect_api.client import PrefectClient
from tests.engine.faulty_proxy import Fault, FaultyProxy, Script
from tests.engine.prefect_objects import FIRST_SECRET, KINDS
from tests.engine.resources_stack import PROGRAM, ResourcesStack
from tests.hosts.certificates import issue
from tests.hosts.pulumi_stack import PulumiError
from tests.loopback_ports import free_port
from tests.prefect_runtime import PrefectServer, prefect_server
from tests.waiting import wait_until

IN_A_POOL = {"WorkQueue", "Deployment"}
"""Kinds of what lies in a work pool that somebody else keeps, which is not there."""

OBJECTS = {name: dict(kind.first.declared) for name, kind in KINDS.items() if name not in IN_A_POOL}
VARIABLES = {f"Variable-{index}": {"name": f"v{index}", "value": index} for index in range(60)}
SETTINGS = {
    "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    # each expires within an `up`
    "PREFECT_SERVER_API_CSRF_TOKEN_EXPIRATION": "PT1S",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    with prefect_server(tmp_path_factory.mktemp("prefect"), settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: PrefectServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(server.api_url) as running:
        yield running


@pytest.fixture(scope="module")
def whole_stack(server: PrefectServer, proxy: FaultyProxy, tmp_path_factory: pytest.TempPathFactory) -> ResourcesStack:
    return new_stack(server, proxy.api_url, tmp_path_factory.mktemp("stack"), OBJECTS)


@pytest.fixture
def stack(whole_stack: ResourcesStack, proxy: FaultyProxy) -> Iterator[ResourcesStack]:
    """Give a stack of one object of each kind, none of which is there; take away what a test leaves."""
    yield whole_stack
    proxy.follow(nothing)
    whole_stack.destroy()


def new_stack(server: PrefectServer, api_url: str, directory: Path, objects: dict[str, Any]) -> ResourcesStack:
    made = ResourcesStack(PROGRAM, directory, (server.auth_string.partition(":")[2], FIRST_SECRET))
    made.configure({"objects": json.dumps(objects), "apiUrl": api_url})
    made.configure({"authString": server.auth_string, "secret": FIRST_SECRET}, secret=True)
    return made


def nothing(_request: str, _before: int) -> None:
    """Let nothing go wrong."""


def some(method: str, count: int, fault: Fault) -> Script:
    """Let so many requests of a method go wrong."""
    return lambda request, before: fault if request.startswith(method) and before < count else None


def creations(fault: Fault) -> Script:
    """Let each request go wrong that creates an object, and that may not be repeated."""
    upsert = "POST /api/concurrency_limits/"
    return lambda request, _: fault if re.fullmatch("POST .*/", request) and request != upsert else None


OVERCOME = {
    "a burst of 500": some("GET", 8, Fault(status=500)),
    "a burst of 429": some("", 12, Fault(status=429, retry_after="0")),
    "answers cut short": some("GET", 5, Fault(arrives=True, cut_short=True)),
    "connections hung up on": some("GET", 5, Fault(status=0)),
}
TOLD = {
    "an error": (creations(Fault(status=500)), ": 500: "),
    "an answer cut short, the work done": (creations(Fault(arrives=True, cut_short=True)), ": no answer: "),
    "no answer, the work done": (creations(Fault(status=0, arrives=True)), ": no answer: "),
}


@pytest.mark.parametrize("fault", OVERCOME)
def test_a_passing_fault_is_overcome(stack: ResourcesStack, proxy: FaultyProxy, fault: str) -> None:
    proxy.follow(OVERCOME[fault])
    assert stack.apply() == dict.fromkeys(OBJECTS, "create")


@pytest.mark.parametrize("answer", TOLD)
def test_what_may_have_happened_is_told_and_mended_by_the_next_up(
    stack: ResourcesStack, server: PrefectServer, proxy: FaultyProxy, answer: str
) -> None:
    script, told = TOLD[answer]
    proxy.follow(script)
    output = stack.failing_up()
    for created in ("work_pools", "variables", "v2/concurrency_limits", "block_documents", "automations"):
        assert f"POST /{created}/{told}" in output

    proxy.follow(nothing)
    stack.apply()
    assert stack.resources().keys() == OBJECTS.keys()
    stack.assert_no_changes()
    with PrefectClient(server.api_url, server.auth_string) as client:
        assert automations.find(client, "failures"), "it is there, and once, though Prefect allows the name twice"


def test_wrong_credentials_are_told_with_what_to_set(stack: ResourcesStack, server: PrefectServer) -> None:
    stack.configure({"authString": "tests:another-password"}, secret=True)
    output = stack.failing_up()
    stack.configure({"authString": server.auth_string}, secret=True)

    assert ": 401: " in output
    assert "pulumi config set --secret authString" in output
    assert "another-password" not in output
    assert stack.resources() == {}


def test_a_second_up_at_once_is_refused(stack: ResourcesStack, proxy: FaultyProxy) -> None:
    asked, answered = threading.Event(), threading.Event()

    def held(_request: str, _before: int) -> None:
        asked.set()
        assert answered.wait(60), "the second up did not end"

    proxy.follow(held)
    up = stack.start_up()
    assert asked.wait(60), "the first up asked nothing of the server"
    try:
        with pytest.raises(PulumiError, match="currently locked"):
            stack.up()
    finally:
        answered.set()
    output, _ = up.communicate(timeout=60)
    assert up.returncode == 0, output
    stack.assert_no_changes()


def test_of_two_stacks_that_make_one_variable_at_once_the_later_is_told_to_adopt(
    server: PrefectServer, proxy: FaultyProxy, tmp_path: Path
) -> None:
    both = threading.Barrier(2, timeout=60)
    stacks = []
    for value in ("one", "other"):
        (tmp_path / value).mkdir()
        declared = {"Variable": {"name": "shared", "value": value}}
        stacks.append(new_stack(server, proxy.api_url, tmp_path / value, declared))

    def meet(request: str, _before: int) -> None:
        if request == "POST /api/variables/":
            both.wait()

    proxy.follow(meet)
    ups = [stack.start_up() for stack in stacks]
    outputs = [up.communicate(timeout=60)[0] for up in ups]
    proxy.follow(nothing)

    assert sorted(up.returncode == 0 for up in ups) == [False, True], outputs
    loser = next(stack for stack, up in zip(stacks, ups, strict=True) if up.returncode)
    assert any("409" in output and "has the name already" in output for output in outputs)
    assert "Set adopt=True" in loser.failing_up()
    with PrefectClient(server.api_url, server.auth_string) as client:
        variables.delete(client, "shared")


def test_a_server_that_restarts_during_an_up_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "stack").mkdir()
    with ExitStack() as first:
        server = first.enter_context(prefect_server(tmp_path, port=port, settings=SETTINGS))
        stack = new_stack(server, server.api_url, tmp_path / "stack", VARIABLES)
        up = stack.start_up()
        with PrefectClient(server.api_url, server.auth_string) as client:
            wait_until(lambda: count(client) > 0, "the first variable", within=60)
    assert up.poll() is None, "the up was faster than the end of the server"

    with prefect_server(tmp_path, port=port, settings=SETTINGS) as again:
        output, _ = up.communicate(timeout=120)
        assert up.returncode == 0 or "no answer" in output, output
        stack.apply()
        stack.assert_no_changes()
        with PrefectClient(again.api_url, again.auth_string) as client:
            assert count(client) == len(VARIABLES)


def test_a_server_below_a_path_of_a_proxy_with_a_private_authority(server: PrefectServer, tmp_path: Path) -> None:
    certificate = issue("127.0.0.1")
    (tmp_path / "tls.pem").write_text(certificate.key + certificate.chain)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "tls.pem")
    (tmp_path / "stack").mkdir()
    with FaultyProxy(server.api_url, path="/tools/prefect", tls=tls) as proxy:
        stack = new_stack(server, proxy.api_url, tmp_path / "stack", OBJECTS)
        assert "apiCaCertificate" in stack.failing_up(), "nobody trusts it yet"

        stack.configure({"apiCaCertificate": certificate.authority})
        assert stack.apply() == dict.fromkeys(OBJECTS, "create")
        stack.assert_no_changes()
        stack.destroy()
        assert stack.resources() == {}


def count(client: PrefectClient) -> int:
    return int(client.request("POST", "/variables/count", {}, repeatable=True))
