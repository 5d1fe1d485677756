"""A booted host whose database is backed up, and what is done with its backups."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tests.hosts.debian_host import DebianHost
from tests.hosts.postgresql_by_hand import install_postgresql, make_tables, sql
from tests.hosts.pulumi_stack import PulumiStack, stack_on
from tests.waiting import wait_until

DIRECTORY = "/var/backups/prefect"
RESTORE = "/opt/prefect/bin/restore-prefect"
AS_OWNER = "runuser -u postgres --"
WEBHOOK_PORT = 9099
WEBHOOK = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("/srv/alerts", "ab").write(self.path.encode() + b" " + body + b"\\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", {WEBHOOK_PORT}), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Backups:
    """A host with a database that is backed up, and the stack that sees to it."""

    stack: PulumiStack
    host: DebianHost
    webhook_token: str
    repository_password: str

    def names(self) -> list[str]:
        """Return the names of the backups, oldest first."""
        return sorted(self.host.run(f"ls {DIRECTORY}").stdout.split())

    def newest(self) -> str:
        return f"{DIRECTORY}/{self.names()[-1]}"

    def make(self, label: str = "") -> str:
        """Make a backup and return its directory."""
        # names tell seconds
        self.host.run("sleep $(date +0.%N | awk '{print 1.01 - $1}')")
        self.host.run(f"{AS_OWNER} /opt/prefect/bin/backup-prefect {label}")
        return self.newest()

    def start(self, unit: str) -> str:
        """Run a unit to its end and return what it wrote, whether it failed or not."""
        self.host.run(f"systemctl reset-failed {unit}", check=False)  # else systemd counts how often it is started
        since = self.host.run("date +%s.%N").stdout.strip()
        self.host.run(f"systemctl start {unit}", check=False)
        return self.journal(unit, since)

    def journal(self, unit: str, since: str) -> str:
        self.host.run("journalctl --sync")
        return self.host.run(f"journalctl --no-pager --output=cat --unit {unit} --since @{since}").stdout

    def failed(self, unit: str) -> bool:
        return self.host.run(f"systemctl is-failed {unit}", check=False).stdout == "failed\n"

    def restore(self, arguments: str) -> str:
        """Run restore-prefect and return all it wrote, whether it failed or not."""
        ended = self.host.run(f"{RESTORE} {arguments} 2>&1; echo exit $?")
        return ended.stdout

    def databases(self) -> set[str]:
        return set(sql(self.host, "SELECT datname FROM pg_database WHERE NOT datistemplate").split()) - {"postgres"}

    def alerts(self) -> list[str]:
        return self.host.run("cat /srv/alerts 2>/dev/null", check=False).stdout.splitlines()


def back_up(host: DebianHost, directory: Path) -> Backups:
    """Bring backups of an empty database up, then give it tables; the stack stands in `directory`."""
    install_postgresql(host)
    host.run(f"systemd-run --quiet --unit webhook /usr/bin/python3 -c '{WEBHOOK}'")
    stack = stack_on(host, "backups_program", directory)
    token, password = token_hex(16), token_hex(16)
    secrets = {
        "alertWebhook": f"http://127.0.0.1:{WEBHOOK_PORT}/{token}",
        "copyEnvironment": f"RESTIC_PASSWORD={password}\n",
    }
    stack.configure(secrets, secret=True)
    output = stack.up()
    assert "nothing to back up: database prefect has no tables of Prefect yet" in output
    made = Backups(stack, host, token, password)
    assert made.names() == []
    make_tables(host)
    return made


def connections(backups: Backups) -> str:
    return sql(backups.host, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'prefect-server'")


def rows(backups: Backups) -> int:
    return int(sql(backups.host, "SELECT count(*) FROM flow_run"))


@contextmanager
def locked_table(backups: Backups) -> Iterator[Callable[[], bool]]:
    """Hold a table so that pg_dump waits; give what tells whether it does."""
    hold = "BEGIN; LOCK TABLE flow_run; SELECT pg_sleep(60)"
    psql = f"{AS_OWNER} /opt/prefect/postgresql/psql -X -h /run/prefect/postgresql -d prefect"
    backups.host.run(f"systemd-run --quiet --collect --unit holder {psql} -c '{hold}'")
    held = "SELECT count(*) FROM pg_locks WHERE relation = 'flow_run'::regclass AND mode = 'AccessExclusiveLock'"
    wait_until(lambda: sql(backups.host, held) == "1", "the table to be locked")
    waiting = "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'flow_run'::regclass AND NOT granted"
    try:
        yield lambda: sql(backups.host, waiting) == "t"
    finally:
        # PostgreSQL itself would notice only after the sleep that its client is gone
        sql(backups.host, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'")
        wait_until(lambda: not backups.host.is_active("holder"), "the table to be free")


@contextmanager
def command_lines(backups: Backups) -> Iterator[list[str]]:
    """Collect what `ps` shows on the host; the list is filled when the block ends."""
    seen: list[str] = []
    watch = (
        "while sleep 0.05; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>/srv/seen; echo >>/srv/seen; done"
    )
    backups.host.run(f'systemd-run --quiet --unit watch bash -c "{watch}"')
    try:
        yield seen
    finally:
        backups.host.run("systemctl stop watch")
    seen += backups.host.run("cat /srv/seen").stdout.splitlines()
