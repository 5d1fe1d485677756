"""Everything on one server: from a bare Debian, through its changes, to its removal. The order of the tests counts."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.deployment import DATABASE, NEW, OLD, SERVER, WORKER, Deployment, RecordProperty
from tests.e2e.outage import longest_outage
from tests.engine.prefect_objects import FIRST_SECRET, KINDS
from tests.engine.resources_stack import PROGRAM, ResourcesStack
from tests.hosts.certificates import issue
from tests.hosts.debian_host import new_key_pair
from tests.hosts.https_client import HttpsClient
from tests.waiting import wait_until
from toolchain.stack import password

ENVIRONMENT = "/srv/reporting"
ALL = {DATABASE, SERVER, WORKER, "nginx"}


@pytest.mark.short
def test_up_from_a_bare_host_ends_with_a_completed_canary(vps: Deployment) -> None:
    assert vps.outputs()["canaryRuns"] == {"default": "COMPLETED"}
    assert vps.processes("vps").keys() == ALL


@pytest.mark.short
def test_browsers_see_the_ui_by_https_and_the_api_asks_for_the_password(vps: Deployment) -> None:
    outputs, address = vps.outputs(), vps.hosts["vps"].address
    assert outputs["uiUrl"] == f"https://{address}"
    browser = HttpsClient(address, address, outputs["caCertificate"])
    page = browser.get("/")
    assert page.status_code == 200
    assert "<title>Prefect" in page.text
    assert browser.request("POST", "/api/flows/count", json={}).status_code == 401
    user, _, secret = vps.secret("authString").partition(":")
    assert browser.request("POST", "/api/flows/count", json={}, auth=(user, secret)).json() >= 1


@pytest.mark.short
def test_a_second_up_changes_and_restarts_nothing(vps: Deployment) -> None:
    with vps.restarts() as restarted:
        output = vps.up().output
    assert re.search(r"Resources:\n +\d+ unchanged\n", output), output
    assert restarted == set()


@pytest.mark.short
def test_a_preview_finds_nothing_to_do(vps: Deployment) -> None:
    vps.expect_no_changes()


@pytest.mark.short
def test_a_refresh_finds_the_host_as_it_is_in_the_state(vps: Deployment) -> None:
    vps.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.mark.short
def test_a_flow_of_a_user_runs_with_its_parameters(vps: Deployment) -> None:
    flow_run = vps.greet(name="a user")
    assert vps.end_of(flow_run) == "COMPLETED"
    vps.expect_logged(flow_run, "Hello, a user")


@pytest.mark.short
def test_a_flow_has_libraries_in_an_environment_of_its_own(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    host.run(f"python3 -m venv {ENVIRONMENT}")
    packages = host.run(f"cd {ENVIRONMENT} && echo lib/python3*/site-packages").stdout.strip()
    host.write(f"{ENVIRONMENT}/{packages}/worker.pth", f"/opt/prefect/current/{WORKER}/{packages}\n")
    host.write(f"{ENVIRONMENT}/{packages}/sheets.py", "WORD = 'installed'\n")
    command = {"jobVariables.command": f"{ENVIRONMENT}/bin/python -m prefect.engine"}
    vps.declare_deployment("reporting/nightly", "reporting.py:report", "default", command)
    vps.up()

    flow_run = vps.run_deployment("reporting", "nightly")
    assert vps.end_of(flow_run) == "COMPLETED"
    vps.expect_logged(flow_run, "The library says: installed")


@dataclass(frozen=True)
class Change:
    """A change of one setting.

    Attributes:
        setting: what is changed.
        make: changes it.
        restarts: units that get a new process; all others keep theirs.
    """

    setting: str
    make: Callable[[Deployment], None]
    restarts: set[str] = field(default_factory=set)


def plain(path: str, value: str, *restarts: str) -> Change:
    return Change(path, lambda vps: vps.config_set(path, value), set(restarts))


def secret(key: str, *restarts: str, user: str = "") -> Change:
    return Change(key, lambda vps: vps.config_set_secret(key, f"{user}{password()}"), set(restarts))


CHANGES = [
    plain("server.logLevel", "DEBUG", SERVER),
    plain("postgres.settings.log_min_duration_statement", "500"),
    plain("postgres.maxConnections", "150", DATABASE),
    plain("workPools.default.concurrencyLimit", "5"),
    plain("backups.keep", "7"),
    secret("secretBlock-example"),
    secret("databaseAdminPassword"),
    secret("databasePassword", SERVER),
    secret("authString", SERVER, WORKER, user="admin:"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.setting)
def test_a_change_restarts_what_reads_the_setting_and_spares_the_flows_that_run(
    vps: Deployment, change: Change
) -> None:
    flow_run = vps.greet(name="somebody patient", seconds=15)
    vps.expect_logged(flow_run, "Hello, somebody patient")
    change.make(vps)
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == change.restarts
    assert vps.end_of(flow_run) == "COMPLETED"


def test_a_project_of_objects_alone_reaches_the_server_through_nginx_below_a_path(
    vps: Deployment, tmp_path: Path
) -> None:
    vps.config_set("nginx.publicUrl", f"https://{vps.hosts['vps'].address}/tools/prefect")
    vps.up()
    outputs, objects = vps.outputs(), {name: dict(KINDS[name].first.declared) for name in ("Variable", "Automation")}
    project = ResourcesStack(PROGRAM, tmp_path, (vps.secret("authString").partition(":")[2], FIRST_SECRET))
    project.configure({"apiUrl": f"{outputs['uiUrl']}/api", "apiCaCertificate": outputs["caCertificate"]})
    project.configure({"objects": json.dumps(objects)})
    project.configure({"authString": vps.secret("authString"), "secret": FIRST_SECRET}, secret=True)
    assert project.apply() == dict.fromkeys(objects, "create")
    project.assert_no_changes()
    project.destroy()
    vps.config_rm("nginx.publicUrl")
    vps.up()


def test_another_certificate_is_shown_without_a_restart(vps: Deployment) -> None:
    address = vps.hosts["vps"].address
    vps.config_set("nginx.certificate", "stack")
    for _ in range(2):
        certificate = issue(address)
        vps.config_set_secret("tlsCertificate", certificate.chain)
        vps.config_set_secret("tlsPrivateKey", certificate.key)
        with vps.restarts() as restarted:
            vps.up()
        assert restarted == set()
        assert HttpsClient(address, address, certificate.authority).get("/api/ready").status_code == 200


def test_another_ssh_key_opens_the_host_and_restarts_nothing(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    keys = f"/home/{host.user}/.ssh/authorized_keys"
    private_key, public_key = new_key_pair()
    before = host.run(f"cat {keys}").stdout
    host.write(keys, f"{public_key}\n")
    vps.config_set_secret("sshPrivateKey", private_key)
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == set()
    # the tests themselves go on with the first
    host.write(keys, f"{before}{public_key}\n")


def test_a_second_worker_comes_and_goes_beside_the_first(vps: Deployment) -> None:
    vps.config_set("workPools.second.type", "process")
    vps.config_set("workers.second.workPool", "second")
    vps.config_set("workers.second.healthPort", "4211")
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == set()
    assert "prefect-worker-second" in vps.processes("vps")
    assert vps.end_of(vps.greet("second", name="the second pool")) == "COMPLETED"

    vps.config_rm("workPools.second")
    vps.config_rm("workers.second")
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == set()
    assert vps.processes("vps").keys() == ALL
    assert vps.hosts["vps"].run("find /etc -name '*second*'").stdout == ""


def test_what_was_changed_by_hand_is_found_and_put_back(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    vps.config_set("drift", "true")
    vps.expect_no_changes()

    host.run("sed -i s/^PREFECT_LOGGING_LEVEL=.*/PREFECT_LOGGING_LEVEL=ERROR/ /etc/prefect/prefect-server.env")
    host.run("systemctl disable --quiet --now prefect-backup.timer")
    preview = vps.pulumi("preview").output
    assert "/etc/prefect/prefect-server.env" in preview
    assert "prefect-backup.timer" in preview
    with vps.restarts() as restarted:
        vps.up()
    assert restarted == {SERVER}
    assert "PREFECT_LOGGING_LEVEL=ERROR" not in host.run("cat /etc/prefect/prefect-server.env").stdout
    assert host.run("systemctl is-enabled prefect-backup.timer").stdout.strip() == "enabled"
    vps.expect_no_changes()
    vps.config_rm("drift")
    vps.up()


def test_everything_comes_back_after_a_reboot(vps: Deployment) -> None:
    # later than the worker looks ahead
    due_meanwhile = vps.create_flow_run(in_seconds=20)
    vps.hosts["vps"].reboot()
    wait_until(lambda: vps.processes("vps").keys() == ALL, f"{', '.join(ALL)} to run again", within=60)
    vps.wait_until_it_serves()
    vps.expect_completed(due_meanwhile)
    vps.expect_no_changes()


@pytest.mark.parametrize("version", [NEW, OLD])
def test_another_version_takes_over(vps: Deployment, version: str, record_property: RecordProperty) -> None:
    runs = vps.count_flow_runs()
    vps.config_set("server.version", version)
    with vps.restarts() as restarted, longest_outage(vps.hosts["vps"], "http://127.0.0.1:4200/api/ready") as outage:
        vps.up()
    record_property("the API was away for", f"{outage.seconds:.1f} s")
    assert restarted == {SERVER, WORKER}
    assert vps.outputs()["versions"]["prefect"] == version
    assert vps.server_version() == version
    assert vps.count_flow_runs() >= runs, "flow runs were lost"
    assert vps.end_of(vps.greet(name=version)) == "COMPLETED"
    vps.expect_no_changes()


def test_a_restore_drill_proves_the_newest_backup(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    host.run("systemctl start prefect-backup && systemctl start prefect-restore-drill")
    drill = json.loads(host.run("cat /var/lib/prefect/backups/drill.json").stdout)
    assert drill["result"] == "passed"
    assert drill["backup"].endswith("-scheduled/prefect.dump")


def test_a_backup_is_restored_and_the_restore_undone(vps: Deployment) -> None:
    host, runs = vps.hosts["vps"], vps.count_flow_runs()
    host.run("/opt/prefect/bin/backup-prefect before-the-accident")
    vps.expect_completed(vps.create_flow_run())
    (backup,) = host.run("ls /var/backups/prefect/*-before-the-accident/prefect.dump").stdout.split()

    said = host.run(f"/opt/prefect/bin/restore-prefect {backup}").stdout
    assert vps.count_flow_runs() == runs
    assert vps.secret_block("example") == vps.secret("secretBlock-example")
    assert vps.end_of(vps.greet(name="after the restore")) == "COMPLETED"

    way_back = re.search(r"^go back +(.*)$", said, re.MULTILINE)
    assert way_back, said
    host.run(way_back[1])
    assert vps.count_flow_runs() == runs + 1
    vps.expect_no_changes()


def test_destroy_is_refused_until_the_data_may_go_and_keeps_it_even_then(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    refused = vps.pulumi("destroy", "--yes", expect=None)
    assert refused.status != 0
    assert "protect" in refused.output
    assert vps.processes("vps").keys() == ALL

    vps.config_set("protect", "false")
    vps.up()
    vps.pulumi("destroy", "--yes", "--skip-preview")
    assert vps.processes("vps") == {}
    assert host.run("ls -d /etc/prefect /opt/prefect /run/prefect", check=False).stdout == ""
    assert host.run("ls /var/lib/prefect/kept/*/postgresql/PG_VERSION /var/backups/prefect/*/prefect.dump").stdout
