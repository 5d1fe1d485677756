"""The units of a real Prefect on a booted host: how far they are confined, how they stop, and what brings them back."""

import re

import pytest

from tests.hosts.debian_host import DebianHost
from tests.hosts.prefect_by_hand import Prefect, install
from tests.waiting import wait_until

SERVER, PATIENT, HASTY = "prefect-server", "prefect-worker-patient", "prefect-worker-hasty"


@pytest.fixture(scope="module")
def prefect(debian_host: DebianHost) -> Prefect:
    """Install and start everything; every test leaves it running."""
    return install(debian_host)


def test_workers_that_were_there_before_the_server_come_up_by_themselves(prefect: Prefect) -> None:
    flow_runs = [prefect.start_nap(pool, seconds=0) for pool in ("patient", "hasty")]

    for flow_run in flow_runs:
        prefect.wait_for(flow_run, "COMPLETED", within=90)


@pytest.mark.parametrize(
    ("unit", "limit"), [(SERVER, 2.5), ("prefect-watchdog@prefect-server", 2.5), (PATIENT, 5), (HASTY, 5)]
)
def test_systemd_rates_the_exposure_as_low_as_promised(prefect: Prefect, unit: str, limit: float) -> None:
    analysis = prefect.host.run(f"systemd-analyze security --no-pager {unit}.service").stdout
    exposure = re.search(r"Overall exposure level for \S+: (\S+)", analysis)
    assert exposure, analysis
    assert float(exposure[1]) <= limit, analysis


def test_a_confined_server_shows_its_user_interface(prefect: Prefect) -> None:
    page = prefect.host.run(
        "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())' "
        f"http://{prefect.host.address}:4200/"
    ).stdout

    assert "<html" in page


def test_a_restarted_worker_lets_its_flow_run_finish_and_takes_no_other(prefect: Prefect) -> None:
    before = prefect.process(PATIENT)
    running = prefect.start_nap("patient", seconds=12)
    prefect.wait_for(running, "RUNNING")
    prefect.host.run(f"systemctl restart --no-block {PATIENT}")
    waiting = prefect.start_nap("patient", seconds=0)

    prefect.wait_for(running, "COMPLETED", within=120)
    assert prefect.state(waiting) == "SCHEDULED", "the worker took another flow run while it stopped"
    prefect.wait_for(waiting, "COMPLETED")
    assert prefect.process(PATIENT) not in {0, before}


@pytest.mark.parametrize("stubborn", [False, True], ids=["unwinds", "ignores-sigterm"])
def test_a_flow_run_whose_time_is_up_is_reported_crashed_and_leaves_no_process(
    prefect: Prefect, stubborn: bool
) -> None:
    flow_run = prefect.start_nap("hasty", seconds=600, stubborn=stubborn)
    prefect.wait_for(flow_run, "RUNNING")
    wait_until(lambda: "sleep" in prefect.programs(), "the flow run to start a program")
    prefect.host.run(f"systemctl restart {HASTY}")

    assert prefect.state(flow_run) == "CRASHED"
    assert "sleep" not in prefect.programs()


def test_a_flow_run_whose_worker_is_killed_is_ended_and_reported_crashed(prefect: Prefect) -> None:
    killed = prefect.process(PATIENT)
    flow_run = prefect.start_nap("patient", seconds=600)
    prefect.wait_for(flow_run, "RUNNING")
    wait_until(lambda: "sleep" in prefect.programs(), "the flow run to start a program")
    prefect.host.run(f"kill -KILL {killed}")

    prefect.wait_for(flow_run, "CRASHED")
    assert "sleep" not in prefect.programs()
    prefect.wait_for(prefect.start_nap("patient", seconds=0), "COMPLETED")


@pytest.mark.parametrize("service", [SERVER, PATIENT])
def test_what_hangs_is_restarted_and_the_journal_says_why(prefect: Prefect, service: str) -> None:
    hung = prefect.process(service)
    with prefect.impatient_watchdog():
        prefect.host.run(f"kill -STOP {hung}")
        wait_until(lambda: prefect.process(service) not in {0, hung}, f"{service} to be restarted", within=90)

    assert f"{service} runs, but http://" in prefect.watchdog_told(service)
    prefect.wait_for_ready()
    prefect.wait_for(prefect.start_nap("patient", seconds=0), "COMPLETED")


def test_a_check_that_starts_while_a_service_stops_does_not_keep_it_running(prefect: Prefect) -> None:
    hung = prefect.process(SERVER)
    prefect.host.run(f"kill -STOP {hung} && systemctl stop --no-block {SERVER}")
    prefect.host.run(f"systemctl start --no-block prefect-watchdog@{SERVER}; kill -CONT {hung}")

    wait_until(lambda: prefect.process(SERVER) != hung, f"{SERVER} to stop")
    wait_until(
        lambda: prefect.host.run("systemctl list-jobs --no-legend").stdout == "", "systemd to have nothing to do"
    )
    assert prefect.process(SERVER) == 0, "it was started again"
    prefect.host.run(f"systemctl start {SERVER}")
    prefect.wait_for_ready()
