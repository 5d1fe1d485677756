"""The firewall of a booted host, seen from outside: from the machine and from a neighbour, over IPv4 and IPv6."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hosts import port_scan
from tests.hosts.debian_host import BootHosts, DebianHost
from tests.hosts.drift_question import assert_told_and_put_back
from tests.hosts.pulumi_stack import PulumiStack, stack_on
from tests.hosts.ssh_session import run
from tests.hosts.testbed import Testbed, run_tool
from tests.waiting import wait_until

PORTS = (22, 80, 81, 443, 2222, 4200, 5432, 8080, 9100)
LISTEN = """
cat >/etc/systemd/system/listen@.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -m http.server %i --bind ::
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --quiet --now listen@80 listen@5432 listen@9100
"""
INSTALL = "apt-get install --quiet --quiet --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io"
TABLE = "inet prefect_selfhost"
THEIRS = """
table inet theirs {
    chain input {
        type filter hook input priority 10; policy drop;
        tcp dport { 22, 80, 443, 5432, 9100 } accept
        ct state established,related accept
        iif lo accept
        meta l4proto { 1, 58 } accept
    }
}
"""


@dataclass(frozen=True)
class Site:
    """The stack of tests/hosts/firewall_program, the host that it guards, and a neighbour of that."""

    stack: PulumiStack
    host: DebianHost
    neighbour: DebianHost
    address_6: str
    """Of the host."""
    inputs: dict[str, str]
    """Of the command that lets the rules work."""

    def from_the_machine(self, address: str | None = None, ports: Sequence[int] = PORTS) -> set[int]:
        """Return those of the ports that answer the machine."""
        return asyncio.run(port_scan.answering(address or self.host.address, ports))

    def from_the_neighbour(self, address: str | None = None) -> set[int]:
        """Return those of `PORTS` that answer the neighbour."""
        script = Path(port_scan.__file__).read_text()
        ports = " ".join(map(str, PORTS))
        found = self.neighbour.run(
            f"python3 - {address or self.host.address} {ports} <<'PYTHON'\n{script}\nPYTHON"
        ).stdout
        return set(map(int, found.split()))

    def run_again(self, *, rules: str | None = None) -> tuple[int, str]:
        """Run the firewall's script as Pulumi does, with the stack's rules or with others; return status and output."""
        inputs = self.inputs if rules is None else self.use_rules(rules)
        return run(self.host, inputs["create"], inputs["stdin"])

    def use_rules(self, rules: str) -> dict[str, str]:
        """Put rules onto the host, and return the inputs of the command that would let them work."""
        self.host.run(f"cat >/root/rules.nft <<'RULES'\n{rules}\nRULES")
        inputs = self.inputs
        assert rules != self.declared()
        return {**inputs, "stdin": inputs["stdin"].replace("/etc/prefect/firewall.nft", "/root/rules.nft")}

    def rules(self) -> str:
        """Return the host's table as it works now; nothing if there is none."""
        return self.host.run(f"nft --stateless list table {TABLE}", check=False).stdout

    def declared(self) -> str:
        return self.host.run("cat /etc/prefect/firewall.nft").stdout


