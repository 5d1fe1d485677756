"""The policy pack, asked as Pulumi's engine asks it: by the analyzer protocol.

An engine whose language host was built from Go modules cannot start any pack ("could not read plugin: EOF"), so here
the pack is started by hand.
"""

import subprocess
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from components.platforms import HostFile, Linux
from policies.rules import RESOURCE_RULES, STACK_RULES
from tests.graph.recorder import SECRET, SIGNATURE
from tests.settings.stack_file import CHECKOUT

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
COMMAND = "command:remote:Command"


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """Install the pack's libraries, start it, and connect."""
    subprocess.run(["make", "policypack"], cwd=CHECKOUT, check=True, timeout=300)
    python = CHECKOUT / ".local" / "venv-policies" / "bin" / "python"
    # unbuffered, as Pulumi starts it: it tells its port and goes on running
    with subprocess.Popen([python, "-u", CHECKOUT / "policies"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
        process.terminate()


def properties(values: dict[str, Any]) -> Struct:
    return ParseDict(values, Struct())


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


def analyze(pack: analyzer_pb2_grpc.AnalyzerStub, type_: str, values: dict[str, Any]) -> dict[str, str]:
    """Return the message of each policy that a resource breaks."""
    urn = f"urn:pulumi:prod::prefect-selfhost::{type_}::it"
    request = analyzer_pb2.AnalyzeRequest(type=type_, name="it", urn=urn, properties=properties(values))
    return {one.policyName: one.message for one in pack.Analyze(request, timeout=30).diagnostics}


def test_it_has_every_rule_as_a_mandatory_policy_with_a_description(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    told = pack.GetAnalyzerInfo(Empty(), timeout=30)

    assert {policy.name for policy in told.policies} == {*RESOURCE_RULES, *STACK_RULES}
    assert all(policy.description.startswith("Require") for policy in told.policies)
    assert {policy.enforcementLevel for policy in told.policies} == {analyzer_pb2.MANDATORY}


def test_it_refuses_a_resource_with_the_reason(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    found = analyze(pack, COMMAND, {"connection": secret({"host": "10.0.0.10", "user": "ops"}), "create": "true"})

    assert "has no host key for 10.0.0.10" in found["ssh-host-keys-are-pinned"]


def test_it_looks_into_secrets_for_default_passwords(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    found = analyze(pack, "postgresql:index/role:Role", {"name": "prefect", "password": secret("postgres")})

    assert found.keys() == {"no-default-password"}


def test_what_is_not_known_yet_breaks_nothing(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    commands = Linux().file(HostFile(path="/etc/prefect/a.env", content=""))

    assert analyze(pack, COMMAND, {"create": commands.create, "stdin": UNKNOWN, "connection": UNKNOWN}) == {}


def test_it_refuses_a_stack(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    urn = f"urn:pulumi:prod::prefect-selfhost::{COMMAND}::postgres-cluster"
    platform = Linux()
    values = {
        "create": platform.script("create-postgresql-cluster").create,
        "stdin": platform.payload("create-postgresql-cluster", {"version": "16"}),
    }
    cluster = analyzer_pb2.AnalyzerResource(
        type=COMMAND, name="postgres-cluster", urn=urn, properties=properties(values)
    )

    told = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[cluster]), timeout=30)

    assert {one.policyName for one in told.diagnostics} == {"data-is-protected", "backups-are-on"}
    assert {one.urn for one in told.diagnostics} == {urn}


def test_without_its_library_it_says_how_to_install_it() -> None:
    python = CHECKOUT / ".local" / "venv" / "bin" / "python"

    ended = subprocess.run([python, CHECKOUT / "policies"], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "make policypack" in ended.stderr
