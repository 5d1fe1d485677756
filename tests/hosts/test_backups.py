"""Backups of a real database on a booted host: made, kept, proven, restored; and what each fault does to them."""

import json
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

import pytest

from tests.hosts.debian_host import DebianHost
from tests.hosts.drift_question import assert_told_and_put_back
from tests.hosts.postgresql_by_hand import REVISION, install_postgresql, make_tables, sql
from tests.hosts.pulumi_stack import CHECKOUT, PulumiStack
from tests.hosts.testbed import wait_until

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


@pytest.fixture(scope="module")
def backups(debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory) -> Backups:
    """Bring backups of an empty database up; every test leaves the database whole and the last backup good."""
    if shutil.which("pulumi") is None:
        pytest.skip('pulumi is not on PATH; run `make test`, or first: eval "$(make -s env)"')
    install_postgresql(debian_host)
    debian_host.run(f"systemd-run --quiet --unit webhook /usr/bin/python3 -c '{WEBHOOK}'")
    stack = PulumiStack(CHECKOUT / "tests" / "hosts" / "backups_program", tmp_path_factory.mktemp("stack"))
    stack.configure({"address": debian_host.address, "user": debian_host.user, "hostKey": debian_host.host_key})
    token, password = token_hex(16), token_hex(16)
    secrets = {
        "sshPrivateKey": debian_host.private_key,
        "alertWebhook": f"http://127.0.0.1:{WEBHOOK_PORT}/{token}",
        "copyEnvironment": f"RESTIC_PASSWORD={password}\n",
    }
    stack.configure(secrets, secret=True)
    output = stack.up()
    assert "nothing to back up: database prefect has no tables of Prefect yet" in output
    made = Backups(stack, debian_host, token, password)
    assert made.names() == []
    make_tables(debian_host)
    return made


@pytest.fixture
def server(backups: Backups) -> Iterator[str]:
    """Run the unit that is connected as the server is."""
    backups.host.run("systemctl start prefect-server")
    wait_until(lambda: connections(backups) == "1", "the server to be connected")
    yield "prefect-server"
    backups.host.run("systemctl stop prefect-server")


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


