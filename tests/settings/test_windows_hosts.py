"""Windows hosts of a stack file: what their owner has put there, and what can be on them."""

import copy
import shlex
from typing import Any

import pytest

from components.platforms import GivenFile
from components.settings import HostSettings
from tests.settings.stack_file import parsed, problems, stack_file

SHA256 = "0123456789abcdef" * 4
SHAWL = {"executable": "D:/offline/shawl.exe", "sha256": SHA256}
WINDOWS: dict[str, Any] = {
    "platform": "windows",
    "address": "203.0.113.30",
    "hostKey": "ssh-ed25519 AAAA",
    "python": {"executable": "C:/Program Files/Python312/python.exe"},
    "postgresql": {"archive": "D:/offline/postgresql.zip", "sha256": SHA256},
    "shawl": SHAWL,
}
LINUX: dict[str, Any] = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAA"}
ON_LINUX = {"postgres": {"host": "db"}, "server": {"hosts": ["db"]}}


def windows(path: str = "", value: Any = None) -> dict[str, str]:
    """Return a stack file with one Windows host `win`, one of whose keys is set, or removed by None."""
    host = copy.deepcopy(WINDOWS)
    if path:
        table, _, key = path.rpartition(".")
        place = host[table] if table else host
        place.pop(key, None)
        if value is not None:
            place[key] = value
    return stack_file(hosts={"win": host})


def read(values: dict[str, str]) -> HostSettings:
    (host,) = (host for host in parsed(values).hosts if host.windows)
    return host


def test_postgresql_may_be_installed_already() -> None:
    host = read(windows("postgresql", {"directory": "C:/Program Files/PostgreSQL/17"}))
    assert host.windows
    assert (host.windows.postgresql, host.windows.postgresql_directory) == (None, "C:/Program Files/PostgreSQL/17")


def test_postgresql_is_installed_or_comes_from_an_archive() -> None:
    found = problems(windows("postgresql.directory", "C:/Program Files/PostgreSQL/17"))
    assert {key: problem.allowed for key, problem in found.items()} == {
        "hosts.win.postgresql.directory": "where there is no postgresql.archive"
    }


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("C:\\Program Files\\PostgreSQL\\17", "is 'C:"),
        ("Program Files/PostgreSQL/17", "is 'Program"),
        ("//server/share/PostgreSQL", "is '//server"),
        ("", "is ''"),
        ("c:/programdata/prefect/runtime/pgsql", "below the directory of this host"),
        ("C:/ProgramData/Prefect", "below the directory of this host"),
    ],
)
def test_where_postgresql_is_installed_is_a_full_path_that_stays(directory: str, said: str) -> None:
    found = problems(windows("postgresql", {"directory": directory}))
    assert list(found) == ["hosts.win.postgresql.directory"]
    problem = found["hosts.win.postgresql.directory"]
    assert said in problem.given
    assert problem.command.endswith(" 'C:/Program Files/PostgreSQL/17'")


def test_a_windows_host_says_no_more_than_what_its_owner_put_there() -> None:
    host = read(windows())
    assert (host.platform, host.user, host.port) == ("windows", "Administrator", 22)
    assert host.directory == "C:/ProgramData/Prefect"
    assert host.windows
    assert host.windows.wrapper == GivenFile(path="D:/offline/shawl.exe", sha256=SHA256)
    assert host.windows.postgresql == GivenFile(path="D:/offline/postgresql.zip", sha256=SHA256)
    assert (host.windows.python, host.windows.python_archive) == ("C:/Program Files/Python312/python.exe", None)
    assert [key for key, _ in host.ports] == ["server.port", "workers.default.healthPort", "postgres.port"]


def test_python_may_come_from_an_archive() -> None:
    host = read(windows("python", {"archive": "D:/offline/python.3.12.10.nupkg", "sha256": SHA256.upper()}))
    assert host.windows
    assert host.windows.python_archive == GivenFile(path="D:/offline/python.3.12.10.nupkg", sha256=SHA256)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("directory", "D:/Prefect"),
        ("directory", "e:/srv/Prefect-3@home"),
        ("wheelDirectory", "D:/offline/wheels"),
        ("wheelDirectory", "D:/off line/Räder (neu)"),
        ("user", "EXAMPLE\\ops"),
        ("user", "ops@example.com"),
        ("python.executable", "C:/Program Files (x86)/Python/python.exe"),
        ("postgresql.sha256", SHA256.upper()),
        ("privateAddress", "10.0.0.30"),
        ("tunnelPort", 20000),
    ],
)
def test_a_good_value_is_taken(key: str, value: Any) -> None:
    assert problems(windows(key, value)) == {}


