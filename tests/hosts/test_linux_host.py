"""A stack on a real Linux host: what `up`, `preview`, `refresh` and `destroy` do to it, and what faults do to them."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from secrets import token_hex

import paramiko
import pytest

from tests.hosts.command_lines import command_lines_of_all_processes
from tests.hosts.debian_host import DebianHost
from tests.hosts.pulumi_stack import PulumiStack, stack_on
from tests.hosts.testbed import run_tool
from tests.waiting import wait_until

PAGE = "/etc/prefect/site/index.html"
_GET = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
SECRETS = "/etc/prefect/web.secrets.env"


@dataclass(frozen=True)
class Site:
    """The stack of tests/hosts/program, and the host that it is on."""

    stack: PulumiStack
    host: DebianHost

    def set_token(self) -> str:
        """Configure another secret for the web service and return it."""
        token = token_hex(16)
        self.stack.configure({"token": token}, secret=True)
        return token

    def shows(self, text: str) -> bool:
        """Tell whether the web service answers with this text."""
        return text in self.host.run(f"python3 -c '{_GET}' http://127.0.0.1:8099", check=False).stdout

    def process(self, unit: str) -> int:
        """Return the process id, on the host, of a unit; 0 if it does not run."""
        return int(self.host.run(f"systemctl show --property MainPID --value '{unit}'").stdout)


@pytest.fixture(scope="module")
def site(debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Bring the stack up; every test leaves it up and healthy, save the last one, which takes it down."""
    stack = stack_on(debian_host, "program", tmp_path_factory.mktemp("stack"))
    stack.configure({"page": "first line\nsecond line"})
    stack.configure({"token": token_hex(16)}, secret=True)
    stack.up()
    return Site(stack, debian_host)


def test_up_makes_user_files_and_services(site: Site) -> None:
    host = site.host
    assert host.run("getent passwd prefect").stdout.endswith(":/var/lib/prefect/prefect:/usr/sbin/nologin\n")
    assert host.permissions("/var/lib/prefect/prefect") == "700 prefect prefect"
    assert host.permissions("/var/log/prefect") == "750 prefect prefect"
    assert {host.permissions(f"/{place}/prefect") for place in ("etc", "opt", "run", "var/lib")} == {"755 root root"}

    assert host.run(f"cat {PAGE}").stdout == "first line\nsecond line"
    assert host.permissions(PAGE) == "644 root root"
    assert host.permissions(SECRETS).startswith("600 prefect ")

    for unit in ("web", "clock"):
        assert host.is_active(unit)
        assert host.run(f"systemctl is-enabled {unit}").stdout == "enabled\n"
    assert host.run("ss --no-header --listening --tcp --numeric 'sport = :8099'").stdout.split()[3] == "127.0.0.1:8099"
    environment = host.run(f"tr '\\0' '\\n' </proc/{site.process('web')}/environ").stdout
    assert host.run(f"cat {SECRETS}").stdout in environment, "the service did not get its secret"


def test_a_second_up_finds_nothing_to_do(site: Site) -> None:
    site.stack.assert_no_changes()


def test_a_refresh_finds_nothing_to_do(site: Site) -> None:
    site.stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_every_command_run_again_changes_nothing(site: Site) -> None:
    process = site.process("web")
    commands = site.stack.commands()
    with _connection(site.host) as ssh:
        answers = {name: _answer(ssh, inputs["create"], inputs["stdin"]) for name, inputs in commands.items()}
    assert answers
    changing = {name: answer for name, answer in answers.items() if not answer.startswith("unchanged: ")}
    assert changing == {}
    assert site.process("web") == process


def test_a_preview_needs_no_host_and_shows_the_lines_that_change(site: Site) -> None:
    site.host.cut_network()
    try:
        preview = site.stack.preview(page="first line\nanother line")
    finally:
        site.host.restore_network()
    assert "- second line\n" in preview
    assert "+ another line\n" in preview


def test_only_the_service_that_reads_a_changed_file_restarts(site: Site) -> None:
    web, clock = site.process("web"), site.process("clock")
    site.stack.up(page="changed")
    assert site.process("web") != web
    assert site.process("clock") == clock
    assert site.shows("changed")


def test_a_secret_is_nowhere_but_in_its_file(site: Site) -> None:
    token = site.set_token()
    preview = site.stack.preview()
    assert "~ stdin: [secret] => [secret]" in preview
    with command_lines_of_all_processes() as command_lines:
        output = site.stack.up()
    assert any("service\0create" in line for line in command_lines), "the watch saw nothing of the host"
    state = [path.read_text(errors="replace") for path in site.stack.state.rglob("*") if path.is_file()]
    assert any(PAGE in text for text in state), "the state is elsewhere"
    journal = site.host.run("journalctl --no-pager --output=cat").stdout
    for secret in (token, site.host.private_key.splitlines()[2]):
        for text in (preview, output, journal, *command_lines, *state):
            assert secret not in text
    found = site.host.run(f"grep -rlF {token} /etc /opt /run /tmp /var /home /root").stdout.split()
    assert found == [SECRETS]