class TestMaking:
    def test_a_backup_is_whole_and_for_nobody_else_to_read(self, backups: Backups) -> None:
        journal = backups.start("prefect-backup")

        (name,) = backups.names()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-scheduled", name)
        assert re.search(rf"backup {DIRECTORY}/{name}/prefect.dump \([\d.]+KiB\) made in \d+ s, .* {REVISION}", journal)
        host = backups.host
        assert host.permissions(DIRECTORY) == "700 postgres postgres"
        assert host.permissions(f"{DIRECTORY}/{name}") == "700 postgres postgres"
        files = host.run(f"stat --format '%n %a %U' {DIRECTORY}/{name}/*").stdout.replace(f"{DIRECTORY}/{name}/", "")
        assert files == "SHA256SUMS 600 postgres\ncontents 600 postgres\nprefect.dump 600 postgres\n"
        host.run(f"cd {DIRECTORY}/{name} && sha256sum --check --strict SHA256SUMS")
        contents = host.run(f"cat {DIRECTORY}/{name}/contents").stdout.splitlines()
        assert contents[:3] == [f"revision {REVISION}", "extension pg_trgm", "extension plpgsql"]
        assert "rows public.flow_run 1000" in contents

    def test_rows_that_come_while_it_is_made_are_neither_in_the_dump_nor_counted(self, backups: Backups) -> None:
        with locked_table(backups) as dump_waits:
            backups.host.run("systemctl start --no-block prefect-backup")
            wait_until(dump_waits, "pg_dump to wait")
            sql(backups.host, "INSERT INTO work_pool VALUES ('late')")
        wait_until(lambda: len(backups.names()) == 2, "the backup")
        contents = backups.host.run(f"cat {backups.newest()}/contents").stdout
        assert "rows public.work_pool 1\n" in contents
        assert "restore drill passed" in backups.start("prefect-restore-drill")

    def test_an_upgrade_has_one_made_at_once(self, backups: Backups) -> None:
        output = backups.stack.up(version="3.8.9")
        assert re.search(
            rf"changed: backup {DIRECTORY}/\S+-before-migration-3\.8\.9/prefect\.dump \([\d.]+KiB\)", output
        )
        assert backups.names()[-1].endswith("-before-migration-3.8.9")
        backups.stack.assert_no_changes()

    def test_a_label_that_is_no_file_name_is_refused(self, backups: Backups) -> None:
        before = backups.names()
        for label in ("../elsewhere", "two words", "-x", "Capital"):
            ended = backups.host.run(f"/opt/prefect/bin/backup-prefect {shlex.quote(label)} 2>&1", check=False)
            assert "is no label" in ended.stdout
        assert backups.names() == before

    def test_two_at_once_are_made_one_after_the_other(self, backups: Backups) -> None:
        before = len(backups.names())
        with locked_table(backups) as dump_waits:
            backups.host.run("systemctl start --no-block prefect-backup")
            wait_until(dump_waits, "pg_dump to wait")
            backups.host.run("systemd-run --quiet --unit second /opt/prefect/bin/backup-prefect second")
            wait_until(lambda: "backup-prefect second" in backups.host.run("ps ax").stdout, "the second to begin")
            processes = backups.host.run("ps -C pg_dump -o pid=").stdout.split()
            assert len(processes) == 1, "both dump at the same time"
        wait_until(lambda: len(backups.names()) == before + 2, "both backups")
        assert backups.names()[-1].endswith("-second")

    def test_one_that_is_killed_halfway_leaves_no_backup(self, backups: Backups) -> None:
        before = backups.names()
        with locked_table(backups) as dump_waits:
            backups.host.run("systemctl start --no-block prefect-backup")
            wait_until(dump_waits, "pg_dump to wait")
            backups.host.run("systemctl kill --signal KILL prefect-backup")
            wait_until(lambda: backups.failed("prefect-backup"), "the backup to be gone")
        assert backups.names() == before
        assert backups.host.run(f"ls {DIRECTORY}/.unfinished").stdout == "prefect.dump\n"

        backups.make()
        assert len(backups.names()) == len(before) + 1
        assert ".unfinished" not in backups.host.run(f"ls --almost-all {DIRECTORY}").stdout

    def test_without_a_database_it_fails_and_removes_nothing(self, backups: Backups) -> None:
        before = backups.names()
        backups.host.run("systemctl stop prefect-postgresql")
        journal = backups.start("prefect-backup")
        backups.host.run("systemctl start prefect-postgresql")
        assert "error: database prefect could not be asked as role prefect_backup" in journal
        assert backups.failed("prefect-backup")
        assert backups.names() == before

    def test_the_role_of_backups_can_write_nothing(self, backups: Backups) -> None:
        attempt = f"{AS_OWNER} /opt/prefect/postgresql/psql -X -h /run/prefect/postgresql -U prefect_backup -d prefect"
        for statement in ("DELETE FROM flow_run", "CREATE TABLE mine ()", "DROP DATABASE prefect"):
            ended = backups.host.run(f"cd /; {attempt} -c '{statement}' 2>&1", check=False)
            assert ended.returncode != 0
            assert "permission denied" in ended.stdout or "must be owner" in ended.stdout