@pytest.mark.parametrize(
    ("key", "value", "said", "example"),
    [
        ("address", None, "is missing", "203.0.113.10"),
        ("hostKey", None, "is missing", "ssh-ed25519 AAAA"),
        ("user", "two words", "is 'two words'", "Administrator"),
        ("user", "a\\b\\c", "is 'a\\\\b\\\\c'", "Administrator"),
        ("directory", "/srv/prefect", "is '/srv/prefect'", "D:/Prefect"),
        ("directory", "D:\\Prefect", "is 'D:\\\\Prefect'", "D:/Prefect"),
        ("directory", "D:/two words", "is 'D:/two words'", "D:/Prefect"),
        ("directory", "D:/", "is 'D:/'", "D:/Prefect"),
        ("directory", "D:/" + "x" * 58, "is 'D:/xxx", "D:/Prefect"),
        ("directory", "D:/Prefect.", "is 'D:/Prefect.'", "D:/Prefect"),
        ("wheelDirectory", "\\\\server\\share", "is ", "D:/offline/wheels"),
        ("wheelDirectory", "wheels", "is 'wheels'", "D:/offline/wheels"),
        ("python.executable", None, "is missing", "C:/Program Files/Python312/python.exe"),
        ("python.executable", "python.exe", "is 'python.exe'", "C:/Program Files/Python312/python.exe"),
        ("shawl.executable", None, "is missing", "D:/offline/shawl.exe"),
        ("shawl.executable", "D:/%TEMP%/shawl.exe", "is 'D:/%TEMP%/shawl.exe'", "D:/offline/shawl.exe"),
        ("shawl.sha256", None, "is missing", "0" * 64),
        ("shawl.sha256", "abc", "is 'abc'", "0" * 64),
        ("postgresql.archive", None, "is missing", "D:/offline/postgresql-17.6-1-windows-x64-binaries.zip"),
        ("postgresql.sha256", SHA256[1:], "is '", "0" * 64),
    ],
)
def test_a_bad_value_is_told_alone_with_the_command_that_mends_it(
    key: str, value: Any, said: str, example: str
) -> None:
    found = problems(windows(key, value))
    assert list(found) == [f"hosts.win.{key}"]
    problem = found[f"hosts.win.{key}"]
    assert said in problem.given
    assert problem.command == f"pulumi config set --stack dev --path hosts.win.{key} {shlex.quote(example)}"


@pytest.mark.parametrize(
    ("key", "value"),
    [("memory", "4G"), ("shawl.path", "D:/shawl.exe"), ("python.version", "3.12"), ("postgresql.version", 17)],
)
def test_a_key_that_means_nothing_is_told(key: str, value: Any) -> None:
    assert problems(windows(key, value))[f"hosts.win.{key}"].given.startswith("is not a setting")


def test_python_is_an_executable_or_an_archive() -> None:
    found = problems(windows("python.archive", "D:/offline/python.nupkg"))
    assert sorted(found) == ["hosts.win.python.executable", "hosts.win.python.sha256"]
    assert found["hosts.win.python.executable"].allowed == "where there is no python.archive"


def test_all_that_a_host_lacks_is_told_at_once() -> None:
    found = problems(stack_file(hosts={"win": {"platform": "windows"}}))
    assert set(found) == {
        *("hosts.win.address", "hosts.win.hostKey", "hosts.win.shawl.executable", "hosts.win.shawl.sha256"),
        *("hosts.win.python.executable", "hosts.win.postgresql.archive"),
    }
    assert found["hosts.win.postgresql.archive"].given == "is missing, and postgres.host is this host"
    assert found["hosts.win.python.executable"].given == "is missing, and server is on this host"


def mixed(**sections: Any) -> dict[str, str]:
    """Return a stack file with a Linux host `db` and a Windows host `win`, which has no database unless told."""
    hosts = {"db": LINUX, "win": {key: value for key, value in WINDOWS.items() if key != "postgresql"}}
    return stack_file(**{"hosts": hosts, **ON_LINUX, "workers": {"default": {"host": "win"}}, **sections})


