"""The settings of workers on Linux hosts, where systemd keeps them, and which hosts need Docker."""

from typing import Any

import pytest

from components.settings import WorkerSettings
from tests.settings.stack_file import parsed, problems, stack_file

LINUX = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}


def on_linux(**worker: Any) -> dict[str, str]:
    """Return a stack file with everything on one Linux host, its one worker set so."""
    return stack_file(hosts={"box": LINUX}, workers={"default": worker})


def only_worker(values: dict[str, str]) -> WorkerSettings:
    (worker,) = parsed(values).workers
    return worker


def test_flow_runs_have_ten_minutes_to_finish_and_no_limits() -> None:
    worker = only_worker(on_linux())

    assert (worker.drain_seconds, worker.limit, worker.memory_max) == (600, None, "")


def test_on_this_machine_somebody_waits_for_them_so_they_have_half_a_minute() -> None:
    assert only_worker(stack_file()).drain_seconds == 30


def test_every_key_arrives() -> None:
    worker = only_worker(on_linux(limit=4, drainSeconds=604_800, memoryMax="75%"))

    assert (worker.limit, worker.drain_seconds, worker.memory_max) == (4, 604_800, "75%")


@pytest.mark.parametrize("value", ["800M", "4G", "1T", "1%", "99%"])
def test_memory_is_an_amount_or_a_share(value: str) -> None:
    assert only_worker(on_linux(memoryMax=value)).memory_max == value


@pytest.mark.parametrize("value", ["4GB", "4g", "4", "0G", "100%", "0%", "-1G", "4 G", "4G\n", 4, 0.5, ["4G"]])
def test_anything_else_is_no_amount_of_memory(value: Any) -> None:
    problem = problems(on_linux(memoryMax=value))["workers.default.memoryMax"]

    assert problem.given == f"is {value!r}"
    assert problem.command == "pulumi config set --stack dev --path workers.default.memoryMax 75%"


@pytest.mark.parametrize(
    ("key", "value", "example"),
    [
        ("drainSeconds", 604_801, "600"),
        ("drainSeconds", -1, "600"),
        ("limit", 0, "1"),
        ("limit", 10_001, "1"),
    ],
)
def test_a_number_out_of_range_is_told_with_one_that_is_good(key: str, value: int, example: str) -> None:
    problem = problems(on_linux(**{key: value}))[f"workers.default.{key}"]

    assert problem.given == f"is {value}"
    assert problem.command.endswith(f" workers.default.{key} {example}")


def test_this_machine_sets_no_limit_to_memory() -> None:
    problem = problems(stack_file(workers={"default": {"memoryMax": "4G"}}))["workers.default.memoryMax"]

    assert problem.given.startswith("is not a setting")
    assert problem.command == "pulumi config rm --stack dev --path workers.default.memoryMax"


def test_docker_is_needed_on_the_hosts_of_its_workers_alone() -> None:
    hosts = {name: {**LINUX, "address": address} for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2"))}
    settings = parsed(
        stack_file(
            hosts=hosts,
            postgres={"host": "a"},
            server={"hosts": ["a"]},
            workPools={"plain": {}, "boxed": {"type": "docker"}},
            workers={
                "one": {"host": "a", "workPool": "plain"},
                "two": {"host": "b", "workPool": "boxed"},
                "three": {"host": "b", "workPool": "plain", "healthPort": 4211},
            },
        )
    )

    assert settings.docker_hosts == ("b",)
    assert [settings.purpose(host)["roles"] for host in settings.hosts] == ["postgres server worker", "worker docker"]
