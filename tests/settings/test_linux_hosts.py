"""Linux hosts of a stack file: through which other one they are reached, and by which ports of this machine."""

from typing import Any

import pytest

from components.settings import HostSettings
from components.settings.hosts import read_hosts
from components.settings.table import Problem, Problems, Table

LOCAL: dict[str, Any] = {"platform": "local"}
LINUX: dict[str, Any] = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}


def read(hosts: dict[str, dict[str, Any]], stack: str = "prod") -> tuple[dict[str, HostSettings], dict[str, Problem]]:
    """Return hosts by name and problems by key."""
    problems = Problems(stack)
    found = read_hosts(Table(problems, "hosts", hosts), stack, 1000)
    told = {problem.key: problem for problem in problems.found if not problem.key.endswith(".platform")}
    return {host.name: host for host in found}, told


PORT_OF_DB = 29190
"""Of a host `db` in a stack `prod`; another one would change the resources of stacks that are up."""
BASTION = {**LINUX, "address": "198.51.100.7", "port": 2222, "user": "jump"}
BEHIND_IT = {**LINUX, "jumpHost": "bastion"}


class TestJumpHost:
    def test_without_one_a_host_is_reached_directly(self) -> None:
        hosts, problems = read({"db": LINUX})
        assert (hosts["db"].jump_host, problems) == (None, {})

    def test_it_is_another_linux_host_with_all_it_takes_to_go_there(self) -> None:
        hosts, problems = read({"bastion": BASTION, "db": BEHIND_IT, "web": BEHIND_IT})
        assert problems == {}
        bastion = hosts["bastion"]
        assert hosts["db"].jump_host == hosts["web"].jump_host == bastion
        assert (bastion.address, bastion.port, bastion.user) == ("198.51.100.7", 2222, "jump")

    @pytest.mark.parametrize("jump_host", ["nowhere", "box"])
    def test_what_is_no_linux_host_of_the_stack_is_told_with_those_that_are(self, jump_host: str) -> None:
        hosts = {"bastion": BASTION, "box": LOCAL, "db": {**LINUX, "jumpHost": jump_host}}
        found, problems = read(hosts)
        assert list(problems) == ["hosts.db.jumpHost"]
        assert problems["hosts.db.jumpHost"].given == f"is {jump_host!r}"
        assert problems["hosts.db.jumpHost"].allowed.startswith("one of bastion")
        assert problems["hosts.db.jumpHost"].command.endswith(" hosts.db.jumpHost bastion")
        assert found["db"].jump_host is None

    @pytest.mark.parametrize(
        ("jump_host", "told"),
        [
            ("db", "is 'db', this host itself"),
            ("web", "is 'web', which is itself reached through bastion; there can be one jump, no more"),
        ],
    )
    def test_there_is_one_jump_and_it_leads_elsewhere(self, jump_host: str, told: str) -> None:
        _, problems = read({"bastion": BASTION, "web": BEHIND_IT, "db": {**LINUX, "jumpHost": jump_host}})
        assert list(problems) == ["hosts.db.jumpHost"]
        assert problems["hosts.db.jumpHost"].given == told
        assert problems["hosts.db.jumpHost"].command == "pulumi config rm --stack prod --path hosts.db.jumpHost"

    def test_two_hosts_cannot_each_be_reached_through_the_other(self) -> None:
        _, problems = read({"a": {**LINUX, "jumpHost": "b"}, "b": {**LINUX, "jumpHost": "a"}})
        assert sorted(problems) == ["hosts.a.jumpHost", "hosts.b.jumpHost"]

    def test_this_machine_needs_none(self) -> None:
        _, problems = read({"bastion": BASTION, "box": {**LOCAL, "jumpHost": "bastion"}})
        assert problems["hosts.box.jumpHost"].given == "is not a setting"

    def test_a_host_on_which_nothing_runs_is_not_used(self) -> None:
        hosts, _ = read({"bastion": BASTION, "db": BEHIND_IT})
        assert not hosts["bastion"].is_used


HUNDREDS = {f"h{number}": LINUX for number in range(500)}


class TestTunnelPort:
    def test_stack_and_name_alone_decide(self) -> None:
        alone, _ = read({"db": LINUX})
        among_others, _ = read({"bastion": BASTION, "db": {**BEHIND_IT, "port": 2222}, "web": LINUX})
        assert alone["db"].tunnel_port == among_others["db"].tunnel_port == PORT_OF_DB
        elsewhere, _ = read({"db": LINUX}, "staging")
        assert elsewhere["db"].tunnel_port != PORT_OF_DB

    def test_it_is_even_and_below_those_that_systems_hand_out(self) -> None:
        hosts, _ = read(HUNDREDS)
        assert all(20000 <= host.tunnel_port <= 29998 for host in hosts.values())
        assert all(host.tunnel_port % 2 == 0 for host in hosts.values())

    def test_hosts_never_share_one(self) -> None:
        hosts, problems = read(HUNDREDS)
        assert problems == {}
        assert len({host.tunnel_port for host in hosts.values()}) == len(hosts) == 500

    def test_the_one_that_is_set_is_taken(self) -> None:
        hosts, problems = read({"db": {**LINUX, "tunnelPort": 40001}})
        assert (hosts["db"].tunnel_port, problems) == (40001, {})

    @pytest.mark.parametrize("port", [PORT_OF_DB - 1, PORT_OF_DB, PORT_OF_DB + 1])
    def test_others_make_way_for_the_one_that_is_set(self, port: int) -> None:
        hosts, problems = read({"db": LINUX, "other": {**LINUX, "tunnelPort": port}})
        assert problems == {}
        assert hosts["other"].tunnel_port == port
        assert hosts["db"].tunnel_port == PORT_OF_DB + (4 if port > PORT_OF_DB else 2)

    @pytest.mark.parametrize("port", [30001, 30002, 30003])
    def test_two_that_are_set_leave_each_other_room_for_two(self, port: int) -> None:
        _, problems = read({"a": {**LINUX, "tunnelPort": 30002}, "b": {**LINUX, "tunnelPort": port}})
        assert list(problems) == ["hosts.b.tunnelPort"]
        problem = problems["hosts.b.tunnelPort"]
        assert problem.given == f"is {port}; {port} and {port + 1} are not free, as a has 30002 and 30003"
        assert 20000 <= int(problem.command.split()[-1]) <= 29998

    def test_this_machine_has_none(self) -> None:
        hosts, _ = read({"box": LOCAL})
        assert hosts["box"].tunnel_port == 0