class TestMixedStacks:
    def test_workers_on_windows_may_serve_a_server_on_linux(self) -> None:
        assert problems(mixed()) == {}

    def test_prefect_on_windows_may_use_a_database_on_linux(self) -> None:
        assert problems(mixed(server={"hosts": ["win"]})) == {}

    def test_a_windows_host_may_be_behind_a_linux_host(self) -> None:
        host = {**{key: value for key, value in WINDOWS.items() if key != "postgresql"}, "jumpHost": "db"}
        assert read(mixed(hosts={"db": LINUX, "win": host})).jump_host

    def test_a_windows_host_is_no_jump_host(self) -> None:
        other = {key: value for key, value in WINDOWS.items() if key != "postgresql"}
        found = problems(mixed(hosts={"db": {**LINUX, "jumpHost": "win"}, "win": other}))
        assert list(found) == ["hosts.db.jumpHost"]

    def test_a_database_on_windows_may_serve_prefect_on_linux(self) -> None:
        settings = parsed(
            stack_file(
                hosts={"db": {**LINUX, "privateAddress": "10.0.0.10"}, "win": WINDOWS},
                **{**ON_LINUX, "postgres": {"host": "win", "monitoringFrom": ["10.0.9.0/24"]}},
                workers={"default": {"host": "db"}},
                databaseMonitoringPassword="m" * 40,
            )
        )
        openings = {host.name: settings.private_ports(host) for host in settings.hosts}
        assert openings == {"db": {}, "win": {5432: ("10.0.0.10", "10.0.9.0/24")}}

    def test_a_server_elsewhere_that_has_but_a_name_is_told(self) -> None:
        hosts = {"db": {**LINUX, "address": "db.example.com"}, "win": WINDOWS}
        found = problems(
            stack_file(hosts=hosts, **{**ON_LINUX, "postgres": {"host": "win"}}, workers={"default": {"host": "db"}})
        )
        assert list(found) == ["hosts.db.privateAddress"]

    def test_programs_that_nobody_uses_are_told(self) -> None:
        found = problems(mixed(hosts={"db": LINUX, "win": WINDOWS}))
        assert {key: problem.given for key, problem in found.items()} == {
            "hosts.win.postgresql": "is set, but nobody uses it"
        }

    @pytest.mark.parametrize("key", ["version", "aptSource"])
    def test_what_only_a_cluster_on_linux_has_is_refused(self, key: str) -> None:
        found = problems(stack_file(hosts={"win": WINDOWS}, postgres={key: "17"}))
        assert {key: problem.allowed for key, problem in found.items()} == {
            f"postgres.{key}": "only for a cluster on a Linux host"
        }

    def test_two_windows_hosts_may_have_the_same_directory(self) -> None:
        other = {**{key: value for key, value in WINDOWS.items() if key != "postgresql"}, "address": "203.0.113.31"}
        hosts = {"win": WINDOWS, "too": other}
        workers = {"default": {"host": "win"}}
        assert (
            problems(stack_file(hosts=hosts, postgres={"host": "win"}, server={"hosts": ["win"]}, workers=workers))
            == {}
        )

    def test_wheels_are_where_each_host_has_them(self) -> None:
        host = {**{key: value for key, value in WINDOWS.items() if key != "postgresql"}, "wheelDirectory": "D:/wheels"}
        server = {"hosts": ["db"], "wheelDirectory": "/srv/wheels"}
        settings = parsed(mixed(hosts={"db": LINUX, "win": host}, server=server))
        found = {host.name: settings.purpose(host)["wheel_directory"] for host in settings.hosts}
        assert found == {"db": "/srv/wheels", "win": "D:/wheels"}

    def test_containers_are_for_linux(self) -> None:
        found = problems(mixed(workPools={"default": {"type": "docker"}}))
        assert list(found) == ["workPools.default.type"]


