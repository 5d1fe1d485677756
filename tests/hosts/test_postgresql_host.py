"""PostgreSQL on a real Linux host, used from another: its configuration, how changes get there, and who gets in."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from components.postgresql import catalogue
from components.postgresql.tuning import tuning
from components.prefect_configuration import server_variables
from tests.hosts.debian_host import DebianHost
from tests.hosts.drift_question import assert_told_and_put_back
from tests.hosts.pulumi_stack import PulumiStack, stack_on
from tests.hosts.testbed import Testbed
from tests.loopback_ports import free_port
from tests.prefect_runtime import install_prefect
from tests.waiting import wait_until

UNIT = "prefect-postgresql"
SOCKET = "/run/prefect/postgresql"
IN_FORCE = "/etc/prefect/postgresql/postgresql.conf"
ADDED_BY_A_MINOR_RELEASE = {"file_extend_method", "output_plugin_libraries", "restrict_nonsystem_relation_kind"}
"""Settings that not every server of a version has."""

PREFECT_CONNECTS = """
import asyncio
from prefect.server.database.dependencies import provide_database_interface
from sqlalchemy import text

async def connect():
    engine = await provide_database_interface().engine()
    async with engine.connect() as connection:
        tls = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        print("connected by", await connection.scalar(text(tls)))

