"""The rules that hold between keys of a stack file: each key is good, and together they are not."""

from tests.settings.stack_file import problems, stack_file

LOCAL = {"platform": "local"}
LINUX = {"platform": "linux", "address": "203.0.113.10", "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}


def test_a_port_is_used_once_on_a_machine() -> None:
    found = problems(stack_file(server={"port": 4200}, workers={"a": {"healthPort": 4200}, "b": {}, "c": {}}))

    assert found["workers.a.healthPort"].given == "is 4200, the same as server.port"
    assert found["workers.c.healthPort"].given == "is 4210, the same as workers.b.healthPort"


def test_the_ports_proposed_are_free_and_differ() -> None:
    found = problems(stack_file(workers={"a": {}, "b": {}, "c": {"healthPort": 4211}, "d": {"healthPort": 4211}}))

    proposed = [int(problem.command.split()[-1]) for problem in found.values()]
    assert len(set(proposed)) == len(proposed) == 3
    assert not {4210} & set(proposed)


def test_after_the_last_port_one_below_is_proposed() -> None:
    found = problems(stack_file(server={"port": 65535}, postgres={"port": 65535}))

    assert found["server.port"].command.endswith(" server.port 1024")


def test_two_hosts_on_this_machine_share_its_ports() -> None:
    hosts = {"one": LOCAL, "two": LOCAL}
    workers = {"a": {"host": "one"}, "b": {"host": "two"}}
    found = problems(
        stack_file(hosts=hosts, postgres={"host": "one"}, server={"hosts": ["one"]}, workers=workers),
    )

    assert found["workers.b.healthPort"].given == "is 4210, the same as workers.a.healthPort"


def test_two_hosts_have_directories_of_their_own() -> None:
    same = {"platform": "local", "directory": "/srv/prefect"}
    everything_on_one = {
        "postgres": {"host": "one"},
        "server": {"hosts": ["one"]},
        "workers": {"w": {"host": "one"}},
    }
    found = problems(stack_file(hosts={"one": same, "two": same}, **everything_on_one))

    assert list(found) == ["hosts.two.directory"]
    assert found["hosts.two.directory"].command.endswith(" /srv/prefect-two")


def test_with_several_hosts_and_pools_each_user_of_one_says_which() -> None:
    found = problems(stack_file(hosts={"one": LOCAL, "two": LOCAL}, workPools={"etl": {}, "ml": {}}))

    missing = {"postgres.host", "server.hosts", "workers.default.host", "workers.default.workPool"}
    assert {key: problem.given for key, problem in found.items()} == dict.fromkeys(missing, "is missing")


def test_several_server_hosts_need_what_is_not_there_yet() -> None:
    hosts = {"one": LOCAL, "two": LOCAL}
    found = problems(
        stack_file(
            hosts=hosts,
            postgres={"host": "one"},
            server={"hosts": ["one", "two"]},
            workers={"w": {"host": "one"}},
        )
    )

    assert "Redis" in found["server.hosts"].allowed
    assert found["server.hosts"].command.endswith("'server.hosts[0]' one")
    assert "HostSettings" not in str(found["server.hosts"])
