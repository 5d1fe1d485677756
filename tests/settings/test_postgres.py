"""The section `postgres` of a stack file: a cluster on one of its hosts, or a server that is there already."""

from typing import Any

import pytest

from components.settings import HostSettings, PostgresSettings, ServerSettings
from components.settings.postgres import ExistingPostgres, check_clients, check_monitoring_secret, read_postgres
from components.settings.table import Problem, Problems, Table

FAR = HostSettings(name="far", platform="linux", address="203.0.113.10")
BOX = HostSettings(name="box", platform="local")
SIGNING_KEY = (
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBE6XR8IBEACVdDKT\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
)
PGDG = {"line": "deb https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main", "signingKey": SIGNING_KEY}


def read(host: HostSettings = FAR, /, **values: Any) -> tuple[PostgresSettings, dict[str, Problem]]:
    problems = Problems("prod")
    settings = read_postgres(Table(problems, "postgres", values), (host,))
    return settings, {problem.key: problem for problem in problems.found}


def good(host: HostSettings = FAR, /, **values: Any) -> PostgresSettings:
    settings, found = read(host, **values)
    assert found == {}, "\n".join(str(problem) for problem in found.values())
    return settings


def problem_of(key: str, host: HostSettings = FAR, /, **values: Any) -> Problem:
    """Return the one problem, which is of this key."""
    _, found = read(host, **values)
    assert list(found) == [f"postgres.{key}"], "\n".join(str(problem) for problem in found.values())
    return found[f"postgres.{key}"]


def test_a_cluster_is_told_by_its_host_alone() -> None:
    settings = good()

    assert (settings.host, settings.port, settings.max_connections) == ("far", 5432, 100)
    assert (settings.version, settings.apt_source, settings.memory_mib) == ("", None, None)
    assert (settings.settings, settings.monitoring_from) == ((), ())


def test_every_key_arrives() -> None:
    settings = good(
        host="far",
        port=5433,
        maxConnections=200,
        version=17,
        aptSource=PGDG,
        memoryMib=4096,
        settings={"work_mem": "16MB"},
        monitoringFrom=["10.0.0.5/32", "2001:db8::/64"],
    )

    assert (settings.port, settings.max_connections, settings.version, settings.memory_mib) == (5433, 200, "17", 4096)
    assert settings.apt_source is not None
    assert (settings.apt_source.line, settings.apt_source.signing_key) == (PGDG["line"], SIGNING_KEY)
    assert settings.settings == (("work_mem", "16MB"),)
    assert settings.monitoring_from == ("10.0.0.5/32", "2001:db8::/64")


