"""How long things take on one server, measured on booted Debian 12 hosts: `make bench`.

Needs what tests/hosts needs: root on Linux. Prints one line for each figure.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.e2e.deployment import NEW, OLD, Deployment, open_deployment
from tests.e2e.outage import longest_outage
from tests.hosts.debian_host import DebianHost, booted_hosts
from tests.hosts.debian_tree import debian_tree
from tests.hosts.testbed import missing_requirement, open_testbed
from toolchain.process import say

REPEATS = 3
PACKAGES = "dpkg-query --show --showformat='${Package}\\n'"


def main() -> int:
    """Measure and print; returns the exit status."""
    if reason := missing_requirement():
        say(f"error: {reason}")
        return 1
    with open_testbed() as testbed, booted_hosts(testbed, debian_tree()) as boot:
        measured, bare = boot(2)
        with open_deployment({"vps": measured}, "vps") as deployment:
            with stopwatch() as first_up:
                deployment.first_up({"server": {"version": OLD}})
            with stopwatch() as download:
                download_packages(measured, bare, deployment)
            show("from a bare Debian to a COMPLETED canary, without downloads", first_up() - download(), at_most=360)
            show("downloads, on another bare Debian", download())
            show("up without a change, median", median(deployment.up), at_most=6)
            show("looking for drift, beside the preview", drift_probe(deployment), at_most=3)
            show(f"API away, {OLD} to {NEW}", upgrade_downtime(deployment), at_most=15)
    return 0


def download_packages(installed: DebianHost, bare: DebianHost, deployment: Deployment) -> None:
    """Download, on a bare host, what was installed on the other; unpack and install nothing."""
    packages = set(installed.run(PACKAGES).stdout.split()) - set(bare.run(PACKAGES).stdout.split())
    bare.run("apt-get update --quiet", timeout=600)
    bare.run(f"apt-get install --download-only --no-install-recommends --yes {' '.join(packages)}", timeout=600)
    for lock in ("pip", f"prefect-{OLD}"):
        bare.write(f"/root/{lock}.txt", (deployment.layout.root / "scripts" / "runtime" / f"{lock}.txt").read_text())
    pip = "/root/venv/bin/pip --quiet"
    bare.run(f"python3 -m venv /root/venv && {pip} install --require-hashes --requirement /root/pip.txt")
    download = f"{pip} download --require-hashes --dest /root/wheels"
    bare.run(f"{download} --requirement /root/prefect-{OLD}.txt", timeout=900)


def drift_probe(deployment: Deployment) -> float:
    """Return the seconds that a preview takes longer when it looks at the host."""
    without = median(deployment.expect_no_changes)
    deployment.config_set("drift", "true")
    looking = median(deployment.expect_no_changes)
    deployment.config_rm("drift")
    return looking - without


def upgrade_downtime(deployment: Deployment) -> float:
    """Return the seconds between the last answer of the old version and the first of the new one."""
    deployment.config_set("server.version", NEW)
    with longest_outage(deployment.hosts["vps"], "http://127.0.0.1:4200/api/ready") as outage:
        deployment.up()
    return outage.seconds


def median(action: Callable[[], object]) -> float:
    """Return the median of the seconds that an action takes."""
    taken = []
    for _ in range(REPEATS):
        with stopwatch() as seconds:
            action()
        taken.append(seconds())
    return statistics.median(taken)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Give a function that tells, after the block, how many seconds it took."""
    started = time.monotonic()
    taken = [0.0]
    yield lambda: taken[0]
    taken[0] = time.monotonic() - started


def show(what: str, seconds: float, *, at_most: float | None = None) -> None:
    """Print one figure, and what is promised."""
    promise = f"  (promised: under {at_most:g} s)" if at_most else ""
    say(f"{what:65}{seconds:7.1f} s{promise}")


if __name__ == "__main__":
    sys.exit(main())
