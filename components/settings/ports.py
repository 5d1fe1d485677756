"""Which service of which host listens on which port; no two on one."""

import itertools
from collections.abc import Set
from dataclasses import replace

from components.settings.hosts import HostSettings
from components.settings.https import HttpsSettings
from components.settings.postgres import PostgresSettings
from components.settings.server import ServerSettings
from components.settings.table import Problems
from components.settings.workers import WorkerSettings


def with_ports(
    problems: Problems,
    hosts: tuple[HostSettings, ...],
    *,
    postgres: PostgresSettings,
    server: ServerSettings,
    workers: tuple[WorkerSettings, ...],
    proxy: HttpsSettings | None,
) -> tuple[HostSettings, ...]:
    """Return `hosts` with the ports their services listen on; two services on one port of an address are a problem."""
    listeners = [
        (postgres.host, "postgres.port", postgres.port),
        *((host, "server.port", server.port) for host in server.hosts),
        *((host, key, port) for host in server.hosts for key, port in (proxy.ports if proxy else ())),
        *((worker.host, f"workers.{worker.name}.healthPort", worker.health_port) for worker in workers),
    ]
    addresses = {host.name: host.address for host in hosts}
    listeners = [listener for listener in listeners if listener[0] in addresses]
    taken: dict[tuple[str, int], str] = {}
    for name, key, port in listeners:
        address = addresses[name]
        user = taken.setdefault((address, port), key)
        if user != key:
            free = _free_port(port, {busy for where, busy in taken if where == address})
            taken[address, free] = key
            problems.add(key, f"is {port}, the same as {user}", f"a port of its own at {address}", str(free))
    listeners.sort(key=lambda listener: listener[2])
    return tuple(
        replace(host, ports=tuple((key, port) for name, key, port in listeners if name == host.name)) for host in hosts
    )


def _free_port(after: int, taken: Set[int]) -> int:
    return next(port for port in itertools.chain(range(after + 1, 65536), range(1024, after)) if port not in taken)