class TestPostgresqlSettings:
    @pytest.mark.parametrize(
        ("name", "value", "text"),
        [
            ("jit", True, "on"),
            ("jit", "OFF", "OFF"),
            ("synchronous_commit", False, "off"),
            ("synchronous_commit", "remote_apply", "remote_apply"),
            ("wal_compression", "zstd", "zstd"),
            ("work_mem", 4096, "4096"),
            ("work_mem", "64kB", "64kB"),
            ("work_mem", "1.5 GB", "1.5 GB"),
            ("shared_buffers", "256MB", "256MB"),
            ("max_wal_size", "2TB", "2TB"),
            ("deadlock_timeout", "250ms", "250ms"),
            ("statement_timeout", "2min", "2min"),
            ("log_rotation_age", "1d", "1d"),
            ("log_min_duration_statement", -1, "-1"),
            ("random_page_cost", 1.25, "1.25"),
            ("random_page_cost", "1e1", "1e1"),
            ("cpu_tuple_cost", 0, "0"),
            ("search_path", "\"$user\", 'a'", "\"$user\", 'a'"),
            ("pg_stat_statements.max", 5000, "5000"),
        ],
    )
    def test_a_value_that_postgresql_takes_is_taken(self, name: str, value: Any, text: str) -> None:
        assert good(settings={name: value}).settings == ((name, text),)

    def test_names_are_told_as_postgresql_writes_them(self) -> None:
        assert good(settings={"WORK_MEM": 64, "timezone": "UTC"}).settings == (("work_mem", "64"), ("TimeZone", "UTC"))

    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("jit", "perhaps", "on or off"),
            ("jit", 2, "on or off"),
            ("synchronous_commit", "sometimes", "one of local, remote_write, remote_apply, on, off"),
            ("work_mem", "64 KB", "a whole number of kB from 64 to 2147483647; or with a unit: B, MB, GB, TB"),
            ("work_mem", "63kB", "from 64 to 2147483647"),
            ("work_mem", "1s", "from 64 to 2147483647"),
            ("work_mem", "lots", "from 64 to 2147483647"),
            ("work_mem", "", "from 64 to 2147483647"),
            ("work_mem", True, "from 64 to 2147483647"),
            ("shared_buffers", "100kB", "a whole number of 8kB from 16 to 1073741823"),
            ("shared_buffers", "100 8kB", "from 16 to 1073741823"),
            ("statement_timeout", "1 minute", "or with a unit: us, s, min, h, d"),
            ("autovacuum_max_workers", "3kB", "a whole number from 1 to 262143"),
            ("random_page_cost", "cheap", "a number from 0 to 1.79769e+308"),
            ("checkpoint_completion_target", 1.1, "a number from 0 to 1"),
            ("search_path", "a\nb", "one line of text"),
        ],
    )
    def test_a_value_that_postgresql_would_refuse_is_told_with_what_is_allowed(
        self, name: str, value: Any, allowed: str
    ) -> None:
        problem = problem_of(f"settings.{name}", settings={name: value})

        assert repr(value) in problem.given
        assert allowed in problem.allowed

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("shared_bufers", "shared_buffers"), ("workmem", "work_mem"), ("log_lock_wait", "log_lock_waits")],
    )
    def test_an_unknown_name_is_told_with_the_one_that_was_meant(self, name: str, meant: str) -> None:
        problem = problem_of(f"settings.{name}", settings={name: "1"})

        assert problem.given == f"is not a setting of PostgreSQL; did you mean {meant}?"
        assert problem.command == f"pulumi config rm --stack prod --path postgres.settings.{name}"

    def test_a_name_is_known_by_the_version_that_is_installed(self) -> None:
        assert good(settings={"io_method": "worker"}).settings
        assert good(version=18, settings={"io_method": "worker"}).settings
        assert good(BOX, settings={"io_method": "worker"}).settings

        too_old = problem_of("settings.io_method", version=17, settings={"io_method": "worker"})
        assert too_old.given.startswith("is not a setting of PostgreSQL 17")
        gone = problem_of("settings.old_snapshot_threshold", BOX, settings={"old_snapshot_threshold": "1h"})
        assert gone.given.startswith("is not a setting of PostgreSQL 18")

    @pytest.mark.parametrize(
        ("name", "instead"),
        [
            ("port", "set by postgres.port"),
            ("Max_Connections", "set by postgres.maxConnections"),
            ("listen_addresses", "it follows from the hosts' addresses"),
            ("ssl", "it follows from the hosts' addresses"),
            ("hba_file", "it is part of how the cluster is set up"),
            ("password_encryption", "it is always scram-sha-256"),
        ],
    )
    def test_what_follows_from_other_keys_is_not_set_here(self, name: str, instead: str) -> None:
        assert instead in problem_of(f"settings.{name}", settings={name: "1"}).allowed

    @pytest.mark.parametrize("value", [None, [], {}, ["64MB"]])
    def test_a_setting_has_one_plain_value(self, value: Any) -> None:
        assert problem_of("settings.work_mem", settings={"work_mem": value}).given == f"is {value!r}"


class TestAptSource:
    @pytest.mark.parametrize(
        "line",
        [
            "deb [arch=amd64,arm64] https://packages.example.com/postgresql bookworm-pgdg main 17",
            "deb http://10.0.0.9:8080/apt/ ./",
            "deb file:/srv/mirror noble main",
        ],
    )
    def test_a_line_of_sources_list_is_taken(self, line: str) -> None:
        source = good(version=17, aptSource={**PGDG, "line": line}).apt_source
        assert source is not None
        assert source.line == line

    @pytest.mark.parametrize(
        "line",
        [
            "https://apt.postgresql.org/pub/repos/apt",
            "deb https://apt.postgresql.org/pub/repos/apt bookworm-pgdg",
            "deb https://apt.postgresql.org/pub/repos/apt ./ main",
            "deb [trusted=yes] https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main",
            "deb-src https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main",
            "deb https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main\nTrusted: yes",
        ],
    )
    def test_any_other_line_is_told(self, line: str) -> None:
        problem = problem_of("aptSource.line", version=17, aptSource={**PGDG, "line": line})
        assert "deb URI SUITE COMPONENT..." in problem.allowed

    @pytest.mark.parametrize("key", [None, "", "0xACCC4CF8", "-----BEGIN PGP PRIVATE KEY BLOCK-----\na\n"])
    def test_a_source_is_signed_by_a_public_key(self, key: str | None) -> None:
        assert problem_of("aptSource.signingKey", version=17, aptSource={**PGDG, "signingKey": key})

    def test_a_source_goes_with_a_version(self) -> None:
        assert problem_of("version", aptSource=PGDG).given == "is missing beside postgres.aptSource"

    def test_an_unknown_key_is_told(self) -> None:
        assert problem_of("aptSource.key", version=17, aptSource={**PGDG, "key": 1}).given.startswith(
            "is not a setting"
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 13),
        ("version", 19),
        ("version", "16"),
        ("memoryMib", 255),
        ("memoryMib", "4GB"),
        ("monitoringFrom", "10.0.0.5/32"),
        ("monitoringFrom", ["10.0.0.5"]),
        ("monitoringFrom", ["10.0.0.5/24"]),
        ("monitoringFrom", ["monitor.example.com"]),
        ("monitoringFrom", [7]),
        ("settings", "work_mem=1"),
        ("settings", []),
        ("aptSource", "deb https://example.com x main"),
    ],
)
def test_a_bad_value_is_told_alone(key: str, value: Any) -> None:
    assert repr(value) in problem_of(key, **{key: value}).given