class TestBackups:
    def test_they_are_made_beside_everything_else_of_the_host(self) -> None:
        backups = parsed(windows("directory", "D:/Prefect")).backups
        assert backups
        assert (backups.directory, backups.schedule, backups.copy_to) == ("D:/Prefect/backups", "02:30", "")

    @pytest.mark.parametrize(
        ("key", "value"),
        [("directory", "E:/backups"), ("schedule", "Mon..Fri 02:30"), ("schedule", "00,12:15"), ("keep", 3)],
    )
    def test_a_good_value_is_taken(self, key: str, value: Any) -> None:
        assert problems(stack_file(hosts={"win": WINDOWS}, backups={key: value})) == {}

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("directory", "/var/backups/prefect"),
            ("directory", "backups"),
            ("schedule", "*-*-01 02:30"),
            ("schedule", "*:0/15"),
            ("schedule", "25:00"),
            ("drillSchedule", "weekly"),
        ],
    )
    def test_a_bad_value_is_told(self, key: str, value: Any) -> None:
        assert list(problems(stack_file(hosts={"win": WINDOWS}, backups={key: value}))) == [f"backups.{key}"]


class TestCopies:
    """Of backups, away from the host, by a restic.exe that its owner puts there."""

    COPY = {"copyTo": "s3:https://s3.example.com/prefect"}  # noqa: RUF012 - never changed
    RESTIC = {"executable": "D:/offline/restic.exe", "sha256": SHA256}  # noqa: RUF012 - never changed

    def copied(self, restic: Any = None, **sections: Any) -> dict[str, str]:
        host = WINDOWS if restic is None else {**WINDOWS, "restic": restic}
        credentials = {"backupCopyEnvironment": "RESTIC_PASSWORD=correct-horse-battery"}
        return stack_file(**{"hosts": {"win": host}, "backups": self.COPY, **credentials, **sections})

    def test_they_are_made_by_what_was_put_there(self) -> None:
        values = self.copied(self.RESTIC)
        assert problems(values) == {}
        windows_host = read(values)
        assert windows_host.windows
        assert windows_host.windows.restic == GivenFile(path="D:/offline/restic.exe", sha256=SHA256)

    def test_without_it_they_are_refused_with_what_is_needed(self) -> None:
        found = problems(self.copied())
        assert list(found) == ["hosts.win.restic.executable"]
        assert found["hosts.win.restic.executable"].given == "is missing, and backups.copyTo is set"

    @pytest.mark.parametrize(
        ("key", "value"),
        [("executable", "restic.exe"), ("executable", None), ("sha256", "abc"), ("sha256", None), ("colour", 1)],
    )
    def test_a_bad_value_is_told_alone(self, key: str, value: Any) -> None:
        restic = {name: given for name, given in {**self.RESTIC, key: value}.items() if given is not None}
        assert list(problems(self.copied(restic))) == [f"hosts.win.restic.{key}"]

    def test_without_copies_it_is_needless(self) -> None:
        found = problems(self.copied(self.RESTIC, backups={}, backupCopyEnvironment=None))
        assert {key: problem.given for key, problem in found.items()} == {
            "hosts.win.restic": "is set, but nobody uses it"
        }

    def test_so_it_is_on_a_host_without_the_database(self) -> None:
        host = {key: value for key, value in WINDOWS.items() if key != "postgresql"}
        found = problems(mixed(hosts={"db": LINUX, "win": {**host, "restic": self.RESTIC}}))
        assert list(found) == ["hosts.win.restic"]


class TestZombies:
    """Flow runs whose process is gone without a word, as when Windows restarts."""

    def names(self, values: dict[str, str]) -> list[str]:
        return [automation.name for automation in parsed(values).objects.automations]

    def test_a_stack_with_workers_on_windows_looks_for_them(self) -> None:
        (automation,) = parsed(mixed()).objects.automations
        assert automation.name == "flow-run-zombie"
        # Prefect gives a heartbeat each 180 s
        assert automation.trigger["within"] > 2 * 180

    def test_its_own_automation_for_that_stands_in_its_place(self) -> None:
        assert self.names(mixed(automations={"lost": {"when": "flow-run-zombie"}})) == ["lost"]

    def test_others_stay(self) -> None:
        trigger = {"type": "event", "posture": "Reactive", "threshold": 1}
        automations = {"mine": {"trigger": trigger, "actions": [{"type": "cancel-flow-run"}]}}
        assert self.names(mixed(automations=automations)) == ["mine", "flow-run-zombie"]

    def test_a_stack_without_workers_on_windows_does_not(self) -> None:
        assert self.names(stack_file(hosts={"db": LINUX})) == []
