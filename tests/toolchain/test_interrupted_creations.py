"""What a killed Pulumi was creating is settled: most is done again, what cannot be is looked for. Pulumi is played."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from toolchain import interrupted_creations
from toolchain.errors import ToolchainError
from toolchain.interrupted_creations import State

URN = "urn:pulumi:dev::prefect-selfhost::prefect-selfhost:index:PostgresHost$"
CLUSTER: dict[str, Any] = {"urn": f"{URN}command:local:Command::cluster", "type": "command:local:Command", "id": "1"}
ROLE: dict[str, Any] = {
    "urn": f"{URN}postgresql:index/role:Role::postgres-role",
    "type": "postgresql:index/role:Role",
    "inputs": {"name": "prefect", "password": {"ciphertext": "..."}},
}
CREATING = [{"type": "creating", "resource": CLUSTER}, {"type": "creating", "resource": ROLE}]
REFRESH = f"refresh --yes --skip-preview --non-interactive --run-program --target {ROLE['urn']} --stack dev"


@dataclass(frozen=True)
class Stack:
    """A stack of the file backend, of which the stub of Pulumi keeps all states that were imported."""

    directory: Path

    def put(self, resources: list[dict[str, Any]], operations: list[dict[str, Any]]) -> State:
        noted = {"pending_operations": operations} if operations else {}
        state: State = {"version": 3, "deployment": {"resources": resources, **noted}}
        path = self.directory / "backend" / ".pulumi" / "stacks" / "prefect-selfhost" / "dev.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(state))
        (self.directory / "state").write_text(json.dumps(state))
        return state

    def settle(self) -> None:
        environ = {"PULUMI_BACKEND_URL": f"file://{self.directory}/backend?metadata=skip"}
        interrupted_creations.settle("dev", environ)

    def asked(self) -> list[str]:
        """Return what Pulumi was asked, states aside."""
        notes = self.directory / "asked"
        return notes.read_text().splitlines() if notes.exists() else []

    def imported(self) -> list[State]:
        return [json.loads(path.read_text()) for path in sorted(self.directory.glob("imported.*"))]

    def let_refresh_fail(self) -> None:
        (self.directory / "refresh-fails").touch()


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    stub = tmp_path / "bin" / "pulumi"
    stub.parent.mkdir()
    stub.write_text(
        f"""#!/bin/sh
cd "{tmp_path}"
echo "$*" >>asked
case "$1 $2" in
  "stack export") test ! -e unreadable || exit 1; cat state ;;
  "stack import") cat >state; cp state "imported.$(ls | grep -c imported)" ;;
  refresh*) test ! -e refresh-fails ;;
esac
"""
    )
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    return Stack(tmp_path)


def test_a_stack_in_order_is_left_alone(stack: Stack) -> None:
    stack.put([CLUSTER], [])
    stack.settle()

    assert stack.asked() == []


def test_what_is_done_again_is_forgotten(stack: Stack) -> None:
    before = stack.put([], CREATING[:1])
    stack.settle()

    assert stack.imported() == [{**before, "deployment": {"resources": []}}]


def test_a_role_that_may_be_there_is_looked_for_by_its_name(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    before = stack.put([CLUSTER], CREATING)
    stack.settle()

    assert REFRESH in stack.asked()
    looked_for, settled = stack.imported()
    resources = [CLUSTER, {**ROLE, "id": "prefect"}]
    assert looked_for == {**before, "deployment": {"resources": resources, "pending_operations": CREATING}}
    assert settled == {**before, "deployment": {"resources": resources}}
    assert "what of postgres-role a Pulumi that was killed has created" in capsys.readouterr().err


def test_where_nobody_can_be_asked_all_stays_for_the_next_run(stack: Stack) -> None:
    before = stack.put([CLUSTER], CREATING)
    stack.let_refresh_fail()
    stack.settle()

    assert stack.imported()[-1] == before


def test_a_search_that_was_killed_goes_on(stack: Stack) -> None:
    stack.put([CLUSTER, {**ROLE, "id": "prefect"}], CREATING)
    stack.settle()

    assert REFRESH in stack.asked()
    assert stack.imported()[-1]["deployment"] == {"resources": [CLUSTER, {**ROLE, "id": "prefect"}]}


def test_a_state_that_cannot_be_read_is_told_in_one_line(stack: Stack) -> None:
    stack.put([CLUSTER], CREATING)
    (stack.directory / "unreadable").touch()

    with pytest.raises(ToolchainError, match=r"pulumi stack export --stack dev failed: "):
        stack.settle()