@pytest.mark.parametrize(
    ("key", "value", "hosts"),
    [
        ("version", 16, "a Linux host"),
        ("aptSource", PGDG, "a Linux host"),
        ("monitoringFrom", ["10.0.0.5/32"], "a Linux or Windows host"),
    ],
)
def test_what_is_for_servers_is_refused_for_this_machine(key: str, value: Any, hosts: str) -> None:
    problem = problem_of(key, BOX, **{key: value})

    assert (problem.given, problem.allowed) == ("has no meaning here", f"only for a cluster on {hosts}")


CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ELSEWHERE = {"address": "pg.example.com", "caCertificate": CA}


class TestServerThatIsThereAlready:
    def test_it_is_told_by_its_address_and_who_signed_its_certificate(self) -> None:
        settings = good(**ELSEWHERE)

        assert (settings.host, settings.port, settings.max_connections) == ("", 5432, 100)
        assert settings.existing == ExistingPostgres(address="pg.example.com", admin_user="postgres", ca_certificate=CA)

    def test_every_key_arrives(self) -> None:
        settings = good(**ELSEWHERE, port=6432, maxConnections=80, adminUser="ops@prefect-db", sslMode="verify-full")

        assert (settings.port, settings.max_connections) == (6432, 80)
        assert settings.existing
        assert settings.existing.admin_user == "ops@prefect-db"

    def test_no_connection_is_unproven_unless_asked_for_by_name(self) -> None:
        assert problem_of("caCertificate", address="10.0.0.9").given == "is missing"
        settings = good(address="10.0.0.9", sslMode="disable")
        assert settings.existing
        assert settings.existing.ca_certificate == ""
        assert problem_of("caCertificate", **ELSEWHERE, sslMode="disable").given == "has no meaning here"

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("address", "two words"),
            ("address", 7),
            ("port", 0),
            ("adminUser", "o'brien"),
            ("sslMode", "require"),
            ("caCertificate", "/etc/ssl/ca.pem"),
        ],
    )
    def test_a_bad_value_is_told_alone(self, key: str, value: Any) -> None:
        assert repr(value) in problem_of(key, **{**ELSEWHERE, key: value}).given

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("host", "far"),
            ("version", 17),
            ("aptSource", PGDG),
            ("memoryMib", 4096),
            ("settings", {"work_mem": "8MB"}),
            ("monitoringFrom", ["10.0.0.5/32"]),
        ],
    )
    def test_what_is_for_a_cluster_of_the_stack_is_refused(self, key: str, value: Any) -> None:
        assert problem_of(key, **ELSEWHERE, **{key: value}).given == "has no meaning here"

    @pytest.mark.parametrize("key", ["adminUser", "sslMode", "caCertificate"])
    def test_what_is_for_an_address_is_refused_without_one(self, key: str) -> None:
        problem = problem_of(key, **{key: "x"})
        assert problem.allowed == "only beside postgres.address, for a server that is there already"


def address_problems(web: HostSettings, host: HostSettings = FAR, /, **values: Any) -> list[str]:
    """Return the keys that are told of if `web` has the server, and PostgreSQL is on `host` or elsewhere."""
    problems = Problems("prod")
    postgres = read_postgres(Table(problems, "postgres", values), (host,))
    server = ServerSettings(hosts=("web",), version="3.8.8", port=4200, log_level="INFO")
    check_clients(problems, postgres, server, (host, web))
    return [problem.key for problem in problems.found]


def test_a_server_on_another_host_is_known_by_its_address() -> None:
    by_name = HostSettings(name="web", platform="linux", address="web.example.com")
    by_address = HostSettings(name="web", platform="linux", address="2001:db8::7")
    by_private_address = HostSettings(
        name="web", platform="linux", address="web.example.com", private_address="10.0.0.7"
    )

    assert address_problems(by_name) == ["hosts.web.privateAddress"]
    assert address_problems(by_address) == address_problems(by_private_address) == []
    assert address_problems(by_name, by_name) == [], "it is the same host"
    assert address_problems(by_name, **ELSEWHERE) == [], "who gets in there is not ours to say"


def test_who_monitors_from_elsewhere_has_a_password_and_nobody_else() -> None:
    def told(secrets: dict[str, str], **values: Any) -> list[str]:
        problems = Problems("prod")
        check_monitoring_secret(problems, read_postgres(Table(problems, "postgres", values), (FAR,)), secrets)
        return [f"{problem.key} {problem.given}" for problem in problems.found]

    password = {"databaseMonitoringPassword": "looks-12-long"}
    networks = {"monitoringFrom": ["10.0.0.5/32"]}
    assert told({}, **networks) == ["databaseMonitoringPassword is missing; postgres.monitoringFrom is set"]
    assert told(password) == ["databaseMonitoringPassword is set, but nobody uses it"]
    assert told(password, **networks) == told({}) == []
