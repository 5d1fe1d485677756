"""The settings of a stack file: what each key means when it is good, and what is said when it is not."""

import dataclasses
import re
import shlex
from typing import Any

import pytest

from components.settings import SECTIONS, SWITCHES, HostSettings, Settings
from components.settings.prefect_objects import SECRET_FIELD_PREFIX
from components.settings.secrets import OPTIONAL_SECRETS, REQUIRED_SECRETS, SECRET_BLOCK_PREFIX
from components.settings.worker_accounts import PASSWORD_PREFIX
from tests.settings.stack_file import CHECKOUT, SCHEMA, parsed, problems, stack_file

LOCAL = {"platform": "local"}
LINUX = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}
NEWEST = "3.8.8"

GOOD_TABLES: dict[str, dict[str, Any]] = {
    "hosts": {"box": {"platform": "local", "directory": "/srv/prefect"}},
    "postgres": {"host": "box", "port": 5433, "maxConnections": 200},
    "server": {"hosts": ["box"], "version": NEWEST, "port": 4201, "logLevel": "DEBUG"},
    "workPools": {"etl": {"type": "process", "concurrencyLimit": 3}},
    "workers": {"day": {"host": "box", "workPool": "etl", "healthPort": 4300, "limit": 2, "drainSeconds": 9}},
}
"""Every key of every table, none at its default."""


def with_value(key: str, value: Any) -> dict[str, str]:
    """Return a stack file that sets one key, such as `server.port`; the machine is called `box`, all else `default`."""
    section, *path = key.split(".")
    tables: dict[str, Any] = {
        "hosts": {"box": dict(LOCAL)},
        "postgres": {"host": "box"},
        "server": {"hosts": ["box"]},
        "workPools": {"default": {}},
        "workers": {"default": {"host": "box"}},
    }
    if path[:1] == ["far"]:
        tables["hosts"]["far"] = dict(LINUX)
    table = tables.setdefault(section, {})
    for name in path[:-1]:
        table = table.setdefault(name, {})
    table[path[-1]] = value
    return stack_file(**tables)


class TestWithoutSettings:
    """A stack file that sets nothing but the secrets is a small Prefect on this machine."""

    @pytest.fixture
    def settings(self) -> Settings:
        return parsed(stack_file())

    def test_everything_stands_on_this_machine(self, settings: Settings) -> None:
        directory = str(CHECKOUT / ".local" / "hosts" / "dev" / "this-machine")
        (host,) = settings.hosts
        assert (host.name, host.platform, host.address, host.directory) == (
            "this-machine",
            "local",
            "127.0.0.1",
            directory,
        )
        assert settings.postgres.host == "this-machine"
        assert settings.server.hosts == ("this-machine",)
        assert settings.prefect_hosts == ("this-machine",)

    def test_one_worker_serves_one_pool_without_a_limit(self, settings: Settings) -> None:
        assert [(pool.name, pool.concurrency_limit) for pool in settings.work_pools] == [("default", None)]
        assert [(w.name, w.host, w.work_pool) for w in settings.workers] == [("default", "this-machine", "default")]

    def test_the_defaults_are_those_that_are_documented(self, settings: Settings) -> None:
        assert (settings.postgres.port, settings.postgres.max_connections) == (54320, 100)
        assert (settings.server.version, settings.server.port, settings.server.log_level) == (NEWEST, 4200, "INFO")
        assert settings.workers[0].health_port == 4210
        assert settings.secret_blocks == ()
        assert settings.purge_on_destroy is False

    def test_the_host_knows_every_port_its_services_listen_on(self, settings: Settings) -> None:
        assert dict(settings.hosts[0].ports) == {
            "postgres.port": 54320,
            "server.port": 4200,
            "workers.default.healthPort": 4210,
        }

    def test_root_keeps_hosts_where_the_service_user_can_reach_them(self) -> None:
        assert parsed(stack_file(), user_id=0).hosts[0].directory.startswith("/var/lib/prefect-selfhost/")


