"""What is in the way of a first `pulumi up` is told before anything is changed; what interrupts it costs only time."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment, RecordProperty
from tests.engine.stack import kill
from tests.hosts.debian_host import new_key_pair

KILLS = 10
MAKE_SECONDS, LONGEST_DELAY = 3.0, 12.0
"""Before which Pulumi does nothing yet, and how long after that it is killed at the latest."""
INDEX_OF_ANOTHER_TIME = """
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import time
class Index(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response_only(200)
        self.send_header("Date", formatdate(time() + 3600, usegmt=True))
        self.end_headers()
        self.wfile.write(b"prefect-3.8.0-py3-none-any.whl")
HTTPServer(("127.0.0.1", 8081), Index).serve_forever()
"""
SERVE_IT = f"""
cat >/root/index.py <<'PYTHON'{INDEX_OF_ANOTHER_TIME}PYTHON
systemd-run --quiet --unit=index python3 /root/index.py
until ss --no-header --listening --tcp 'sport = :8081' | grep -q .; do sleep 0.1; done
mv /etc/pip.conf /root/pip.conf
printf '[global]\\nindex-url = http://127.0.0.1:8081/simple\\n' >/etc/pip.conf
"""
TAKE_PORT = """
systemd-run --quiet --unit=squatter python3 -m http.server --bind 127.0.0.1 4200
until ss --no-header --listening --tcp 'sport = :4200' | grep -q .; do sleep 0.1; done
"""


@dataclass(frozen=True)
class Obstacle:
    """Something in the way, and what `pulumi up` says of it."""

    name: str
    arises: Callable[[Deployment], AbstractContextManager[None]]
    says: tuple[str, ...]


def in_stack_file(path: str, wrong: str) -> Callable[[Deployment], AbstractContextManager[None]]:
    @contextmanager
    def arise(troubled: Deployment) -> Iterator[None]:
        right = troubled.pulumi("config", "get", "--path", path).output.strip()
        troubled.config_set(path, wrong)
        try:
            yield
        finally:
            troubled.config_set(path, right)

    return arise


def on_host(make: str, undo: str) -> Callable[[Deployment], AbstractContextManager[None]]:
    @contextmanager
    def arise(troubled: Deployment) -> Iterator[None]:
        host = troubled.hosts["vps"]
        host.run(make)
        try:
            yield
        finally:
            host.run(undo)

    return arise


OBSTACLES = [
    Obstacle("wrong host key", in_stack_file("hosts.vps.hostKey", new_key_pair()[1]), ("host key",)),
    Obstacle("wrong user", in_stack_file("hosts.vps.user", "nobody-there"), ("unable to authenticate",)),
    Obstacle(
        "no sudo",
        on_host("mv /etc/sudoers.d/ops /root/sudoers-of-ops", "mv /root/sudoers-of-ops /etc/sudoers.d/ops"),
        ("ops may not act as root on this host without a password",),
    ),
    Obstacle(
        "port taken",
        on_host(TAKE_PORT, "systemctl stop squatter"),
        ("port 4200 is taken by python3", "pulumi config set --path server.port PORT"),
    ),
    Obstacle(
        "own name unknown",
        on_host("cp /etc/hosts /root/hosts; sed -i /127.0.1.1/d /etc/hosts", "cp /root/hosts /etc/hosts"),
        ("own name", "Add to /etc/hosts: 127.0.1.1"),
    ),
    Obstacle(
        "small disk",
        on_host("mount -t tmpfs -o size=300M tmpfs /opt", "umount /opt"),
        ("only 300 MiB are free in /opt",),
    ),
    Obstacle(
        "no way to the package index",
        on_host(
            "ip route show default >/root/route; ip route delete default",
            "ip route add $(sed 's/ linkdown//' /root/route)",
        ),
        ("the package index", "Mend the way there (network, DNS, proxy)"),
    ),
    # by an index that tells another time: a container has the clock of its machine
    Obstacle(
        "wrong clock",
        on_host(SERVE_IT, "systemctl stop index; mv /root/pip.conf /etc/pip.conf"),
        (" s behind that of the package index", "timedatectl set-ntp true"),
    ),
]


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.name)
def test_what_is_in_the_way_is_told_before_anything_is_changed(troubled: Deployment, obstacle: Obstacle) -> None:
    with obstacle.arises(troubled):
        output = troubled.failing_up()
    for text in obstacle.says:
        assert text in output
    assert "Traceback" not in output
    assert troubled.hosts["vps"].run("ls -d /etc/prefect /opt/prefect", check=False).stdout == "", "something was made"
    # checks that passed are remembered; the next obstacle is to meet all of them
    troubled.pulumi("destroy", "--yes", "--skip-preview")


@pytest.mark.timeout(1200)
def test_up_completes_although_it_was_killed_ten_times(
    troubled: Deployment, tmp_path: Path, record_property: RecordProperty
) -> None:
    seed = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(10**6)))
    record_property("E2E_SEED", seed)
    moments = random.Random(seed)  # noqa: S311 - to repeat it, not to hide it
    command = ["make", "up", f"STACK={troubled.name}", "YES=1"]
    for number in range(KILLS):
        # so that there is something to do even when all is made
        troubled.config_set("server.logLevel", ("INFO", "DEBUG")[number % 2])
        up = troubled.start(command, troubled.environment, tmp_path / f"{number}.log")
        with suppress(subprocess.TimeoutExpired):
            up.wait(moments.uniform(MAKE_SECONDS, MAKE_SECONDS + LONGEST_DELAY))
        kill(up)
        up.wait()
    troubled.make(*command[1:])
    assert troubled.outputs()["canaryRuns"] == {"default": "COMPLETED"}
    assert "pending_operations" not in troubled.state(), "Pulumi warns of interrupted operations for ever"
    troubled.expect_no_changes()
    host = troubled.hosts["vps"]
    assert host.run("find /etc /opt /var/lib/prefect -name '*.new'").stdout == ""
    assert host.run("systemctl --failed --no-legend").stdout == ""
