"""examples/windows.yaml brought up, changed, upgraded, rolled back and destroyed by the program itself.

Pulumi, SSH and its tunnels, PostgreSQL and Prefect's API are real. Windows is played, and so is the worker.
"""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.hosts.pulumi_stack import PulumiStack
from tests.loopback_ports import free_port
from tests.plugins.postgresql_server import PostgresqlServer
from tests.plugins.postgresql_server import serving as postgresql
from tests.prefect_runtime import prefect_server
from tests.settings.stack_file import CHECKOUT, PROJECT
from tests.windows.played_worker import playing_worker
from tests.windows.story import Story, assert_in_this_order
from tests.windows.windows_host import WindowsHost, windows_host

OLD, NEW = "3.8.7", "3.8.8"
SETTINGS_OF_SERVER = "D:/Prefect/configuration/prefect-server.env"
SECRETS = {
    "databasePassword": secrets.token_hex(20),
    "databaseAdminPassword": secrets.token_hex(20),
    "authString": f"admin:{secrets.token_hex(20)}",
    "encryptionKey": f"{secrets.token_urlsafe(32)}=",
    "secretBlock-example": f"what only flows may know {secrets.token_hex(8)}",
}
CHANGED_SECRETS = {"databasePassword": secrets.token_hex(20), "authString": f"admin:{secrets.token_hex(20)}"}


@dataclass(frozen=True)
class Prefect:
    """A real server, and a worker that is played."""

    directory: Path
    running: contextlib.ExitStack
    port: int = field(default_factory=free_port)

    def start(self, auth_string: str) -> None:
        """Let them run with this password from now on."""
        self.running.close()
        self.directory.mkdir(exist_ok=True)
        server = self.running.enter_context(prefect_server(self.directory, auth_string=auth_string, port=self.port))
        self.running.enter_context(playing_worker(server.api_url, auth_string))


@dataclass(frozen=True)
class Played:
    """The host, with a database and a server on its loopback, and its stack."""

    host: WindowsHost
    database: PostgresqlServer
    prefect: Prefect
    stack: PulumiStack

    def accepts(self, password: str) -> bool:
        """Return whether the owner of the database can log in."""
        try:
            self.database.connect("prefect", "prefect", password).close()
        except psycopg.OperationalError:
            return False
        return True


