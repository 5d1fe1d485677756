"""What is known of PostgreSQL's settings is what PostgreSQL says of them."""

import json
from pathlib import Path

import pytest

from components.postgresql import catalogue
from components.postgresql.configuration import postgresql_conf
from tests.plugins.postgresql_server import BINARIES
from tests.postgresql.embedded import LAYOUT, refused
from toolchain import postgresql_settings

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_newest_version_is_told_as_it_is() -> None:
    """The tool that makes the catalogue, run on the one version that is at hand."""
    facts = json.loads((CHECKOUT / "components" / "postgresql" / "catalogue.json").read_text())
    of_newest = {name: {**values, "first": 18} for name, values in facts.items() if values["last"] == 18}
    for values in of_newest.values():
        if values.get("restart_last") != 18:
            values.pop("restart_last", None)

    assert of_newest == postgresql_settings.catalogue({18: postgresql_settings.settings_of(BINARIES)})


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("work_mem", 14, 18),
        ("stats_temp_directory", 14, 14),
        ("archive_library", 15, 18),
        ("old_snapshot_threshold", 14, 16),
        ("allow_alter_system", 17, 18),
        ("io_method", 18, 18),
    ],
)
def test_a_setting_is_known_in_the_versions_that_have_it(name: str, first: int, last: int) -> None:
    """As the release notes say, https://www.postgresql.org/docs/release/."""
    setting = catalogue.find(name)
    assert setting is not None
    assert (setting.first, setting.last) == (first, last)


@pytest.mark.parametrize(
    ("name", "restart_last"),
    [
        ("shared_buffers", 18),
        ("max_connections", 18),
        ("autovacuum_max_workers", 17),
        ("work_mem", None),
        ("max_wal_size", None),
    ],
)
def test_it_is_known_what_needs_a_restart(name: str, restart_last: int | None) -> None:
    setting = catalogue.find(name)
    assert setting is not None
    assert setting.restart_last == restart_last


VALUES = [
    ("work_mem", "64"), ("work_mem", "63"), ("work_mem", "64kB"), ("work_mem", "0.5MB"), ("work_mem", "1TB"),
    ("work_mem", "3TB"), ("work_mem", "1kb"), ("work_mem", "1 MB"), ("work_mem", "1MB "), ("work_mem", "MB"),
    ("work_mem", "1e3"), ("work_mem", "100.6"), ("work_mem", "-1"), ("work_mem", "65536B"), ("work_mem", "1min"),
    ("shared_buffers", "16"), ("shared_buffers", "15"), ("shared_buffers", "128kB"), ("shared_buffers", "1 8kB"),
    ("max_wal_size", "1GB"), ("max_wal_size", "1"), ("max_wal_size", "1kB"), ("max_wal_size", "2"),
    ("statement_timeout", "1min"), ("statement_timeout", "1.5h"), ("statement_timeout", "1d"),
    ("statement_timeout", "25d"), ("statement_timeout", "1 minute"), ("statement_timeout", "500us"),
    ("checkpoint_timeout", "30"), ("checkpoint_timeout", "29s"), ("checkpoint_timeout", "1d"),
    ("log_rotation_age", "1h"), ("log_rotation_age", "90s"),
    ("random_page_cost", "1.1"), ("random_page_cost", ".5"), ("random_page_cost", "-1"), ("random_page_cost", "1,1"),
    ("checkpoint_completion_target", "1"), ("checkpoint_completion_target", "1.01"),
    ("vacuum_cost_delay", "2ms"), ("vacuum_cost_delay", "2000us"), ("vacuum_cost_delay", "1s"),
    ("max_worker_processes", "8"), ("max_worker_processes", "8kB"), ("max_worker_processes", "8.4"),
    ("jit", "on"), ("jit", "TRUE"), ("jit", "0"), ("jit", "nope"), ("jit", ""),
    ("wal_level", "replica"), ("wal_level", "Logical"), ("wal_level", "maximal"),
    ("synchronous_commit", "remote_apply"), ("synchronous_commit", "sometimes"),
    ("log_line_prefix", "%m 'x' \\ "),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_what_is_accepted_is_what_a_real_postgresql_accepts(name: str, value: str, tmp_path: Path) -> None:
    setting = catalogue.find(name)
    assert setting is not None
    said = refused(postgresql_conf(LAYOUT, 100, {name: value}), tmp_path)

    assert setting.accepts(value) == (said == ""), said or f"PostgreSQL takes {name} = {value!r}"