asyncio.run(connect())
"""


@dataclass(frozen=True)
class Postgres:
    """The stack of tests/hosts/postgresql_program, and the host that it is on. This machine is the client."""

    stack: PulumiStack
    host: DebianHost
    directory: Path
    password: str = field(default_factory=lambda: token_hex(16))
    admin_password: str = field(default_factory=lambda: token_hex(16))

    def query(self, statement: str, *, role: str = "postgres", database: str = "postgres") -> str:
        """Return what a role is answered over the socket."""
        psql = f"psql -XAtqw -v ON_ERROR_STOP=1 -h {SOCKET} -U {role} -d {database}"
        return self.host.run(f'runuser -u postgres -- {psql} -c "{statement}"').stdout.strip()

    def process(self) -> str:
        return self.host.run(f"systemctl show --property MainPID --value {UNIT}").stdout.strip()

    def restarts_by(self, **configuration: str) -> bool:
        """Bring the stack up with another configuration, and tell whether PostgreSQL was restarted for it."""
        before = self.process()
        self.stack.up(**configuration)
        return self.process() != before

    def authority(self) -> Path:
        """Return a file with the certificate that those who connect must trust."""
        file = self.directory / "ca.pem"
        file.write_text(self.stack.run("stack", "output", "caCertificate").strip() + "\n")
        return file

    def log_in(self, *, role: str = "prefect", database: str = "prefect", **options: str) -> str:
        """Log in over the network with the right password, and return what the server says of itself."""
        password = {"prefect": self.password, "postgres": self.admin_password}.get(role, "")
        defaults = {"host": self.host.address, "sslmode": "verify-full", "sslrootcert": str(self.authority())}
        wanted = make_conninfo("", **{**defaults, **options}, user=role, dbname=database, connect_timeout=5)
        with psycopg.connect(wanted, password=password) as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
            return str(version)

    def prefect_connects(self, authority: Path) -> subprocess.CompletedProcess[str]:
        """Let a Prefect server's own engine connect, with the settings that it has on a host."""
        home = str(self.directory / "prefect")
        variables = server_variables(
            home=home,
            ui_directory=home,
            address="127.0.0.1",
            port=4200,
            log_level="INFO",
            database={"host": self.host.address, "port": "5432", "name": "prefect", "user": "prefect"},
            database_ca_file=str(authority),
            public={},
            settings={},
        )
        environment = {**variables, "PREFECT_SERVER_DATABASE_PASSWORD": self.password}
        return subprocess.run(
            [str(install_prefect()), "-c", PREFECT_CONNECTS],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def postgres(debian_host: DebianHost, testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """Bring the stack up; every test leaves it up and healthy, save the last one, which takes it down."""
    directory = tmp_path_factory.mktemp("postgresql")
    stack = stack_on(debian_host, "postgresql_program", directory)
    made = Postgres(stack, debian_host, directory)
    stack.configure({"client": testbed.address(1), "tunnelPort": str(free_port())})
    stack.configure({"password": made.password, "adminPassword": made.admin_password}, secret=True)
    stack.up()
    return made


def test_a_second_up_finds_nothing_to_do(postgres: Postgres) -> None:
    postgres.stack.assert_no_changes()
    postgres.stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_it_uses_its_share_of_the_memory_that_was_measured(postgres: Postgres) -> None:
    memory = int(postgres.host.run("awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo").stdout)
    lines = postgres.host.run(f"cat {IN_FORCE}").stdout
    for name, value in tuning(memory, 50, 0.25).items():
        assert f"\n{name} = '{value}'" in lines
    assert postgres.query("SELECT count(*) FROM pg_file_settings WHERE NOT applied") == "0"


def test_what_is_known_of_settings_is_what_this_version_says(postgres: Postgres) -> None:
    told = dict(
        line.split("|")
        for line in postgres.query(
            "SELECT name, context = 'postmaster' FROM pg_settings WHERE context <> 'internal'"
            " AND category NOT IN ('Developer Options', 'Customized Options')"
        ).splitlines()
    )
    told.pop("extension_destdir", None)  # of Debian alone
    version = int(postgres.query("SHOW server_version_num")) // 10000
    known = [setting for setting in catalogue.settings().values() if setting.exists_in(version)]
    expected = {setting.name: "t" if (setting.restart_last or 0) >= version else "f" for setting in known}
    assert {**expected, **told} == expected
    assert expected.keys() - told.keys() <= ADDED_BY_A_MINOR_RELEASE


def test_a_change_is_reloaded_where_that_is_enough(postgres: Postgres) -> None:
    assert not postgres.restarts_by(settings='{"work_mem": "9MB"}')
    assert postgres.query("SHOW work_mem") == "9MB"
    assert not postgres.restarts_by(settings="{}")


def test_a_change_restarts_postgresql_where_it_must_and_the_preview_says_so(postgres: Postgres) -> None:
    preview = postgres.stack.preview(maxConnections="60")
    assert "+ max_connections = '60'  # a change restarts PostgreSQL\n" in preview
    assert postgres.restarts_by(maxConnections="60")
    assert postgres.query("SHOW max_connections") == "60"


def test_a_bad_setting_leaves_postgresql_as_it_was(postgres: Postgres) -> None:
    process, before = postgres.process(), postgres.host.run(f"cat {IN_FORCE}").stdout
    refused = postgres.stack.failure(postgres.stack.start_up(settings='{"work_mem": "plenty"}'))
    assert "so the one in force stays. Mend postgres.settings." in refused
    assert 'invalid value for parameter "work_mem": "plenty"' in refused
    assert postgres.process() == process

    cannot_start = json.dumps({"shared_preload_libraries": "nowhere_to_be_found"})
    failed = postgres.stack.failure(postgres.stack.start_up(settings=cannot_start))
    assert "PostgreSQL did not start with it, though it should for: shared_preload_libraries." in failed
    assert 'could not access file "nowhere_to_be_found"' in failed
    assert "The one before is in force again." in failed
    assert postgres.host.run(f"cat {IN_FORCE}").stdout == before
    assert postgres.query("SHOW max_connections") == "60"

    assert not postgres.restarts_by(settings="{}")


def test_what_somebody_changed_has_drifted_and_is_put_back(postgres: Postgres) -> None:
    psql = f"runuser -u postgres -- psql -Xqw -h {SOCKET}"
    settings = "ALTER SYSTEM SET work_mem = '1GB'"
    password = "ALTER ROLE postgres PASSWORD 'another'"
    told = {
        "postgres-configured": "PostgreSQL: ALTER SYSTEM has set work_mem",
        "postgres-admin-password": "role postgres: another password",
    }
    damage = f'{psql} -c "{settings}" -c "{password}" -c "SELECT pg_reload_conf()" >/dev/null'
    assert_told_and_put_back(postgres.stack, postgres.host, damage, told)


def test_servers_get_in_by_tls_and_prove_whom_they_talk_to(postgres: Postgres) -> None:
    assert postgres.log_in() == postgres.query("SHOW server_version")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        postgres.log_in(sslrootcert=str(_another_authority(postgres.directory)))
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        postgres.log_in(host="database.example.com", hostaddr=postgres.host.address)


def test_prefect_itself_proves_whom_it_talks_to(postgres: Postgres) -> None:
    good = postgres.prefect_connects(postgres.authority())
    assert good.stdout == "connected by TLSv1.3\n", good.stderr
    bad = postgres.prefect_connects(_another_authority(postgres.directory))
    assert bad.returncode
    assert "CERTIFICATE_VERIFY_FAILED" in bad.stderr


@pytest.mark.parametrize(
    "how",
    [
        {"sslmode": "disable"},
        {"database": "postgres"},
        {"role": "postgres"},
        {"role": "postgres", "database": "postgres"},
        {"role": "prefect_backup"},
        {"role": "prefect_monitoring", "database": "postgres"},
    ],
    ids=str,
)
def test_nobody_else_gets_in(postgres: Postgres, how: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        postgres.log_in(**how)


def test_who_may_connect_is_changed_without_a_restart(postgres: Postgres, testbed: Testbed) -> None:
    assert not postgres.restarts_by(client=testbed.address(200))
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        postgres.log_in()
    assert not postgres.restarts_by(client=testbed.address(1))
    assert postgres.log_in()


def test_backups_read_everything_and_write_nothing(postgres: Postgres) -> None:
    postgres.query("SET ROLE prefect; CREATE TABLE flow (id int); INSERT INTO flow VALUES (1)", database="prefect")
    assert postgres.query("SELECT * FROM flow", role="prefect_backup", database="prefect") == "1"
    dump = f"runuser -u postgres -- pg_dump -h {SOCKET} -U prefect_backup prefect"
    assert "COPY public.flow" in postgres.host.run(dump).stdout
    command = f"psql -Xw -h {SOCKET} -U prefect_backup -d prefect -c"
    for statement, what in (("TRUNCATE flow", "table flow"), ("CREATE TABLE mine ()", "schema public")):
        written = postgres.host.run(f"runuser -u postgres -- {command} '{statement}'", check=False)
        assert f"permission denied for {what}" in written.stderr
    other_user = postgres.host.run(f"runuser -u prefect -- {command} 'SELECT 1'", check=False)
    assert "Peer authentication failed" in other_user.stderr
    postgres.query("DROP TABLE flow", database="prefect")


def test_monitoring_sees_every_session_but_no_data(postgres: Postgres) -> None:
    role = "prefect_monitoring"
    assert postgres.query("SELECT pg_has_role('pg_monitor', 'usage')", role=role) == "t"
    assert postgres.query("SELECT has_table_privilege('pg_authid', 'select')", role=role) == "f"


def test_no_password_gets_into_the_log_however_talkative_it_is(postgres: Postgres) -> None:
    settings = json.dumps(
        {"log_statement": "all", "log_min_duration_statement": "0", "log_min_error_statement": "info"}
    )
    postgres.stack.up(settings=settings)
    another = token_hex(16)
    for password in (another, postgres.password):
        postgres.stack.configure({"password": password}, secret=True)
        postgres.stack.up()
    postgres.query(f"ALTER ROLE prefect_backup PASSWORD '{another}'; ALTER ROLE prefect_backup PASSWORD NULL")
    assert postgres.log_in()

    journal = postgres.host.run(f"journalctl --no-pager --unit {UNIT}").stdout
    assert "SHOW server_version" in journal, "the log was not talkative"
    for password in (another, postgres.password, postgres.admin_password):
        assert password not in journal
    postgres.stack.up(settings="{}")


def test_the_certificate_is_renewed_by_its_timer(postgres: Postgres) -> None:
    host = postgres.host
    assert host.run(f"systemctl is-enabled {UNIT}-certificate.timer").stdout == "enabled\n"
    assert host.permissions("/etc/prefect/postgresql/tls/server.pem") == "640 root postgres"
    assert host.permissions("/etc/prefect/postgresql/tls/authority") == "700 root postgres"
    assert host.permissions("/etc/prefect/postgresql/tls/authority/ca.key") == "600 root root"

    shown = _certificate_shown(host)
    host.run(f"systemctl start {UNIT}-certificate.service")
    assert _certificate_shown(host) == shown
    host.run("rm /etc/prefect/postgresql/tls/server.pem")
    process = postgres.process()
    host.run(f"systemctl start {UNIT}-certificate.service")
    wait_until(lambda: _certificate_shown(host) != shown, "PostgreSQL to show the new certificate")
    assert postgres.process() == process
    assert postgres.log_in(), "the authority is the same"
    postgres.stack.assert_no_changes()


def test_it_is_back_after_a_reboot(postgres: Postgres) -> None:
    postgres.host.reboot()
    wait_until(lambda: postgres.host.is_active(UNIT), "PostgreSQL to start")
    wait_until(
        lambda: postgres.host.run(f"pg_isready -h {SOCKET}", check=False).returncode == 0, "PostgreSQL to answer"
    )
    assert postgres.log_in()
    postgres.stack.assert_no_changes()


def test_destroy_needs_no_database_and_keeps_its_data(postgres: Postgres) -> None:
    postgres.stack.run("destroy", "--yes", "--skip-preview")
    host = postgres.host
    assert host.run("ls -d /etc/prefect", check=False).stdout == ""
    assert host.run(f"systemctl cat {UNIT} {UNIT}-certificate.timer", check=False).returncode
    assert host.run("ls /var/lib/prefect/kept/*/postgresql/PG_VERSION").stdout


def _certificate_shown(host: DebianHost) -> str:
    """Return the fingerprint of the certificate that PostgreSQL shows."""
    ask = f"openssl s_client -starttls postgres -connect {host.address}:5432 </dev/null 2>/dev/null"
    return host.run(f"{ask} | openssl x509 -noout -fingerprint -sha256").stdout


def _another_authority(directory: Path) -> Path:
    """Return a file with the certificate of an authority of the same name that signed nothing."""
    file = directory / "other.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(directory / "other.key")]
    command = ["openssl", "req", "-x509", *key, "-days", "2", "-subj", f"/CN={UNIT}", "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return file
