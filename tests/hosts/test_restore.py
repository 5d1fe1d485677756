"""A real database on a booted host is restored: from here, from elsewhere, and in spite of faults."""

import re
from collections.abc import Iterator
from secrets import token_hex

import pytest

from tests.hosts.backups_host import DIRECTORY, RESTORE, Backups, back_up, command_lines, connections, rows
from tests.hosts.debian_host import DebianHost
from tests.hosts.postgresql_by_hand import REVISION, sql
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def backups(debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory) -> Backups:
    """Have backups; every test leaves the database whole and the last backup good."""
    return back_up(debian_host, tmp_path_factory.mktemp("stack"))


@pytest.fixture
def server(backups: Backups) -> Iterator[str]:
    """Run the unit that is connected as the server is."""
    backups.host.run("systemctl start prefect-server")
    wait_until(lambda: connections(backups) == "1", "the server to be connected")
    yield "prefect-server"
    backups.host.run("systemctl stop prefect-server")


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
        backups.host.run(f"truncate --size=-1000 {damaged}/prefect.dump")
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