@pytest.fixture(scope="module")
def site(debian_hosts: BootHosts, testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Bring the stack up beside the tables of somebody else; every test leaves it so, save the last two."""
    host, neighbour = debian_hosts(2)
    network = f"fd77:{testbed.number}::"
    run_tool("ip", "-6", "address", "add", f"{network}1/64", "dev", testbed.bridge, "nodad")
    addresses = [f"{network}{number}" for number in (2, 3)]
    for each, address in zip((host, neighbour), addresses, strict=True):
        each.run(
            "mkdir -p /etc/systemd/network/10-host0.network.d; cd /etc/systemd/network/10-host0.network.d;"
            f"printf '[Network]\\nAddress={address}/64\\n' >ipv6.conf; networkctl reload; networkctl reconfigure host0"
        )
    wait_until(lambda: _reaches(addresses[0], 22), f"{addresses[0]} to answer")
    stack = stack_on(host, "firewall_program", tmp_path_factory.mktemp("stack"))
    stack.configure({"neighbour": f"{neighbour.address} {addresses[1]}"})
    host.run(LISTEN)
    stack.up()
    return Site(stack, host, neighbour, addresses[0], stack.commands()["firewall-loaded"])


@pytest.fixture
def foreign_table(site: Site) -> Iterator[str]:
    """Give the host a firewall of somebody else; afterwards it must be as it was."""
    site.host.run(f"nft -f - <<'RULES'\n{THEIRS}\nRULES")
    listing = site.host.run("nft list table inet theirs").stdout
    yield listing
    kept = site.host.run("nft list table inet theirs; nft delete table inet theirs").stdout
    assert kept == listing


def test_only_what_is_declared_answers_from_outside(site: Site) -> None:
    run_tool("ip", "-6", "neighbour", "flush", "dev", site.host.container.cable)
    for address in (None, site.address_6):
        assert site.from_the_machine(address) == {22, 80, 443}
        assert site.from_the_neighbour(address) == {22, 80, 443, 5432}


def test_nobody_is_told_that_a_port_is_closed(site: Site) -> None:
    assert site.from_the_machine(ports=range(1, 1025)) == {22, 80, 443}


def test_udp_is_told_apart_from_tcp(site: Site) -> None:
    assert _udp_is_let_in(site.host.address, 51820)
    assert not _udp_is_let_in(site.host.address, 443)


def test_the_host_itself_reaches_everything(site: Site) -> None:
    for address, port in (("127.0.0.1", 9100), ("::1", 9100), (site.host.address, 9100), (site.neighbour.address, 22)):
        site.host.run(f"timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port}'")


def test_a_second_up_finds_nothing_to_do_and_would_change_nothing(site: Site) -> None:
    site.stack.assert_no_changes()
    status, told = site.run_again()
    assert (status, told.splitlines()[-1][:35]) == (0, "unchanged: only SSH and tcp:80 tcp:")


@pytest.mark.parametrize("damage", [f"nft add rule {TABLE} input tcp dport 9999 accept", "nft flush ruleset"])
def test_rules_that_somebody_changed_have_drifted_and_are_put_back(site: Site, damage: str) -> None:
    told = {"firewall-loaded": f"nftables: the rules of table {TABLE}"}
    assert_told_and_put_back(site.stack, site.host, damage, told)


def test_what_is_cut_off_is_told_when_it_happens(site: Site) -> None:
    site.host.run(f"nft add rule {TABLE} input tcp dport 9999 accept")
    status, told = site.run_again()
    assert status == 0
    assert told.splitlines()[-1].startswith("changed: only SSH and tcp:80 tcp:443 tcp:5432@")
    assert told.splitlines()[-1].endswith("; no longer port 9100 of python3")
    assert "9999" not in site.rules()


def test_it_works_again_after_a_reboot_before_there_is_a_network(site: Site) -> None:
    rules = site.rules()
    site.host.reboot()
    assert site.rules() == rules
    assert site.from_the_machine() == {22, 80, 443}
    started = {
        unit: int(site.host.run(f"systemctl show --property ActiveEnterTimestampMonotonic --value {unit}").stdout)
        for unit in ("prefect-selfhost-firewall", "systemd-networkd", "ssh")
    }
    assert 0 < started["prefect-selfhost-firewall"] < min(started["systemd-networkd"], started["ssh"])


def test_every_port_of_sshd_stays_open(site: Site) -> None:
    more = "/etc/ssh/sshd_config.d/more.conf"
    # of a release whose ports systemd opens, by its generator for what sshd is told, the socket is restarted too
    restart = "systemctl daemon-reload; systemctl try-restart ssh.socket; systemctl restart ssh"
    site.host.run(f"printf 'Port 22\\nPort 2222\\n' >{more}; {restart}")
    status, told = site.run_again()
    assert status == 0, told
    assert site.from_the_machine() == {22, 80, 443, 2222}
    site.host.run(f"rm {more}; {restart}")
    site.run_again()
    assert site.from_the_machine() == {22, 80, 443}


def test_rules_that_would_lock_out_are_taken_back(site: Site) -> None:
    rules = site.rules()
    locks_out = site.declared().replace("tcp dport @ssh_ports", "tcp dport 22 drop\n\t\ttcp dport @ssh_ports")
    status, told = site.run_again(rules=locks_out)
    assert status == 1
    assert "error: with these rules SSH was not let in for 10 s, so those from before were put back." in told
    assert site.rules() == rules
    assert site.run_again()[0] == 0, "a new session does not come in"
    assert site.host.run("systemctl list-timers 'prefect-selfhost*' --no-legend").stdout == ""


def test_rules_that_lock_out_are_taken_back_though_nobody_is_left_to_do_it(site: Site) -> None:
    rules = site.rules()
    inputs = site.use_rules(site.declared().replace("tcp dport @ssh_ports", "ip saddr 192.0.2.1 tcp dport @ssh_ports"))
    command = inputs["create"].partition(" as-root ")[2]
    site.host.run(
        f"cat >/root/payload <<'PAYLOAD'\n{inputs['stdin']}\nPAYLOAD\ncat >/root/apply <<'APPLY'\n{command}\nAPPLY\n"
        "systemd-run --quiet --unit=apply --property=StandardInput=file:/root/payload sh /root/apply"
    )
    wait_until(lambda: "192.0.2.1" in site.rules(), "the rules that lock out")
    assert not _reaches(site.host.address, 22)
    site.host.run("systemctl kill --signal=KILL apply")
    wait_until(lambda: _reaches(site.host.address, 22), "SSH to come in again", within=45)
    assert site.rules() == rules


def test_rules_that_nft_does_not_take_change_nothing(site: Site) -> None:
    rules = site.rules()
    status, told = site.run_again(rules=site.declared().replace("policy drop", "policy perhaps"))
    assert status == 1
    assert "error: nft does not accept /run/prefect/firewall-trial.nft, so nothing was changed" in told
    assert site.rules() == rules


def test_a_firewall_of_somebody_else_is_left_alone_and_named(site: Site, foreign_table: str) -> None:
    assert "policy drop" in foreign_table
    status, told = site.run_again()
    assert (status, "Others filter too, and may drop what is let in here: table inet theirs" in told) == (0, True)
    assert site.from_the_machine() == {22, 80, 443}


def test_it_comes_back_when_nftables_empties_all_tables(site: Site) -> None:
    rules = site.rules()
    site.host.run("systemctl start nftables && systemctl reload nftables")
    wait_until(lambda: site.rules() == rules, "the rules to come back after a reload")
    site.host.run("systemctl restart nftables")
    wait_until(lambda: site.rules() == rules, "the rules to come back after a restart")
    site.host.run("systemctl stop nftables")
    site.run_again()
    assert site.rules() == rules


@contextmanager
def another_firewall(site: Site, start: str, listing: str, stop: str) -> Iterator[None]:
    """Have a firewall of the host's owner work; what we had is gone then, what we do there goes with us."""
    rules = site.rules()
    site.host.run(start)
    theirs = site.host.run(listing).stdout
    yield
    assert site.rules() == ""
    assert run(site.host, site.inputs["delete"], site.inputs["stdin"])[0] == 0
    assert site.host.run(listing).stdout == theirs
    site.host.run(f"{stop}; nft flush ruleset")
    site.run_again()
    assert site.rules() == rules


def test_where_ufw_is_active_ports_are_opened_there_beside_its_owners(site: Site) -> None:
    start = (
        f"{INSTALL} ufw >/dev/null; ufw allow 22/tcp; ufw allow 9100/tcp;"
        'ufw allow 80/tcp comment "it\'s theirs"; ufw --force enable'
    )
    with another_firewall(site, start, "ufw show added", "ufw --force disable"):
        status, told = site.run_again()
        assert status == 0
        assert told.startswith("changed: ufw keeps this host's firewall and lets in tcp:80 tcp:443 tcp:5432@")
        assert site.from_the_machine() == {22, 80, 443, 9100}
        assert site.from_the_neighbour() == {22, 80, 443, 5432, 9100}
        assert site.from_the_neighbour(site.address_6) == {22, 80, 443, 5432, 9100}
        assert site.run_again()[1].startswith("unchanged: ufw keeps")


def test_where_firewalld_is_active_ports_are_opened_there(site: Site) -> None:
    start = f"{INSTALL} firewalld >/dev/null; firewall-cmd --permanent --add-port 9100/tcp; firewall-cmd --reload"
    listing = "firewall-cmd --get-policies; firewall-cmd --list-all"
    with another_firewall(site, start, listing, "systemctl disable --quiet --now firewalld"):
        status, told = site.run_again()
        assert status == 0
        assert told.startswith("changed: firewalld keeps this host's firewall and lets in tcp:80 tcp:443 tcp:5432@")
        for port in (22, 80, 5432, 9100):
            assert _reaches(site.host.address, port) == (port != 5432)
        assert site.neighbour.run(f"timeout 5 bash -c 'exec 3<>/dev/tcp/{site.address_6}/5432'").returncode == 0
        assert site.run_again()[1].startswith("unchanged: firewalld keeps")


def test_a_change_shows_as_lines_and_takes_effect(site: Site) -> None:
    preview = site.stack.preview(openPorts="443 8080")
    assert "- \t\ttcp dport 80 accept\n" in preview
    assert "+ \t\ttcp dport 8080 accept\n" in preview
    site.stack.up(openPorts="443 8080")
    assert site.from_the_machine() == {22, 443, 8080}


def test_destroy_removes_what_is_ours_and_nothing_else(site: Site, foreign_table: str) -> None:
    site.stack.run("destroy", "--yes", "--skip-preview")
    assert site.host.run("nft list ruleset").stdout == foreign_table
    assert site.host.run("find / -xdev -name '*prefect*' -path '*firewall*'").stdout == ""
    assert site.host.run("systemctl list-units --all --no-legend '*prefect*'").stdout == ""
    assert _reaches(site.host.address, 9100)


def _reaches(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def _udp_is_let_in(address: str, port: int) -> bool:
    """Tell whether the host answers that nobody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect((address, port))
        client.send(b"?")
        try:
            client.recv(1)
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
        return True