def test_every_key_of_every_table_arrives() -> None:
    settings = parsed(stack_file(**GOOD_TABLES, drift=True, purgeOnDestroy=True))

    assert (settings.hosts[0].name, settings.hosts[0].directory) == ("box", "/srv/prefect")
    assert (settings.postgres.host, settings.postgres.port, settings.postgres.max_connections) == ("box", 5433, 200)
    assert dataclasses.astuple(settings.server) == (("box",), NEWEST, 4201, "DEBUG", "", {})
    assert [(pool.name, pool.type, pool.concurrency_limit) for pool in settings.work_pools] == [("etl", "process", 3)]
    assert [dataclasses.astuple(worker) for worker in settings.workers] == [("day", "box", "etl", 4300, 2, 9, "", "")]
    assert settings.drift is True
    assert settings.purge_on_destroy is True


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hosts.box.directory", "/srv/josé/prefect-3@home"),
        ("postgres.port", 1024),
        ("postgres.port", 65535),
        ("postgres.maxConnections", 25),
        ("postgres.maxConnections", 10000),
        ("server.hosts", ["box"]),
        ("server.logLevel", "CRITICAL"),
        ("server.logLevel", None),
        ("workPools.default.concurrencyLimit", 0),
        ("workPools.default.concurrencyLimit", 100_000),
        ("workPools.default.concurrencyLimit", None),
        ("workPools.default", None),
        ("workers.default.healthPort", 65535),
        ("workers.default.limit", 1),
        ("workers.default.limit", 10_000),
        ("workers.default.drainSeconds", 0),
        ("workers.default.drainSeconds", 30),
        ("workers.a", None),
        ("workers.a23456789-123456789-123456789-123456789", None),
    ],
)
def test_a_good_value_at_the_edge_is_taken(key: str, value: Any) -> None:
    values = with_value(key, value)
    if key.startswith("workers.a"):
        values = stack_file(workers={key.removeprefix("workers."): value})
    assert problems(values) == {}


