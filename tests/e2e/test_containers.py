"""Flow runs in containers: Docker, a worker and a pool by the stack, an image from a registry."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import NewDeployment
from tests.e2e.deployment import OLD, Deployment
from tests.hosts.debian_host import BootHosts

pytestmark = pytest.mark.timeout(1200)

IMAGE, OTHER_IMAGE = "127.0.0.1:5000/flows:1", "127.0.0.1:5000/flows:2"
# of the host's own Debian, with the Prefect that is installed there; afterwards Docker is gone again
PUSH_IMAGE = f"""
set -euo pipefail
apt-get install --quiet=2 --yes --no-install-recommends docker.io docker-registry >/dev/null
cat >/etc/docker/registry/config.yml <<'YAML'
version: 0.1
storage: {{filesystem: {{rootdirectory: /var/lib/docker-registry}}}}
http: {{addr: "127.0.0.1:5000"}}
YAML
systemctl restart docker-registry
path=$(echo /opt/prefect/prefect-3*/bin):/usr/bin:/bin
# 1: a file changed meanwhile
{{ tar --create --directory / bin etc lib lib64 opt/prefect sbin srv usr || [ $? = 1 ]; }} |
  docker import --change "ENV PATH=$path" - {IMAGE}
docker push --quiet {IMAGE}
apt-get purge --quiet=2 --yes docker.io containerd runc >/dev/null
rm -rf /var/lib/docker
"""


def declare_pool_of_images(stack: Deployment) -> None:
    stack.config_set("workPools.images.type", "docker")
    stack.config_set("workPools.images.jobVariables.image", IMAGE)
    stack.config_set("workPools.images.jobVariables.image_pull_policy", "Always")
    stack.config_set("workers.images.workPool", "images")
    stack.config_set("workers.images.healthPort", "4212")


def test_flows_of_a_docker_pool_run_in_containers_of_its_image(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    host.run(PUSH_IMAGE, timeout=900)
    declare_pool_of_images(vps)
    vps.up()
    assert vps.outputs()["canaryRuns"] == {"default": "COMPLETED", "images": "COMPLETED"}

    flow_run = vps.greet("images", name="a container")
    assert vps.end_of(flow_run) == "COMPLETED"
    vps.expect_logged(flow_run, "Hello, a container")
    containers = host.run("docker ps --all --format '{{.Image}}'").stdout.split()
    assert containers == [IMAGE, IMAGE], "the canary and this flow run were to be the only ones"
    vps.expect_no_changes()


def test_a_deployment_of_the_stack_file_runs_in_the_image_that_it_names(vps: Deployment) -> None:
    host = vps.hosts["vps"]
    host.run(f"docker tag {IMAGE} {OTHER_IMAGE} && docker push --quiet {OTHER_IMAGE} && docker rmi {OTHER_IMAGE}")
    settings = {"parameters.name": "a deployment", "jobVariables.image": OTHER_IMAGE}
    vps.declare_deployment("greeting/contained", "greeting.py:greet", "images", settings)
    vps.up()

    flow_run = vps.run_deployment("greeting", "contained")
    assert vps.end_of(flow_run) == "COMPLETED"
    vps.expect_logged(flow_run, "Hello, a deployment")
    assert OTHER_IMAGE in host.run("docker ps --all --format '{{.Image}}'").stdout.split()
    vps.expect_no_changes()


def test_containers_stay_when_their_pool_goes(vps: Deployment) -> None:
    vps.config_rm('deployments["greeting/contained"]')
    vps.config_rm("workPools.images")
    vps.config_rm("workers.images")
    vps.up()
    assert "prefect-worker-images" not in vps.processes("vps")
    assert vps.hosts["vps"].run("docker images --quiet").stdout
    assert vps.end_of(vps.greet(name="a process")) == "COMPLETED"


@pytest.fixture
def pair(debian_hosts: BootHosts, new_deployment: NewDeployment) -> Iterator[Deployment]:
    """Bring a server up and, on another host, a worker."""
    server, worker = debian_hosts(2)
    with new_deployment({"server": server, "worker": worker}, "server") as deployment:
        deployment.first_up(
            {
                "postgres": {"host": "server"},
                "server": {"hosts": ["server"], "version": OLD},
                "workPools": {"default": {"type": "process"}},
                "workers": {"default": {"host": "worker", "workPool": "default"}},
            }
        )
        yield deployment


def test_containers_on_another_host_than_the_server_trust_the_stacks_own_authority(pair: Deployment) -> None:
    pair.hosts["worker"].run(PUSH_IMAGE, timeout=900)
    declare_pool_of_images(pair)
    pair.config_set("workers.images.host", "worker")
    pair.up()
    assert pair.outputs()["canaryRuns"] == {"default": "COMPLETED", "images": "COMPLETED"}
    flow_run = pair.greet("images", name="a container elsewhere")
    assert pair.end_of(flow_run) == "COMPLETED"
    pair.expect_logged(flow_run, f"Hello, a container elsewhere, here is {pair.hosts['worker'].name}")