class TestKeeping:
    def test_old_ones_go_by_count_and_age_and_each_kind_by_itself(self, backups: Backups) -> None:
        host, good = backups.host, backups.make()
        now = int(host.run("date +%s").stdout)

        def name(days: int, label: str) -> str:
            return time.strftime("%Y-%m-%dT%H-%M-%SZ-", time.gmtime(now - days * 86400)) + label

        made = {name(days, "scheduled") for days in range(1, 21)}
        made |= {name(days, "before-migration-3.8.7") for days in (3, 29, 31, 400)}
        copies = " ".join(f"{DIRECTORY}/{name}" for name in made)
        host.run(f"find {DIRECTORY} -mindepth 1 -maxdepth 1 ! -path {good} -exec rm -r {{}} +")
        host.run(f"for copy in {copies}; do cp -a {good} $copy; done")
        host.run(f"install -d -o postgres {DIRECTORY}/2001-notes; touch {DIRECTORY}/2001-01-01T00-00-00Z-a-file")

        newest = backups.make()
        kept = set(backups.names())
        host.run(f"rm -r {DIRECTORY}/2001-notes {DIRECTORY}/2001-01-01T00-00-00Z-a-file")
        names_of_two = {path.rpartition("/")[2] for path in (good, newest)}
        assert kept == {
            *names_of_two,
            *(name(days, "scheduled") for days in range(1, 13)),
            *(name(days, "before-migration-3.8.7") for days in (3, 29)),
            *("2001-notes", "2001-01-01T00-00-00Z-a-file"),
        }

    def test_a_full_disk_is_told_before_and_during_and_the_next_one_heals(self, backups: Backups) -> None:
        host = backups.host
        sql(host, "CREATE TABLE artifact AS SELECT 'small'::text AS data; ALTER TABLE artifact OWNER TO prefect")
        host.run(f"mount -t tmpfs -o size=2m,mode=0700,uid=$(id -u postgres),gid=$(id -g postgres) tmpfs {DIRECTORY}")
        try:
            assert "a backup may need" in backups.start("prefect-backup")
            host.run(f"mount -o remount,size=12m {DIRECTORY}")
            first = backups.make()
            sql(host, "INSERT INTO artifact SELECT md5(random()::text) FROM generate_series(1, 400000)")
            host.run(f"mount -o remount,size=4m {DIRECTORY}")

            journal = backups.start("prefect-backup")
            assert "No space left on device" in journal
            assert "The backups that are there were left alone." in journal
            assert backups.newest() == first
            host.run(f"cd {first} && sha256sum --check --strict SHA256SUMS")
            assert host.run(f"ls --almost-all {DIRECTORY}").stdout.split() == backups.names(), "it left its rest behind"

            host.run(f"mount -o remount,size=100m {DIRECTORY}")
            assert backups.make() != first
        finally:
            host.run(f"umount {DIRECTORY}")
            sql(host, "DROP TABLE artifact")

    def test_one_that_is_too_old_raises_an_alert(self, backups: Backups) -> None:
        host = backups.host
        names = backups.names()
        host.run("truncate --size 0 /srv/alerts")
        host.run(f"mkdir /srv/aside && mv {DIRECTORY}/* /srv/aside")
        host.run(f"cp -a /srv/aside/{names[-1]} {DIRECTORY}/2001-01-01T02-30-00Z-scheduled")
        try:
            journal = backups.start("prefect-backup-age")
            assert "error: the newest good backup, 2001-01-01T02-30-00Z-scheduled, is" in journal
            assert "systemctl start prefect-backup" in journal
            assert backups.failed("prefect-backup-age")
            wait_until(lambda: len(backups.alerts()) == 1, "the webhook to be told")
        finally:
            host.run(f"rm -r {DIRECTORY}/* && mv /srv/aside/* {DIRECTORY} && rmdir /srv/aside")
        path, _, body = backups.alerts()[0].partition(" ")
        assert path == f"/{backups.webhook_token}"
        assert json.loads(body)["text"].startswith(f"prefect-backup-age failed on {host.name}: error: the newest good")
        errors = host.run("journalctl --no-pager --output=cat --priority err --unit prefect-backup-age-failed").stdout
        assert f"prefect-backup-age failed on {host.name}: error: the newest good backup" in errors

        backups.make()
        assert "is 0 hours old" in backups.start("prefect-backup-age")
        assert not backups.failed("prefect-backup-age")

    def test_a_damaged_one_does_not_count_as_the_newest(self, backups: Backups) -> None:
        good, damaged = backups.make(), backups.make()
        backups.host.run(f"truncate --size -1 {damaged}/prefect.dump")
        journal = backups.start("prefect-backup-age")
        backups.host.run(f"rm -r {damaged}")
        assert f"{damaged} is damaged" in journal
        assert f"the newest good backup, {good.rpartition('/')[2]}, is 0 hours old" in journal


