"""Backups of a real database on a booted host: made, kept, proven; and what each fault does to them."""

import json
import re
import shlex
import time
from collections.abc import Iterator

import pytest

from tests.hosts.backups_host import (
    DIRECTORY,
    Backups,
    back_up,
    locked_table,
)
from tests.hosts.debian_host import DebianHost
from tests.hosts.drift_question import assert_told_and_put_back
from tests.hosts.postgresql_by_hand import REVISION, sql
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def backups(debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory) -> Backups:
    """Have backups; every test leaves the database whole and the last backup good."""
    return back_up(debian_host, tmp_path_factory.mktemp("stack"))


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