def test_a_host_with_another_key_is_refused_and_left_alone(site: Site) -> None:
    def entries() -> str:
        return site.host.run("journalctl --no-pager --output=cat _COMM=sudo").stdout

    before = entries()
    other_key = f"{site.host.host_key[:-4]}AAAA"
    output = site.stack.failure(site.stack.start_up(hostKey=other_key, page="for another host"))
    assert "host key mismatch" in output
    assert entries() == before
    assert not site.shows("for another host")

    site.stack.up(hostKey=site.host.host_key)
    assert site.shows("for another host")


def test_preflight_tells_all_that_is_in_the_way_at_once(site: Site) -> None:
    site.host.run("mount -t tmpfs -o size=1g tmpfs /opt; mv /etc/prefect/ports /srv; sed -i /127.0.1.1/d /etc/hosts")
    try:
        with _connection(site.host) as ssh:
            inputs = site.stack.commands()["host-preflight"]
            answer = _answer(ssh, inputs["create"], inputs["stdin"])
    finally:
        site.host.run("umount /opt; mv /srv/ports /etc/prefect; echo 127.0.1.1 $(uname -n) >>/etc/hosts")
    assert "error: only 1024 MiB are free in /opt, 2048 are needed." in answer
    assert (
        "error: port 8099 is taken by python3. Stop it, or choose another: pulumi config set --path webPort" in answer
    )
    assert f"own name, {site.host.name}, is not found" in answer


def test_a_service_that_cannot_start_fails_with_its_log_and_heals(site: Site) -> None:
    output = site.stack.failure(site.stack.start_up(webOptions="--nonsense"))
    assert "error: web was not healthy at http://127.0.0.1:8099 within 10 s." in output
    assert "unrecognized arguments: --nonsense" in output
    site.stack.up(webOptions="")
    assert site.host.is_active("web")


def test_a_killed_service_comes_back(site: Site) -> None:
    killed = site.process("web")
    site.host.run("systemctl kill --signal=KILL web")
    wait_until(lambda: site.process("web") not in {0, killed}, "the web service to come back")
    wait_until(lambda: site.shows("\n"), "the page to be shown again")


def test_services_start_when_the_host_boots(site: Site) -> None:
    site.host.reboot()
    assert site.host.is_active("clock")
    wait_until(lambda: site.shows("\n"), "the page to be shown again")
    assert site.host.permissions("/run/prefect") == "755 root root"
    site.stack.assert_no_changes()


def test_an_up_ends_when_its_host_is_lost_and_the_next_heals(site: Site) -> None:
    process = site.process("web")
    up = site.stack.start_up(page="written before the power cut", settleSeconds="60")
    wait_until(lambda: site.process("web") not in {0, process}, "the new web service")
    _lose_power(site.host)
    site.host.start()
    assert "updating failed" in site.stack.failure(up, within=90)

    site.stack.up(settleSeconds="0")
    assert site.shows("written before the power cut")


def test_destroy_leaves_the_data_unless_told_to_purge(site: Site) -> None:
    site.host.run("echo precious >/var/lib/prefect/prefect/data; chown prefect: /var/lib/prefect/prefect/data")
    site.stack.run("destroy", "--yes", "--skip-preview")
    for unit in ("web", "clock"):
        assert site.host.run(f"systemctl cat {unit}", check=False).returncode, f"{unit} is still there"
    assert site.host.run("ls -d /etc/prefect /opt/prefect /run/prefect", check=False).stdout == ""
    kept = site.host.run("ls -d /var/lib/prefect/kept/*/prefect/data").stdout.strip()
    assert site.host.run(f"cat {kept}").stdout == "precious\n"
    assert site.host.permissions(kept) == "644 prefect prefect"
    assert site.host.permissions("/var/lib/prefect/kept") == "700 root root"

    site.stack.up(purge="true")
    assert site.host.run("ls /var/lib/prefect/prefect").stdout == "", "the next up did not start afresh"
    site.stack.run("destroy", "--yes", "--skip-preview")
    assert site.host.run("find / -xdev -name '*prefect*'").stdout == ""
    assert site.host.run("getent passwd prefect", check=False).stdout == ""


def _lose_power(host: DebianHost) -> None:
    """Take the power away so that no farewell reaches whoever is connected."""
    run_tool("ip", "link", "delete", host.container.cable)
    host.kill()


@contextmanager
def _connection(host: DebianHost) -> Iterator[paramiko.SSHClient]:
    algorithm, blob = host.host_key.split()
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(host.address, algorithm, paramiko.PKey.from_type_string(algorithm, b64decode(blob)))
        client.connect(
            host.address,
            username=host.user,
            pkey=paramiko.Ed25519Key.from_private_key(StringIO(host.private_key)),
            allow_agent=False,
            look_for_keys=False,
            timeout=10,
        )
        yield client


def _answer(ssh: paramiko.SSHClient, command: str, stdin: str) -> str:
    """Run a command and return all it printed on standard error, then the last line of its output."""
    writer, output, errors = ssh.exec_command(command, timeout=60)
    writer.write(stdin)
    writer.channel.shutdown_write()
    last_line = output.read().decode().strip().rpartition("\n")[2]
    return f"{errors.read().decode()}{last_line}"