class TestDrill:
    @pytest.fixture(autouse=True)
    def _no_scratch_database_stays(self, backups: Backups) -> Iterator[None]:
        yield
        assert backups.databases() == {"prefect"}

    def status(self, backups: Backups) -> dict[str, object]:
        loaded: dict[str, object] = json.loads(backups.host.run("cat /var/lib/prefect/backups/drill.json").stdout)
        return loaded

    def test_it_proves_that_the_newest_can_be_restored(self, backups: Backups) -> None:
        backups.make()
        assert f"restore drill passed: {backups.newest()}/prefect.dump" in backups.start("prefect-restore-drill")
        status = self.status(backups)
        assert (status["result"], status["backup"]) == ("passed", f"{backups.newest()}/prefect.dump")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(status["time"]))

    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            ("printf X | dd of=prefect.dump bs=1 seek=3000 conv=notrunc status=none", "does not match its checksums"),
            ("truncate --size 3000 prefect.dump; {sums}", "pg_restore could not restore"),
            ("sed -i 's/flow_run 1000/flow_run 1001/' contents; {sums}", "holds other things than were recorded"),
            ("sed -i 's/^revision .*/revision 000/' contents; {sums}", "holds other things than were recorded"),
        ],
        ids=["a byte", "the end", "a count", "the revision"],
    )
    def test_it_finds_a_backup_that_is_not_what_it_should_be(self, backups: Backups, damage: str, reason: str) -> None:
        damaged = backups.make()
        sums = "sha256sum prefect.dump contents >SHA256SUMS"
        backups.host.run(f"cd {damaged}; {damage.format(sums=sums)}")
        journal = backups.start("prefect-restore-drill")
        backups.host.run(f"rm -r {damaged}")
        assert reason in journal
        assert backups.failed("prefect-restore-drill")
        status = self.status(backups)
        assert status["result"] == "failed"
        assert reason in str(status["reason"])

    def test_one_that_was_killed_is_cleaned_up_after_by_the_next(self, backups: Backups) -> None:
        sql(backups.host, "CREATE DATABASE prefect_drill")
        assert "restore drill passed" in backups.start("prefect-restore-drill")