def program(directory: Path, host: WindowsHost, database: PostgresqlServer, api_port: int) -> Path:
    """Return a directory with the program and the example, whose host is the played one."""
    prefix = PROJECT["name"]
    example: dict[str, Any] = yaml.safe_load((CHECKOUT / "examples" / "windows.yaml").read_text())["config"]
    example[f"{prefix}:hosts"]["windows-1"] |= {
        "address": "127.0.0.1",
        "port": host.server.port,
        "user": host.configuration["user"],
        "hostKey": host.configuration["hostKey"],
    }
    # it may have Caddy, too
    example[f"{prefix}:hosts"]["windows-1"]["caddy"] = {"executable": "D:/offline/caddy.exe", "sha256": "ca" * 32}
    example[f"{prefix}:postgres"] = {"port": database.port}
    example[f"{prefix}:server"] = {"version": OLD, "port": api_port}
    example[f"{prefix}:protect"] = "false"
    directory.mkdir()
    (directory / "__main__.py").write_text((CHECKOUT / "__main__.py").read_text())
    # the environment that runs the tests has what the program needs
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump({**PROJECT, "runtime": "python"}))
    (directory / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": example}))
    return directory


@contextlib.contextmanager
def played(directory: Path) -> Iterator[Played]:
    """Give the host and a stack that was never up."""
    with contextlib.ExitStack() as running:
        host = running.enter_context(windows_host())
        database = running.enter_context(postgresql())
        # as the script set-postgresql-password would
        database.query(f"ALTER ROLE postgres PASSWORD '{SECRETS['databaseAdminPassword']}'")
        prefect = Prefect(directory / "prefect", running.enter_context(contextlib.ExitStack()))
        prefect.start(SECRETS["authString"])
        stack = PulumiStack(program(directory / "source", host, database, prefect.port), directory)
        stack.configure({**SECRETS, "sshPrivateKey": host.key}, secret=True)
        yield Played(host, database, prefect, stack)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Let it happen once, for all tests to look at."""
    told = Story()
    with played(tmp_path_factory.mktemp("stack")) as it:
        host, stack = it.host, it.stack
        told.keep("preview", host, stack.preview())
        told.keep("first up", host, stack.up())
        told.keep("second up", host, stack.up())
        stack.run("config", "set", "--path", "server.logLevel", "WARNING")
        told.keep("change", host, stack.up())
        stack.run("config", "set", "--path", "server.version", NEW)
        told.keep("upgrade", host, stack.up())
        stack.run("config", "set", "drift", "true")
        host.write(SETTINGS_OF_SERVER, "somebody wrote this")
        told.keep("preview of drift", host, stack.preview())
        told.keep("repair", host, stack.up())
        stack.run("config", "set", "--path", "server.version", OLD)
        told.keep("rolling back", host, stack.up())
        stack.configure(CHANGED_SECRETS, secret=True)
        with host.meanwhile("service prefect-server", lambda: it.prefect.start(CHANGED_SECRETS["authString"])):
            told.keep("change of passwords", host, stack.up())
        passwords = (SECRETS["databasePassword"], CHANGED_SECRETS["databasePassword"])
        told.accepted_passwords = [password for password in passwords if it.accepts(password)]
        told.state = "".join(path.read_text() for path in stack.state.rglob("*.json"))
        told.keep("destruction", host, stack.run("destroy", "--yes", "--skip-preview"))
    return told


def test_a_preview_goes_to_no_host(story: Story) -> None:
    assert (story.parts["preview"].steps, story.parts["preview"].logins) == ([], 0)


@pytest.mark.parametrize(
    "order",
    [
        ["preflight", "prepare-host", "install-postgresql", "create-postgresql-cluster prefect-postgresql"],
        ["create-postgresql-cluster prefect-postgresql", "service prefect-postgresql", "set-postgresql-password"],
        ["set-postgresql-password", "migrate-prefect-database prefect-server", "service prefect-server"],
        ["install-runtime", "migrate-prefect-database prefect-server"],
        ["service prefect-server", "service prefect-worker-default"],
        ["install-caddy", "caddy-site prefect-caddy", "service prefect-caddy", "caddy-certificate prefect-caddy"],
    ],
    ids=["programs", "database", "server", "runtime", "worker", "proxy"],
)
def test_everything_is_done_in_its_order(story: Story, order: list[str]) -> None:
    assert_in_this_order(story.parts["first up"].names, order)


def test_it_ends_with_a_flow_run_that_completed(story: Story) -> None:
    assert "COMPLETED" in story.parts["first up"].printed


def test_a_second_up_does_nothing(story: Story) -> None:
    second = story.parts["second up"]
    assert second.steps == []
    assert "unchanged" in second.printed


def test_a_setting_of_the_server_restarts_the_server_alone(story: Story) -> None:
    services = [name for name in story.parts["change"].names if name.startswith("service ")]
    assert services == ["service prefect-server"]


def test_an_upgrade_installs_migrates_and_restarts_in_that_order(story: Story) -> None:
    names = story.parts["upgrade"].names
    assert_in_this_order(
        names,
        [
            *("install-runtime", "migrate-prefect-database prefect-server"),
            *("service prefect-server", "service prefect-worker-default"),
        ],
    )
    assert "service prefect-postgresql" not in names


def test_what_somebody_changed_is_told_and_put_back(story: Story) -> None:
    preview, repair, after = (story.parts[part] for part in ("preview of drift", "repair", "rolling back"))
    assert f"Drift on windows-1: {SETTINGS_OF_SERVER}: content (server-settings)" in preview.printed
    assert preview.names == ["list-drift"]
    assert repair.names == ["list-drift", f"file {SETTINGS_OF_SERVER}", "service prefect-server"]
    assert after.names[0] == "list-drift"
    assert "Drift on" not in after.printed
    assert f"file {SETTINGS_OF_SERVER}" not in after.names


def test_the_way_back_to_the_old_version_is_that_of_an_upgrade(story: Story) -> None:
    back = story.parts["rolling back"]
    assert {step.function for step in back.steps} == {"create", "drift"}
    assert {name.replace(OLD, NEW) for name in back.names} == {*story.parts["upgrade"].names, "list-drift"}
    assert_in_this_order(
        back.names,
        [
            *("backup-database", "migrate-prefect-database prefect-server"),
            *("service prefect-server", "service prefect-worker-default"),
        ],
    )
    told = {step.name: step.settings for step in back.steps}
    assert f"/prefect-{OLD}-" in told["migrate-prefect-database prefect-server"]["python"]
    for service in ("prefect-server", "prefect-worker-default"):
        assert f"/prefect-{OLD}-" in told[f"service {service}"]["environment"]


def test_another_password_of_the_api_is_asked_for_only_after_the_flow_runs_with_the_old_one(story: Story) -> None:
    change = story.parts["change of passwords"]
    assert_in_this_order(
        change.names,
        [
            *("drain-worker prefect-worker-default", "file D:/Prefect/configuration/prefect-server.secrets.env"),
            *("service prefect-server", "service prefect-worker-default"),
        ],
    )
    # asked of a server that knows the new one alone
    assert "canary-default updated" in change.printed


def test_another_password_of_the_database_holds_for_its_owner_and_its_server_alone(story: Story) -> None:
    assert story.accepted_passwords == [CHANGED_SECRETS["databasePassword"]]
    change = story.parts["change of passwords"]
    readers = [step.name for step in change.steps if CHANGED_SECRETS["databasePassword"] in str(step.settings)]
    assert readers == ["file D:/Prefect/configuration/prefect-server.secrets.env"]
    assert "service prefect-postgresql" not in change.names


def test_destroying_stops_services_before_it_removes_what_they_run_from(story: Story) -> None:
    destruction = story.parts["destruction"]
    assert {step.function for step in destruction.steps} == {"drift", "delete"}
    services = ["service prefect-worker-default", "service prefect-server", "service prefect-postgresql"]
    assert_in_this_order(destruction.names, [*services, "prepare-host"])


@pytest.mark.parametrize(
    "secret",
    [*SECRETS.values(), *CHANGED_SECRETS.values()],
    ids=[*SECRETS, *(f"another {name}" for name in CHANGED_SECRETS)],
)
def test_a_secret_is_in_no_command_line_no_output_and_no_state(story: Story, secret: str) -> None:
    assert [part for part, told in story.parts.items() if secret in told.printed] == []
    assert not any(secret in step.command for part in story.parts.values() for step in part.steps)
    assert secret not in story.state


def test_a_secret_goes_to_those_who_need_it_and_to_nobody_else(story: Story) -> None:
    readers = {
        name: {step.name.rpartition("/")[2] for step in story.parts["first up"].steps if secret in str(step.settings)}
        for name, secret in SECRETS.items()
    }
    assert readers == {
        "databasePassword": {"prefect-server.secrets.env"},
        "databaseAdminPassword": {"set-postgresql-password"},
        "authString": {
            *("prefect-server.secrets.env", "prefect-worker-default.secrets.env"),
            "drain-worker prefect-worker-default",
        },
        "encryptionKey": {"prefect-server.secrets.env"},
        "secretBlock-example": set(),
    }
