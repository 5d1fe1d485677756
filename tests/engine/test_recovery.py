"""Services that are killed come back by themselves; what `make down` stopped or a crash took, `make up` brings back."""

import os
import signal

from tests.engine.stack import Stack
from tests.waiting import wait_until

SECONDS_TO_COME_BACK = 90
SECONDS_UNTIL_THE_RUN = 3
"""So that the run falls due while the services are away."""


def test_killed_services_come_back_and_run_what_fell_due_meanwhile(stack: Stack) -> None:
    flow_run = stack.create_flow_run(in_seconds=SECONDS_UNTIL_THE_RUN)
    killed = stack.services()
    assert len(killed) == 3
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    def are_back() -> bool:
        services = stack.services()
        return services.keys() == killed.keys() and not set(services.values()) & set(killed.values())

    wait_until(are_back, f"{', '.join(killed)} to run again", within=SECONDS_TO_COME_BACK)
    stack.expect_completed(flow_run)
    assert stack.preview() == {}


def test_up_heals_a_killed_supervisor_and_leaves_no_orphan_behind(stack: Stack) -> None:
    flow_run = stack.create_flow_run(in_seconds=SECONDS_UNTIL_THE_RUN)
    os.kill(stack.supervisor(), signal.SIGKILL)
    wait_until(lambda: not stack.supervisorctl("pid").isdigit(), "the end of the supervisor", within=20)
    stack.start_services()
    assert set(stack.processes()) == {stack.supervisor(), *stack.services().values()}, "processes of the old supervisor"
    stack.expect_completed(flow_run)
    assert stack.preview() == {}


def test_down_stops_everything_and_up_brings_it_back_with_its_history(stack: Stack) -> None:
    history = stack.count_flow_runs()
    assert history > 0
    stack.make("down")
    assert stack.processes() == {}
    assert stack.preview() == {}, "a preview must not need running services"

    stack.up()
    assert stack.count_flow_runs() >= history
    stack.expect_no_changes()
    stack.expect_completed(stack.create_flow_run())
