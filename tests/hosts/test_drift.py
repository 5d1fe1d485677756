"""Drift on a real Linux host: a preview names what somebody changed and no more, `up` puts that back and no more."""

import re
from dataclasses import dataclass
from secrets import token_hex

import pytest

from tests.hosts.debian_host import DebianHost
from tests.hosts.pulumi_stack import PulumiStack, stack_on

PAGE = "/etc/prefect/site/index.html"
SECRETS = "/etc/prefect/web.secrets.env"
UNIT = "/etc/systemd/system/clock.service"
TIMER = "/etc/systemd/system/tick.timer"
ENVIRONMENT = "/opt/prefect/prefect-none"
NOT_ACTIVE = "inactive instead of active"

HARMLESS = {
    f"chmod 0644 {SECRETS}; chown root {SECRETS}": {
        "site-secrets": f"{SECRETS}: mode 0644 instead of 0600, owner root instead of prefect"
    },
    f"chown prefect {PAGE}": {"site-page": f"{PAGE}: owner prefect instead of root"},
    "chmod 0777 /etc/prefect": {"host-prepare": "/etc/prefect: 0777 root root instead of 0755 root root"},
    "rm -r /etc/prefect/files": {f"site-file-{number}": f"/etc/prefect/files/{number}: missing" for number in range(3)},
    "systemctl disable --quiet web": {"site-web": "web.service: disabled instead of enabled"},
    "systemctl disable --quiet --now tick.timer": {
        "site-tick": f"tick.timer: disabled instead of enabled, tick.timer: {NOT_ACTIVE}"
    },
}
"""What somebody does, and what is told of it; no service has to restart for the repair."""

HARMFUL = {
    f"echo more >>{PAGE}": {"site-page": f"{PAGE}: content"},
    f"echo A=b >>{SECRETS}": {"site-secrets": f"{SECRETS}: content"},
    f"rm -r {ENVIRONMENT}": {"site-runtime": f"{ENVIRONMENT}: not installed from pip"},
    f"sed -i s/infinity/1d/ {UNIT}": {"site-clock-definition": f"{UNIT}: content"},
    f"sed -i s/02:30/03:30/ {TIMER} && systemctl daemon-reload": {"site-tick-timer": f"{TIMER}: content"},
    "systemctl stop clock": {"site-clock": f"clock.service: {NOT_ACTIVE}"},
}
"""What somebody does, and what is told of it; both services have to restart for the repair."""


@dataclass(frozen=True)
class Plan:
    """What a preview says."""

    drift: dict[str, str]
    """In words, by the name of the resource."""
    updates: set[str]
    text: str

    @property
    def seconds(self) -> float:
        """How long it took to look for drift."""
        found = re.search(r"looked for drift in (.*) s", self.text)
        assert found
        return float(found[1])


@dataclass(frozen=True)
class Site:
    """The stack of tests/hosts/drift_program, told to look for drift, and the host that it is on."""

    stack: PulumiStack
    host: DebianHost
    token: str

    def preview(self, **configuration: str) -> Plan:
        text = self.stack.preview(**configuration)
        self.assert_no_secret(text)
        drift = re.findall(r"^ *warning: Drift on host: (.*) \((.*)\)$", text, re.MULTILINE)
        updates = re.findall(r"~ command:remote:Command: \(update\)\n.*\n *\[urn=.*::(.*)\]", text)
        return Plan({name: difference for difference, name in drift}, set(updates), text)

    def up(self, **configuration: str) -> None:
        self.assert_no_secret(self.stack.up(**configuration))

    def starts(self) -> dict[str, str]:
        """Return an id of the latest start of each service."""
        show = "systemctl show --property InvocationID --value"
        return {unit: self.host.run(f"{show} {unit}").stdout for unit in ("web", "clock")}

    def condition(self) -> str:
        """Return all that is managed on the host: files with mode, owner and content; units; the Python environment."""
        return self.host.run(
            "find /etc/prefect /etc/systemd/system -printf '%p %M %u %g\\n' | sort;"
            "find /etc/prefect /etc/systemd/system -type f | sort | xargs sha256sum;"
            "systemctl is-active web clock tick.timer; systemctl is-enabled web clock tick.timer;"
            "systemctl show --property NeedDaemonReload clock tick.timer;"
            f"{ENVIRONMENT}/bin/python -m pip --version"
        ).stdout

    def assert_no_secret(self, text: str) -> None:
        for secret in (self.token, self.host.private_key.splitlines()[2]):
            assert secret not in text

    def suffer(self, damage: dict[str, dict[str, str]]) -> dict[str, str]:
        """Change the host behind Pulumi's back; return what is to be told of it."""
        told: dict[str, str] = {}
        for command, differences in damage.items():
            self.host.run(command)
            told |= differences
        return told


@pytest.fixture(scope="module")
def site(debian_host: DebianHost, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Bring the stack up; every test leaves it as it found it."""
    stack = stack_on(debian_host, "drift_program", tmp_path_factory.mktemp("stack"))
    token = token_hex(16)
    stack.configure({"page": "a page", "drift": "true"})
    stack.configure({"token": token}, secret=True)
    site = Site(stack, debian_host, token)
    site.up()
    return site


def test_what_is_as_declared_is_not_told(site: Site) -> None:
    plan = site.preview()
    assert (plan.drift, plan.updates) == ({}, set())


def test_what_drifted_is_told_and_put_back(site: Site) -> None:
    as_declared, before = site.condition(), site.starts()
    told = site.suffer(HARMLESS)

    plan = site.preview()
    assert plan.drift == told
    assert plan.updates == set(told)

    site.up()
    assert site.condition() == as_declared
    assert site.starts() == before
    assert site.preview().updates == set()


def test_services_restart_for_what_they_may_have_read(site: Site) -> None:
    as_declared, before = site.condition(), site.starts()
    told = site.suffer(HARMFUL)

    plan = site.preview()
    assert plan.drift == told
    assert plan.updates == {*told, "site-web", "site-tick"}

    site.up()
    assert site.condition() == as_declared
    assert not set(site.starts().values()) & set(before.values())
    assert site.preview().updates == set()


def test_an_edit_of_the_stack_file_is_no_drift(site: Site) -> None:
    plan = site.preview(page="another page")
    assert (plan.drift, plan.updates) == ({}, {"site-page", "site-web"})


def test_what_drifted_may_be_edited_too(site: Site) -> None:
    site.host.run(f"echo more >>{PAGE}")
    assert site.preview().drift == {"site-page": f"{PAGE}: content"}
    site.up()
    assert site.host.run(f"cat {PAGE}").stdout == "another page"
    assert site.preview().updates == set()


def test_a_host_that_is_off_is_warned_about_and_counts_as_unchanged(site: Site) -> None:
    site.host.run(f"echo more >>{PAGE}")
    site.host.cut_network()
    try:
        plan = site.preview()
    finally:
        site.host.restore_network()
    assert "warning: Drift was not looked for on host: host (ops@" in plan.text
    assert (plan.drift, plan.updates) == ({}, set())
    assert 1 < plan.seconds < 15, "the host has 10 seconds to answer, the state a few"
    site.up()


def test_without_the_switch_nobody_is_asked_and_repairs_are_forgotten_without_a_restart(site: Site) -> None:
    site.up()
    before = site.starts()
    site.host.run("systemctl stop ssh.socket ssh.service")
    try:
        plan = site.preview(drift="false")
    finally:
        site.host.run("systemctl start ssh.service")
    assert plan.drift == {}
    assert "site-page" in plan.updates

    site.up()
    assert site.starts() == before
    site.stack.assert_no_changes()
