"""postgresql.conf as it is rendered: a real PostgreSQL takes it, and a reader sees what a change of a line costs."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.postgresql import catalogue
from components.postgresql.configuration import RESTART_NOTE, ClusterLayout, postgresql_conf
from components.postgresql.tuning import tuning
from tests.postgresql.embedded import LAYOUT, refused

TLS_LAYOUT = ClusterLayout(
    **{
        **vars(LAYOUT),
        "addresses": ("127.0.0.1", "10.0.0.5", "2001:db8::5"),
        "certificate_file": "/etc/prefect/postgresql/tls/server.pem",
    }
)


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="postgresql-conf-"))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("memory", [512, 1000, 4096, 65536, 524288])
@pytest.mark.parametrize("connections", [20, 10000])
def test_a_real_postgresql_takes_it(memory: int, connections: int, directory: Path) -> None:
    """Without TLS, which this build of PostgreSQL does not have; tests/hosts has it."""
    assert refused(postgresql_conf(LAYOUT, connections, tuning(memory, connections, 0.5)), directory) == ""


def test_a_real_postgresql_would_refuse_another(directory: Path) -> None:
    """What the test above relies on."""
    assert 'parameter "work_mem"' in refused(postgresql_conf(LAYOUT, 100, {"work_mem": "1"}), directory)
    assert 'parameter "wrok_mem"' in refused(postgresql_conf(LAYOUT, 100, {"wrok_mem": "64"}), directory)


def test_text_arrives_as_it_is(directory: Path) -> None:
    text = "it's \\a 'line' # \"%m\""
    assert refused(postgresql_conf(LAYOUT, 100, {"log_line_prefix": text}), directory) == ""
    assert "log_line_prefix = 'it''s \\\\a ''line'' # \"%m\"'\n" in postgresql_conf(
        LAYOUT, 100, {"log_line_prefix": text}
    )


def test_a_line_whose_change_restarts_postgresql_says_so() -> None:
    lines = postgresql_conf(LAYOUT, 100, tuning(4096, 100)).splitlines()
    marked = {line.split()[0] for line in lines if line.endswith(RESTART_NOTE)}

    assert {"shared_buffers", "max_connections", "listen_addresses", "port"} <= marked
    assert f"autovacuum_max_workers = '4'  {RESTART_NOTE} up to version 17\n" in postgresql_conf(
        LAYOUT, 100, {"autovacuum_max_workers": "4"}
    )
    assert not {"work_mem", "max_wal_size", "random_page_cost", "log_min_duration_statement"} & marked


def test_each_setting_stands_once() -> None:
    lines = postgresql_conf(TLS_LAYOUT, 100, tuning(4096, 100)).splitlines()
    names = [line.split()[0].lower() for line in lines]

    assert len(set(names)) == len(names)
    assert all(catalogue.find(name) for name in names)


def test_tls_is_on_where_there_is_a_certificate() -> None:
    assert "ssl = 'on'\n" in postgresql_conf(TLS_LAYOUT, 100, {})
    assert "ssl" not in postgresql_conf(LAYOUT, 100, {})
