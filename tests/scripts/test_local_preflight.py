"""What preflight on this machine finds in the way, all of it at once, before anything is changed."""

import socket
from collections.abc import Iterator

import pytest

from tests.scripts.local_host import LocalHost

FULL_DISK = 'echo "Filesystem 1024-blocks Used Available"; echo "/dev/disk 4096000 3072000 1024000"'


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_machine_without_obstacles_passes_and_nothing_is_changed(host: LocalHost) -> None:
    assert host.run("preflight", ports="server.port=1").startswith("unchanged: ")
    assert not host.root.exists()


def test_a_port_that_another_program_holds(host: LocalHost, taken_port: int) -> None:
    assert host.failure("preflight", ports=f"postgres.port=1 server.port={taken_port}") == (
        f"error: port {taken_port} is taken by another program."
        " Stop it, or choose another: pulumi config set --path server.port PORT\n"
    )


def test_a_port_that_this_host_reserved_is_its_own(host: LocalHost, taken_port: int) -> None:
    host.place("run/ports", f"postgres.port=1 server.port={taken_port}\n")
    assert host.run("preflight", ports=f"server.port={taken_port}").startswith("unchanged: ")


def test_a_path_too_long_for_sockets(host: LocalHost) -> None:
    root = f"{host.directory}/{'x' * 80}"
    assert f"{root} is longer than 80 characters" in host.failure("preflight", ports="", root=root)


def test_everything_is_told_at_once(host: LocalHost, taken_port: int) -> None:
    full = host.with_programs(df=FULL_DISK)
    told = full.failure("preflight", ports=f"server.port={taken_port}", root=f"/proc/{'x' * 80}").splitlines()
    assert all(line.startswith("error: ") for line in told)
    assert len([line for line in told if "not writable" not in line]) == 3
    assert "error: only 1000 MiB are free in /proc, 1500 are needed." in told[-3]


def test_a_directory_that_may_not_be_written(host: LocalHost) -> None:
    if host.user == "root":
        pytest.skip("root may write everywhere")
    finding = f"error: /etc is not writable for {host.user}. Choose another: hosts.NAME.directory\n"
    assert finding in host.failure("preflight", ports="", root="/etc/host")
