"""What stands where and who talks to whom, read from the plan: hosts, services, ports, data flows, and what changes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from policies.network import STACK, is_loopback
from toolchain.preview.azure import InAzure, in_azure
from toolchain.preview.nodes import Flow, HostNode, Role, ServiceNode, Topology, of_parts
from toolchain.preview.plan import Change, Plan
from toolchain.preview.steps import HOST, Steps


def topology(plan: Plan) -> Topology:
    """Read the topology from a plan."""
    steps = Steps(plan)
    settings = _table(plan, "hosts")
    on_hosts = [*_services(steps), *_proxies(steps)]
    hosts = list(_hosts(steps, settings, on_hosts))
    cloud = in_azure(plan, _table(plan, "azure"), {host.name for host in hosts})
    # a plan has no order of its own: what waits for nothing comes as it comes
    services = sorted([*on_hosts, *cloud.services], key=lambda one: (one.host, one.name))
    flows, elsewhere = _flows(steps, services, settings, cloud)
    return Topology(
        hosts=tuple(sorted([*(_placed(host, cloud) for host in hosts), *cloud.hosts], key=lambda one: one.name)),
        services=tuple(services),
        flows=tuple(flows),
        work_pools=tuple(sorted(_work_pools(plan))),
        elsewhere=tuple(elsewhere),
    )


def _table(plan: Plan, section: str) -> Mapping[str, Any]:
    """Return a section of the stack file; nothing if it has none."""
    for change in plan.changes:
        if change.resource.type == STACK:
            found = change.resource.inputs.get(f"prefect-selfhost:{section}")
            return found if isinstance(found, dict) else {}
    return {}


def _placed(host: HostNode, cloud: InAzure) -> HostNode:
    """Return a host with what becomes of the machine under it, where the stack makes that."""
    machine = cloud.machines.get(host.name)
    if machine is None:
        return host
    operation = host.operation if machine.operation == "same" else machine.operation
    jump_host = cloud.jump_host if cloud.jump_host != host.name else ""
    return replace(host, jump_host=jump_host, facts=machine.facts, operation=operation)


def _hosts(
    steps: Steps, settings: Mapping[str, Mapping[str, Any]], services: Iterable[ServiceNode]
) -> Iterator[HostNode]:
    used = {service.host for service in services}
    for name, change in steps.changes.items():
        if change.resource.type != HOST or name not in used:
            continue
        told = settings.get(name, {})
        yield HostNode(
            name=name,
            address=str(told.get("privateAddress") or told.get("address", "")),
            platform=str(told.get("platform", "")),
            jump_host=str(told.get("jumpHost", "")),
            schedules=tuple(sorted(_schedules(steps, name))),
            openings=tuple(dict.fromkeys(_openings(steps, name))),
            operation=change.operation,
        )


def _services(steps: Steps) -> Iterator[ServiceNode]:
    ports = {
        (change.resource.parent, key): port
        for change, script in steps.scripts("prepare-host")
        for key, port in script.ports.items()
    }
    running = {
        (steps.host(change.resource), steps.service(change.resource)): change for change, _ in steps.scripts("service")
    }
    for change, file in steps.files():
        host = steps.host(change.resource)
        if file.service is None or host is None:
            continue
        starting = running.get((host, file.service), change)
        reads = [
            steps.changes[name].operation for name in starting.resource.depends_on if _reads(steps, name, starting)
        ]
        role = _role(file.service)
        key = f"workers.{file.service.removeprefix('prefect-worker-')}.healthPort"
        key = {"server": "server.port", "database": "postgres.port", "proxy": "caddy.httpsPort"}.get(role, key)
        yield ServiceNode(
            name=file.service,
            host=host,
            role=role,
            detail=_detail(steps, file.service, role, file.content or "", host),
            port=ports.get((host, key), ""),
            operation=of_parts(change.operation, starting.operation, *reads),
        )


def _reads(steps: Steps, name: str, starting: Change) -> bool:
    change = steps.changes.get(name)
    return change is not None and change.resource.parent == starting.resource.parent and steps.done(name) is not None


def _proxies(steps: Steps) -> Iterator[ServiceNode]:
    for change, file in steps.files():
        host = steps.host(change.resource)
        shown = re.search(
            r"^ *listen (\d+) ssl\b.*?^ *server_name (\S+);$", file.content or "", re.MULTILINE | re.DOTALL
        )
        if host and shown:
            name = change.resource.name
            showing = [site.operation for site, _ in steps.scripts("nginx-site") if name in site.resource.depends_on]
            operation = of_parts(change.operation, *showing)
            yield ServiceNode(
                name="nginx", host=host, role="proxy", detail=shown[2], port=shown[1], operation=operation
            )


def _role(service: str) -> Role:
    if service.startswith("prefect-worker"):
        return "worker"
    if service.startswith("prefect-server"):
        return "server"
    if service == "prefect-caddy":
        return "proxy"
    return "database" if "postgresql" in service else "other"


def _detail(steps: Steps, service: str, role: Role, definition: str, host: str) -> str:
    if role == "worker":
        pool = re.search(r"--pool (\S+)", definition)
        return f"work pool {pool[1]}" if pool else ""
    if role == "server":
        for change, script in steps.scripts("install-runtime"):
            if steps.host(change.resource) == host and "lock" in script.settings:
                return script.settings["lock"].replace("prefect-", "Prefect ")
    return {"database": "PostgreSQL", "proxy": "Caddy"}.get(role, service)


def _schedules(steps: Steps, host: str) -> Iterator[str]:
    for change, script in steps.scripts("timer"):
        if steps.host(change.resource) == host and change.operation != "delete":
            yield f"{script.settings.get('task', '')} {script.settings.get('schedule', '')}".strip()


def _openings(steps: Steps, host: str) -> Iterator[str]:
    for change, file in steps.files():
        if steps.host(change.resource) == host:
            yield from map(str, file.openings)


def _flows(
    steps: Steps, services: list[ServiceNode], settings: Mapping[str, Mapping[str, Any]], cloud: InAzure
) -> tuple[list[Flow], list[ServiceNode]]:
    hosts = ((name, told.get(key)) for name, told in settings.items() for key in ("address", "privateAddress"))
    owner = {**cloud.addresses, **{str(address): name for name, address in hosts if address}}
    flows: list[Flow] = []
    elsewhere: dict[str, ServiceNode] = {}

    def find(role: Role, host: str | None) -> ServiceNode | None:
        return next((one for one in services if one.role == role and host in (None, one.host)), None)

    for service in services:
        environment = steps.environment(service.host, service.name)
        if address := environment.get("PREFECT_SERVER_DATABASE_HOST", ""):
            port = environment.get("PREFECT_SERVER_DATABASE_PORT", "")
            here = is_loopback(address)
            target = find("database", service.host if here else owner.get(address, address))
            if target is None:
                node = ServiceNode(name="PostgreSQL", host=address, role="database", detail="already there", port=port)
                target = elsewhere.setdefault(address, node)
            encrypted = environment.get("PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS_ENABLED") == "true"
            how = "TLS" if encrypted else "loopback" if here else "clear text"
            flows.append(Flow(source=service, target=target, label=how))
        if url := environment.get("PREFECT_API_URL", "") if service.role == "worker" else "":
            parts = urlsplit(url)
            here = is_loopback(parts.hostname or "")
            target = find("server", service.host) if here else find("proxy", None) or find("server", None)
            if target:
                label = "HTTPS" if parts.scheme == "https" else "loopback" if here else "clear text"
                flows.append(Flow(source=service, target=target, label=label))
        if service.role == "proxy" and (server := find("server", service.host)):
            flows.append(Flow(source=service, target=server, label="loopback"))
    for entrance in [one for one in services if one.role == "proxy"] or [
        one for one in services if one.role == "server"
    ]:
        label = "HTTPS" if entrance.role == "proxy" else "HTTP"
        flows.append(Flow(source=None, target=entrance, label=label))
    return [*flows, *_flows_to_azure(services, cloud)], list(elsewhere.values())


def _flows_to_azure(services: list[ServiceNode], cloud: InAzure) -> Iterator[Flow]:
    """Yield who asks a service of Azure by the identity of its machine, and who comes in by the jump host."""
    for target in services:
        if target.role == "jump":
            yield Flow(source=None, target=target, label="SSH")
        asking: Role = "worker" if target.role == "vault" else "database"
        for service in services:
            if service.role == asking and (service.host, target.host) in cloud.readers:
                yield Flow(source=service, target=target, label="HTTPS")


def _work_pools(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if change.resource.type.endswith(":WorkPool") and change.resource.inputs.get("type") and change.new:
            inputs = change.new.inputs
            limit = inputs.get("concurrency_limit")
            yield f"{inputs.get('name')} ({inputs['type']}{f', at most {limit:g}' if limit else ''})"