class TestRestore:
    @pytest.fixture(autouse=True)
    def _only_the_database_stays(self, backups: Backups) -> Iterator[None]:
        yield
        for name in backups.databases() - {"prefect"}:
            sql(backups.host, f'DROP DATABASE "{name}"', database="postgres")

    def test_it_brings_rows_back_with_owner_and_rights_and_can_be_undone(self, backups: Backups, server: str) -> None:
        host, backup = backups.host, backups.make()
        acl = "SELECT datdba::regrole, datconnlimit, acl.* FROM pg_database, aclexplode(datacl) AS acl"
        acl += " WHERE datname = 'prefect' ORDER BY grantee, privilege_type"
        settings = "SELECT setrole, setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase"
        settings += " WHERE datname = 'prefect' ORDER BY 1"
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        rights = [sql(host, query) for query in (acl, settings, owners)]
        sql(host, "DELETE FROM flow_run WHERE id > 10")

        told = backups.restore(f"{backup}/prefect.dump")
        assert told.endswith("exit 0\n"), told
        assert f"restored {backup}/prefect.dump, schema revision {REVISION}" in told
        assert "prefect-server.service was started again" in told
        assert rows(backups) == 1000
        assert [sql(host, query) for query in (acl, settings, owners)] == rights
        sql(host, "SET ROLE prefect; INSERT INTO flow_run (name) VALUES ('after the restore')")
        wait_until(lambda: connections(backups) == "1", f"{server} to be connected to the restored database")

        (undo,) = re.findall(rf"go back   sudo ({RESTORE} --undo prefect_before_restore_\d{{14}})", told)
        told = backups.restore(undo.removeprefix(RESTORE))
        assert told.endswith("exit 0\n"), told
        assert rows(backups) == 10
        wait_until(lambda: connections(backups) == "1", f"{server} to be connected to the old database")

        (delete,) = re.findall("delete    (sudo .*)", told)
        host.run(delete)
        assert backups.databases() == {"prefect"}
        assert "prefect_before_undo" in delete
        backups.restore(f"{backup}/prefect.dump")

    def test_without_a_file_it_lists_what_there_is(self, backups: Backups) -> None:
        told = backups.restore("")
        assert [line.split("/")[-2] for line in told.splitlines() if "prefect.dump" in line] == backups.names()[::-1]

    def test_a_damaged_file_is_refused_and_changes_nothing(self, backups: Backups, server: str) -> None:
        damaged, process = backups.make(), backups.host.run(f"systemctl show -P MainPID {server}").stdout
        backups.host.run(f"printf X | dd of={damaged}/prefect.dump bs=1 seek=3000 conv=notrunc status=none")
        told = backups.restore(f"{damaged}/prefect.dump")
        backups.host.run(f"cd {damaged}; sha256sum prefect.dump contents >SHA256SUMS")
        told += backups.restore(f"{damaged}/prefect.dump")
        backups.host.run(f"rm -r {damaged}")
        assert told.count("exit 1\n") == 2
        assert "does not match its checksums" in told
        assert "database prefect is what it was before" in told
        assert backups.databases() == {"prefect"}
        assert backups.host.run(f"systemctl show -P MainPID {server}").stdout == process, "the server was stopped"

    def test_a_server_elsewhere_must_be_stopped_by_hand(self, backups: Backups) -> None:
        host = backups.host
        # another network behind a cable of its own stands for another host
        host.run("ip netns add elsewhere && ip link add cable type veth peer name cable netns elsewhere")
        host.run("ip addr add 10.99.0.1/30 dev cable && ip link set cable up")
        host.run("ip -n elsewhere addr add 10.99.0.2/30 dev cable && ip -n elsewhere link set cable up")
        session = "tail -f /dev/null | /opt/prefect/postgresql/psql -X -h 10.99.0.1 -U prefect -d prefect"
        there = "--property NetworkNamespacePath=/run/netns/elsewhere --setenv PGAPPNAME=prefect-server"
        host.run(f"systemd-run --quiet --unit elsewhere {there} bash -c '{session}'")
        wait_until(lambda: connections(backups) == "1", "the session")
        told = backups.restore(f"{backups.newest()}/prefect.dump")
        host.run("systemctl stop elsewhere && ip link delete cable && ip netns delete elsewhere")
        assert "Prefect servers use database prefect from: 10.99.0.2." in told
        assert "sudo systemctl stop 'prefect-server*'" in told
        assert backups.databases() == {"prefect"}

    def test_a_schema_of_another_revision_leaves_the_server_stopped(self, backups: Backups, server: str) -> None:
        backup = backups.make("before-migration-3.9.0")
        sql(backups.host, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
        told = backups.restore(f"{backup}/prefect.dump")
        assert f"{server}.service is stopped, as the schema was of another revision (ffffffffffff)" in told
        assert "Set server.version" in told
        assert not backups.host.is_active(server)
        assert sql(backups.host, "SELECT version_num FROM alembic_version") == REVISION

    def test_a_database_that_is_gone_comes_back(self, backups: Backups) -> None:
        backup = backups.make()
        sql(backups.host, "DROP DATABASE prefect", database="postgres")
        told = backups.restore(f"{backup}/prefect.dump")
        assert told.endswith("exit 0\n"), told
        assert "there was no database prefect before" in told
        assert rows(backups) == 1000
        assert backups.databases() == {"prefect"}
        backups.make()

    @pytest.mark.parametrize("name", ["postgres", "prefect_before_restore_20010101000000", "x; DROP DATABASE prefect"])
    def test_only_a_database_that_was_kept_can_be_put_back(self, backups: Backups, name: str) -> None:
        assert "exit 1" in backups.restore(f"--undo '{name}'")


class TestDatabaseElsewhere:
    """Reached by address and password, its administrator no superuser, as providers of databases have it."""

    @pytest.fixture(autouse=True)
    def _by_address(self, backups: Backups) -> Iterator[None]:
        password = f"a:b\\{token_hex(8)}"
        for role in ("cloud_admin", "prefect_backup"):
            sql(backups.host, f"ALTER ROLE {role} PASSWORD '{password}'")
        backups.stack.configure({"databasePassword": password}, secret=True)
        backups.stack.up(databaseAddress=backups.host.address)
        yield
        backups.stack.up(databaseAddress="")
        for name in backups.databases() - {"prefect"}:
            sql(backups.host, f'DROP DATABASE "{name}"', database="postgres")

    def test_backup_drill_and_restore_are_the_same(self, backups: Backups, server: str) -> None:
        host = backups.host
        assert f"PGHOST={host.address}" in host.run("cat /etc/prefect/backups.env").stdout
        assert host.permissions("/etc/prefect/backups.pgpass").startswith("600 postgres")
        assert "backup " in backups.start("prefect-backup")
        assert "restore drill passed" in backups.start("prefect-restore-drill")
        sql(host, "DELETE FROM flow_run")

        told = backups.restore(f"{backups.newest()}/prefect.dump")
        assert told.endswith("exit 0\n"), told
        assert rows(backups) == 1000
        wait_until(lambda: connections(backups) == "1", f"{server} to be connected to the restored database")
        (undo,) = re.findall(rf"go back   sudo {RESTORE} (.*)", told)
        assert backups.restore(undo).endswith("exit 0\n")
        assert rows(backups) == 0
        assert backups.restore(f"{backups.newest()}/prefect.dump").endswith("exit 0\n")


class TestCopies:
    """Off this host; a directory stands for the other place."""

    def test_backups_are_copied_and_the_drill_reads_the_copy(self, backups: Backups) -> None:
        host = backups.host
        host.run("install -d -m 0700 -o postgres /srv/elsewhere")
        # a task may write where it must and nowhere else, and this is no network
        for unit in ("prefect-backup", "prefect-restore-drill"):
            host.run(f"mkdir -p /etc/systemd/system/{unit}.service.d")
            host.run(f"printf '[Service]\\nReadWritePaths=/srv/elsewhere' >/etc/systemd/system/{unit}.service.d/t.conf")
        host.run("systemctl daemon-reload")
        backups.stack.up(copyTo="/srv/elsewhere/repository")
        with command_lines(backups) as seen:
            assert re.search(r"copied \d+ backups off this host", backups.start("prefect-backup"))
        assert "restore drill passed" in backups.start("prefect-restore-drill")
        assert any("restic" in line for line in seen), "the watch saw nothing"
        assert not [line for line in seen if backups.repository_password in line]

    def test_backups_that_are_lost_here_come_back_from_there(self, backups: Backups) -> None:
        host, names = backups.host, backups.names()
        host.run(f"rm -r {DIRECTORY}/*")
        assert host.run("/opt/prefect/bin/copy-prefect-backups --list").stdout.count(" prefect ") == 1
        told = host.run("/opt/prefect/bin/copy-prefect-backups --back").stdout
        assert f"there are {len(names)} backups now" in told
        assert backups.names() == names
        assert host.permissions(backups.newest()) == "700 postgres postgres"
        assert backups.restore(f"{backups.newest()}/prefect.dump").endswith("exit 0\n")
        for name in backups.databases() - {"prefect"}:
            sql(host, f'DROP DATABASE "{name}"', database="postgres")

    def test_a_copy_that_fails_leaves_the_backup_and_raises_an_alert(self, backups: Backups) -> None:
        before = backups.newest()
        backups.host.run("truncate --size 0 /srv/alerts; mv /srv/elsewhere/repository/config /srv/config")
        backups.host.run("chmod 0500 /srv/elsewhere/repository")
        journal = backups.start("prefect-backup")
        backups.host.run("chmod 0700 /srv/elsewhere/repository; mv /srv/config /srv/elsewhere/repository/config")
        assert "error: restic can neither open nor make its repository" in journal
        assert backups.newest() > before
        wait_until(lambda: len(backups.alerts()) == 1, "the webhook to be told")

    def test_the_drill_finds_a_damaged_copy(self, backups: Backups) -> None:
        backups.start("prefect-backup")
        packs = "find /srv/elsewhere/repository/data -type f"
        backups.host.run(f"for pack in $({packs}); do chmod u+w $pack; shred --iterations 1 --exact $pack; done")
        journal = backups.start("prefect-restore-drill")
        assert "error: restic finds its repository damaged" in journal
        assert backups.failed("prefect-restore-drill")


def test_no_secret_is_where_others_can_read_it(backups: Backups) -> None:
    host = backups.host
    host.run("journalctl --sync")
    journal = host.run("journalctl --no-pager --output=cat").stdout
    for secret in (backups.webhook_token, backups.repository_password):
        assert secret not in journal
        found = host.run(f"grep -rlF {secret} /etc /opt /run /tmp /var /home /root /usr/local", check=False).stdout
        assert {host.permissions(path).split()[0] for path in found.split()} == {"600"}, found
    assert host.permissions("/etc/prefect/alert.secrets.env") == "600 root root"
    assert host.permissions("/etc/prefect/backups-copy.secrets.env").startswith("600 postgres")
    assert host.run(f"su ops -s /bin/sh -c 'ls {DIRECTORY}'", check=False).returncode != 0


def test_what_somebody_changed_has_drifted_and_is_put_back(backups: Backups) -> None:
    told = {
        "backups-prepare": f"{DIRECTORY}: 0755 postgres postgres instead of 0700 postgres postgres",
        "backups-backup": "prefect-backup.timer: inactive instead of active",
    }
    damage = f"chmod 0755 {DIRECTORY}; systemctl stop prefect-backup.timer"
    assert_told_and_put_back(backups.stack, backups.host, damage, told)


def test_a_schedule_that_is_changed_counts_at_once(backups: Backups) -> None:
    elapse = "systemctl show --property NextElapseUSecRealtime --value prefect-backup.timer"
    before = backups.host.run(elapse).stdout
    backups.stack.up(schedule="Mon 11:00")
    after = backups.host.run(elapse).stdout
    assert after != before
    assert after.startswith("Mon ")
    output = backups.stack.failure(backups.stack.start_up(schedule="25:61"))
    assert "'25:61' is no time that systemd knows" in output
    backups.stack.up(schedule="02:30")
    backups.stack.assert_no_changes()


def test_removal_keeps_the_backups_unless_told_to_purge(backups: Backups) -> None:
    names = backups.names()
    backups.stack.up(backups="false")
    assert backups.names() == names
    assert backups.host.run("systemctl list-timers --all 'prefect-*' | grep -c prefect", check=False).stdout == "0\n"
    left = backups.host.run("find /etc /opt /var/lib/prefect -type f -name '*backup*' -path '*prefect*'").stdout
    assert left == ""

    backups.stack.up(backups="true", purge="true")
    assert backups.names()[: len(names)] == names
    backups.stack.up(backups="false")
    assert backups.host.run(f"ls -d {DIRECTORY}", check=False).stdout == ""


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
