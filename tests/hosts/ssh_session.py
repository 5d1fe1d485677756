"""SSH to a test host, as Pulumi would do it: by the pinned key, a new connection each time."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import paramiko

from tests.hosts.debian_host import DebianHost


@contextmanager
def ssh_session(host: DebianHost, user: str | None = None) -> Iterator[paramiko.SSHClient]:
    """Connect as the host's user, or as another one with the same key."""
    algorithm, blob = host.host_key.split()
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(host.address, algorithm, paramiko.PKey.from_type_string(algorithm, b64decode(blob)))
        client.connect(
            host.address,
            username=user or host.user,
            pkey=paramiko.Ed25519Key.from_private_key(StringIO(host.private_key)),
            allow_agent=False,
            look_for_keys=False,
            timeout=10,
        )
        yield client


def run(host: DebianHost, command: str, stdin: str = "", *, user: str | None = None) -> tuple[int, str]:
    """Run a command on a connection of its own; return its exit status and all that it printed."""
    with ssh_session(host, user) as ssh:
        writer, output, errors = ssh.exec_command(command, timeout=90)
        writer.write(stdin)
        writer.channel.shutdown_write()
        told = errors.read().decode() + output.read().decode()
        return output.channel.recv_exit_status(), told