BAD_VALUES: list[tuple[str, Any, str, str]] = [
    # key, value, what is said of it, and the value that the command to paste sets
    ("hosts.box.platform", None, "is missing", "local"),
    ("hosts.box.platform", "locale", "did you mean local?", "local"),
    ("hosts.box.platform", "solaris", "is 'solaris'", "local"),
    ("hosts.box.platform", 3, "is 3", "local"),
    ("hosts.box.directory", "relative/path", "is 'relative/path'", "/srv/prefect"),
    ("hosts.box.directory", "/srv/two words", "is '/srv/two words'", "/srv/prefect"),
    ("hosts.box.directory", "/srv/*;$HOME", "is '/srv/*;$HOME'", "/srv/prefect"),
    ("hosts.box.directory", "/", "is '/'", "/srv/prefect"),
    ("hosts.box.directory", "/srv/prefect\n", "is '/srv/prefect\\n'", "/srv/prefect"),
    ("hosts.box.directory", 7, "is 7", "/srv/prefect"),
    ("hosts.far.address", None, "is missing", "203.0.113.10"),
    ("hosts.far.address", "two words", "is 'two words'", "203.0.113.10"),
    ("hosts.far.address", "-oProxyCommand=x", "is '-oProxyCommand=x'", "203.0.113.10"),
    ("hosts.far.address", "", "is ''", "203.0.113.10"),
    ("hosts.far.port", 0, "is 0", "22"),
    ("hosts.far.port", "ssh", "is 'ssh'", "22"),
    ("hosts.far.user", "Ops Team", "is 'Ops Team'", "ops"),
    ("hosts.far.user", [], "is []", "ops"),
    ("hosts.far.hostKey", None, "is missing", "ssh-ed25519 AAAA"),
    ("hosts.far.hostKey", "SHA256:abc", "is 'SHA256:abc'", "ssh-ed25519 AAAA"),
    ("hosts.far.jumpHost", "fra", "did you mean far?", "far"),
    ("hosts.far.jumpHost", 7, "is 7", "far"),
    ("hosts.far.privateAddress", "far.example.com", "is 'far.example.com'", "10.0.0.10"),
    ("hosts.far.tunnelPort", 80, "is 80", "1024"),
    ("hosts.far.tunnelPort", 65535, "is 65535", "1024"),
    ("hosts.far.tunnelPort", "20000", "is '20000'", "1024"),
    ("postgres.host", "bx", "did you mean box?", "box"),
    ("postgres.host", ["box"], "is ['box']", "box"),
    ("postgres.port", 1023, "is 1023", "54320"),
    ("postgres.port", 65536, "is 65536", "54320"),
    ("postgres.port", "5432", "is '5432'", "54320"),
    ("postgres.port", 5432.5, "is 5432.5", "54320"),
    ("postgres.port", True, "is True", "54320"),
    ("postgres.maxConnections", 19, "is 19", "100"),
    ("postgres.maxConnections", 10001, "is 10001", "100"),
    ("postgres.maxConnections", 24, "too few for 1 server process", "100"),
    ("server.version", "3.8", "did you mean 3.8.8?", NEWEST),
    ("server.version", 3, "is 3", NEWEST),
    ("server.port", 80, "is 80", "4200"),
    ("server.port", {}, "is {}", "4200"),
    ("server.wheelDirectory", "wheels", "is 'wheels'", "/srv/wheels"),
    ("server.logLevel", "debug", "is 'debug'", "INFO"),
    ("server.logLevel", "WARN", "did you mean WARNING?", "WARNING"),
    ("workPools.default.type", "proces", "did you mean process?", "process"),
    ("workPools.default.type", "Docker", "did you mean docker?", "docker"),
    ("workPools.default.type", "docker", "a worker of it is not on a Linux server", "process"),
    ("workPools.default.concurrencyLimit", -1, "is -1", "0"),
    ("workPools.default.concurrencyLimit", 100_001, "is 100001", "0"),
    ("workPools.default.concurrencyLimit", "ten", "is 'ten'", "0"),
    ("workPools.default.concurrencyLimit", False, "is False", "0"),
    ("workers.default.host", "nowhere", "is 'nowhere'", "box"),
    ("workers.default.workPool", "defualt", "did you mean default?", "default"),
    ("workers.default.workPool", 1, "is 1", "default"),
    ("workers.default.healthPort", 1023, "is 1023", "4210"),
    ("workers.default.healthPort", "4210", "is '4210'", "4210"),
    ("workers.default.limit", 0, "is 0", "1"),
    ("workers.default.limit", "2", "is '2'", "1"),
    ("workers.default.drainSeconds", -1, "is -1", "30"),
    ("workers.default.drainSeconds", 31, "is 31", "30"),
    ("workers.default.drainSeconds", "1h", "is '1h'", "30"),
]


@pytest.mark.parametrize(("key", "value", "said", "example"), BAD_VALUES)
def test_a_bad_value_is_told_with_the_command_that_mends_it(key: str, value: Any, said: str, example: str) -> None:
    problem = problems(with_value(key, value))[key]

    assert said in problem.given
    command = f"pulumi config set --stack dev --path {key} {shlex.quote(example)}"
    if example.isdigit() and type(value) is not int:
        # where a text stands, Pulumi would make the number a text too
        command = f"pulumi config rm --stack dev --path {key} && {command}"
    assert problem.command == command


@pytest.mark.parametrize("value", [[], ["nowhere"], ["box", "nowhere"], "box", '["box"]', {"box": 1}, [["box"]]])
def test_the_servers_hosts_are_a_list_of_known_hosts(value: Any) -> None:
    problem = problems(with_value("server.hosts", value))["server.hosts"]

    assert repr(value) in problem.given
    # Pulumi refuses to set an element of what is not a list
    afresh = "pulumi config rm --stack dev --path server.hosts"
    assert problem.command == f"{afresh} && pulumi config set --stack dev --path 'server.hosts[0]' box"


