"""The settings computed from a host's memory: within bounds from the smallest host to the largest, no surprises."""

import itertools
import re

import pytest

from components.postgresql import catalogue
from components.postgresql.configuration import OWNED
from components.postgresql.tuning import memory_share, tuning

MEMORIES = sorted({int(512 * 2 ** (step / 8)) for step in range(81)})
"""From 512 MiB to 512 GiB, eight for each doubling."""
CONNECTIONS = (20, 100, 400, 2000)
SHARES = (0.25, 0.5, 1.0)
EVERY_HOST = list(itertools.product(MEMORIES, CONNECTIONS, SHARES))


def kib(value: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(kB|MB)", value).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "MB" else 1)


def test_the_smallest_and_the_largest_host_are_covered() -> None:
    assert (MEMORIES[0], MEMORIES[-1]) == (512, 512 * 1024)


def test_every_setting_is_one_of_every_supported_version_and_nobody_elses() -> None:
    for name, value in tuning(4096, 100).items():
        setting = catalogue.find(name)
        assert setting is not None, name
        assert all(setting.exists_in(version) for version in catalogue.SUPPORTED_VERSIONS), name
        assert setting.accepts(value), f"{name} = {value}"
        assert name not in OWNED


def test_postgresql_takes_every_value_for_every_host() -> None:
    for host in EVERY_HOST:
        for name, value in tuning(*host).items():
            setting = catalogue.find(name)
            assert setting is not None
            assert setting.accepts(value), f"{name} = {value} for {host}"


def test_the_memory_of_postgresql_stays_within_its_share() -> None:
    """Shared buffers, and all connections sorting at once, fit; so do three vacuums. But the smallest hosts."""
    for memory, connections, share in EVERY_HOST:
        settings = tuning(memory, connections, share)
        budget = int(memory * share) * 1024
        buffers, sorting = kib(settings["shared_buffers"]), kib(settings["work_mem"])
        assert 32 * 1024 <= buffers <= max(budget // 4, 32 * 1024)
        assert sorting >= 1024
        assert buffers + connections * sorting <= budget or sorting == 1024, (memory, connections, share)
        assert 3 * kib(settings["maintenance_work_mem"]) <= max(budget // 4, 3 * 16 * 1024)
        assert buffers <= kib(settings["effective_cache_size"]) <= max(budget, buffers)


def test_more_memory_never_gives_less() -> None:
    for connections, share in itertools.product(CONNECTIONS, SHARES):
        for name in ("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "max_wal_size"):
            values = [kib(tuning(memory, connections, share)[name]) for memory in MEMORIES]
            assert values == sorted(values), f"{name} with {connections} connections and a share of {share}"


def test_more_connections_never_give_each_more() -> None:
    for memory in MEMORIES:
        values = [kib(tuning(memory, connections)["work_mem"]) for connections in CONNECTIONS]
        assert values == sorted(values, reverse=True)


def test_the_write_ahead_log_is_bounded() -> None:
    for memory in MEMORIES:
        settings = tuning(memory, 100)
        assert 1024**2 <= kib(settings["max_wal_size"]) <= 4 * 1024**2
        assert 0 <= kib(settings["max_wal_size"]) - 4 * kib(settings["min_wal_size"]) < 4 * 1024


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (2048, {"shared_buffers": "512MB", "effective_cache_size": "1536MB", "work_mem": "5242kB"}),
        (16384, {"shared_buffers": "4096MB", "effective_cache_size": "12288MB", "work_mem": "41943kB"}),
        (524288, {"shared_buffers": "16384MB", "effective_cache_size": "393216MB", "work_mem": "65536kB"}),
    ],
)
def test_a_host_of_its_own_is_used_as_the_field_does(memory: int, expected: dict[str, str]) -> None:
    settings = tuning(memory, 100)
    assert {name: settings[name] for name in expected} == expected


def test_a_host_that_is_shared_leaves_room_for_the_others() -> None:
    assert memory_share(beside_server=False, beside_workers=False) == 1.0
    assert memory_share(beside_server=True, beside_workers=False) == 0.5
    assert memory_share(beside_server=True, beside_workers=True) == 0.25
    assert memory_share(beside_server=False, beside_workers=True) == 0.25
