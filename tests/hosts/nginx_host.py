"""nginx on a booted host, before a stand-in for a Prefect server, and those who talk to it."""

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx

from tests.hosts.certificates import Certificate
from tests.hosts.debian_host import DebianHost
from tests.hosts.https_client import HttpsClient
from tests.hosts.pulumi_stack import PulumiStack
from tests.waiting import wait_until

NAME = "prefect.example.com"
PRIVATE_CA = {"publicUrl": f"https://{NAME}"}
RENEWAL = "prefect-certificate"
SAID = re.compile("^(changed|unchanged|error): ", re.MULTILINE)
"""How a script ends."""


@dataclass(frozen=True)
class Proxy:
    """The stack of tests/hosts/nginx_program, and the host that it is on."""

    stack: PulumiStack
    host: DebianHost

    def up(self, **section: Any) -> str:
        """Bring the stack up with this section `nginx`."""
        return self.stack.up(nginx=json.dumps(section))

    def failed_up(self, **section: Any) -> str:
        """Bring the stack up with this section `nginx`, which must fail, and return what was printed."""
        return self.stack.failure(self.stack.start_up(nginx=json.dumps(section)))

    def output(self, name: str) -> str:
        return self.stack.run("stack", "output", name, "--show-secrets").strip("\n")

    def client(self, authority: str = "", host: str = NAME, port: int = 443) -> HttpsClient:
        """Return a client that trusts `authority`, the stack's private CA unless told otherwise."""
        return HttpsClient(self.host.address, host, authority or self.output("caCertificate"), port)

    def http(self, path: str, host: str = NAME) -> httpx.Response:
        return httpx.get(f"http://{self.host.address}{path}", headers={"Host": host}, trust_env=False, timeout=10)

    def put(self, path: str, text: str) -> None:
        """Make a file that only root may read."""
        self.host.run(f"umask 077; mkdir -p {Path(path).parent}; rm -f {path}; cat >{path} <<'END'\n{text}\nEND")

    def renew(self) -> str:
        """Do now what is done each hour, and return what it said."""
        self.host.run(f"systemctl reset-failed {RENEWAL}", check=False)
        self.host.run(f"systemctl start {RENEWAL}", check=False)
        unit = self.host.run(f"systemctl show --property InvocationID --value {RENEWAL}").stdout.strip()
        log = f"journalctl --no-pager --output=cat _SYSTEMD_INVOCATION_ID={unit}"
        # a busy journal has what the unit said a moment later
        wait_until(lambda: SAID.search(self.host.run(log).stdout) is not None, f"the last words of {RENEWAL}")
        return self.host.run(log).stdout


@contextmanager
def another_site(proxy: Proxy, configuration: str) -> Iterator[None]:
    """Have somebody else's file in nginx's directory."""
    proxy.put("/etc/nginx/conf.d/another.conf", configuration)
    try:
        yield
    finally:
        proxy.host.run("rm /etc/nginx/conf.d/another.conf; systemctl reload nginx")


@contextmanager
def asking_all_the_time(client: HttpsClient) -> Iterator[list[int]]:
    """Ask all the time, and collect the answers."""
    answers: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(client.get("/api/health").status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield answers
    finally:
        wait_until(lambda: len(answers) > 10, "answers")
        done.set()
        asking.join()


def seconds(moment: str) -> float:
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def holds(proxy: Proxy, certificate: Certificate) -> bool:
    """Tell whether the site shows a certificate of this one's authority."""
    try:
        return bool(proxy.client(certificate.authority).certificate())
    except ssl.SSLCertVerificationError:
        return False