def test_each_bad_value_is_told_alone() -> None:
    """One mistake is one problem: no other key is blamed for it."""
    for key, value, _, _ in BAD_VALUES:
        told = set(problems(with_value(key, value)))
        assert told - {"hosts.far.platform"} <= {key}, f"{key}={value!r} is told as {sorted(told)}"


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("value", ["text", "3", "[]", "null", "true", "{broken", '"a"', ""])
def test_a_section_that_is_no_table_is_told_alone_and_falls_back_to_its_default(section: str, value: str) -> None:
    found = problems(stack_file(**{section: value}))

    assert list(found) == [section]
    assert found[section].allowed == "a table of settings"
    assert found[section].command == f"pulumi config rm --stack dev {section}"


@pytest.mark.parametrize("section", ["hosts", "workPools", "workers"])
@pytest.mark.parametrize("value", [0, False, "", "text", []])
def test_an_entry_that_is_no_table_is_told_alone(section: str, value: Any) -> None:
    found = problems(with_value(f"{section}.default", value))

    assert next(iter(found)) == f"{section}.default"
    assert found[f"{section}.default"].allowed == "a table of settings"


@pytest.mark.parametrize("section", ["hosts", "workPools", "workers"])
def test_there_is_at_least_one_host_pool_and_worker(section: str) -> None:
    found = problems(stack_file(**{section: {}}))

    assert list(found) == [section]
    assert found[section].given == "is empty"


@pytest.mark.parametrize("section", ["hosts", "workPools", "workers"])
@pytest.mark.parametrize("name", ["Web", "1st", "a_b", "a-", "ä", "a.b", 'q"', "a b", "", "x" * 41])
def test_a_bad_name_is_told_with_the_command_that_removes_it(section: str, name: str) -> None:
    entry = LOCAL if section == "hosts" else {}
    problem = next(iter(problems(stack_file(**{section: {name: entry}})).values()))

    assert problem.given == "is no good name"
    assert problem.command.startswith("pulumi config rm --stack dev --path ")


def test_prefects_own_pool_names_are_refused() -> None:
    (problem,) = problems(stack_file(workPools={"prefect-etl": {}})).values()

    assert problem.key == "workPools.prefect-etl"
    assert "Prefect keeps names" in problem.allowed


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("hosts.box.platfrom", "platform"),
        ("hosts.box.dir", "directory"),
        ("postgres.maxConnection", "maxConnections"),
        ("server.loglevel", "logLevel"),
        ("workPools.default.concurrency_limit", "concurrencyLimit"),
        ("workers.default.workpool", "workPool"),
    ],
)
def test_a_misspelled_key_is_told_with_the_one_that_was_meant(key: str, meant: str) -> None:
    problem = problems(with_value(key, 1))[key]

    assert f"did you mean {meant}?" in problem.given or key.endswith(".dir")
    assert problem.command == f"pulumi config rm --stack dev --path {key}"


@pytest.mark.parametrize(
    ("key", "meant"),
    [("host", "hosts"), ("workpools", "workPools"), ("purgeondestroy", "purgeOnDestroy"), ("authstring", "authString")],
)
def test_a_misspelled_top_level_key_is_told_with_the_one_that_was_meant(key: str, meant: str) -> None:
    problem = problems(stack_file(**{key: "{}"}))[key]

    assert f"did you mean {meant}?" in problem.given
    assert problem.command == f"pulumi config rm --stack dev {key}"


def test_the_tables_of_this_module_name_every_key_there_is() -> None:
    """What an unknown key is told to choose from is the truth about which keys there are."""
    everything: dict[str, Any] = {
        **GOOD_TABLES,
        "hosts": {"box": {**LOCAL, "colour": 1}, "far": {**LINUX, "colour": 1}},
        "postgres": {"colour": 1},
        "server": {"colour": 1},
        "workPools": {"etl": {"colour": 1}},
        "workers": {"day": {"colour": 1}},
    }
    known = {
        re.sub(r"\.(far|etl|day)\.", lambda match: f".{match[1]}.", key.removesuffix("colour")) + name
        for key, problem in problems(stack_file(**everything)).items()
        if key.endswith(".colour")
        for name in problem.allowed.removeprefix("one of ").split(", ")
    }
    anonymous = {re.sub(r"^(hosts|workPools|workers)\.[a-z]+\.", r"\1.*.", key) for key in known}
    tested = {re.sub(r"^(hosts|workPools|workers)\.[a-z]+\.", r"\1.*.", key) for key, *_ in BAD_VALUES}
    # and in test_server_settings.py, test_postgres.py, test_prefect_object_settings.py and test_azure_settings.py
    tested |= {"server.settings", "workers.*.memoryMax", "workers.*.account", "hosts.*.azure"}
    tested |= {
        f"workPools.*.{key}"
        for key in ("description", "paused", "jobVariables", "baseJobTemplate", "workQueues", "adopt")
    }
    tested |= {
        f"postgres.{key}" for key in ("address", "version", "aptSource", "memoryMib", "settings", "monitoringFrom")
    }
    assert anonymous == tested | {"server.hosts"}


def test_data_is_protected_unless_it_is_on_this_machine_or_the_stack_file_says_otherwise() -> None:
    far = {"hosts": {"far": LINUX}}
    assert parsed(stack_file(**far)).protect is True
    assert parsed(stack_file(**far, protect=False)).protect is False
    assert parsed(stack_file()).protect is False
    assert parsed(stack_file(protect=True)).protect is True


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("value", ["yes", "True", "1", ""])
def test_a_switch_is_true_or_false(key: str, value: str) -> None:
    problem = problems(stack_file(**{key: value}))[key]

    assert problem.given == f"is {value!r}"
    assert problem.command == f"pulumi config set --stack dev {key} false"


def test_pulumi_yaml_and_the_code_know_the_same_keys() -> None:
    """Plain keys are declared, with defaults; secrets are told in a comment, or Pulumi itself would demand them."""
    told = set(re.findall(r"^  #   (\w\S*)", (CHECKOUT / "Pulumi.yaml").read_text(), re.MULTILINE))

    # Pulumi has no default that depends on the hosts
    assert set(SCHEMA) == {*SECTIONS, *SWITCHES} - {"protect"}
    assert all("default" in entry and "secret" not in entry for entry in SCHEMA.values())
    assert told == {
        *REQUIRED_SECRETS,
        *OPTIONAL_SECRETS,
        f"{SECRET_BLOCK_PREFIX}NAME",
        f"{SECRET_FIELD_PREFIX}NAME",
        f"{PASSWORD_PREFIX}NAME",
        "protect",
    }


def test_all_problems_come_in_one_error() -> None:
    values = stack_file(
        colour="red",
        hosts={"Box": {"platform": "locl"}},
        postgres={"port": "x"},
        server="[]",
        workPools={"default": {"type": "dcker"}},
        workers={"default": {"workPool": "no", "healthPort": 1}},
        purgeOnDestroy="maybe",
        authString=None,
    )

    assert set(problems(values)) == {
        *("colour", "hosts.Box", "hosts.Box.platform", "postgres.port", "server", "workPools.default.type"),
        *("workers.default.workPool", "workers.default.healthPort", "purgeOnDestroy", "authString"),
    }


def test_a_host_is_a_plain_value() -> None:
    """Two equal stack files give equal settings, so nothing but what is written can change a preview."""
    assert parsed(stack_file()) == parsed(stack_file())
    assert isinstance(parsed(stack_file()).hosts[0], HostSettings)
