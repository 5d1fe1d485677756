"""A small stack on servers, as plans that `pulumi preview --json` could have printed."""

from typing import Any

from components.platforms import HostFile, Linux, Service
from tests.policies.plans import environment, file, plan, script, step
from toolchain.preview.plan import Plan, read_plan

HOST = "prefect-selfhost:index:Host"
ADDRESSES = {"db-1": "10.0.0.10", "server-1": "10.0.0.11", "worker-1": "10.0.0.21"}
WORKER_POOL = "pulumi-python:dynamic/prefect:WorkPool"


def service_step(
    host: str, name: str, env: dict[str, str] | None = None, command: tuple[str, ...] = ("/bin/true",)
) -> list[dict[str, Any]]:
    """Return the steps of a service with an environment file."""
    service = Service(
        name=name,
        description=name,
        command=command,
        user="prefect",
        working_directory="/var/lib/prefect",
        health_url="",
        environment_files=(f"/etc/prefect/{name}.env",),
    )
    definition: HostFile = Linux().service_definition(service)
    ready = f"::{host}-prepare"
    told = {"parent": f"::{name}"}
    return [
        file(f"{name}-definition", definition.path, definition.content, dependencies=[ready], **told),
        environment(name, env or {}, dependencies=[ready], **told),
        script(f"{name}-service", "service", {}, dependencies=[ready, f"::{name}-definition", f"::{name}"], **told),
    ]


def steps() -> dict[str, dict[str, Any]]:
    """Return the steps of the stack, each that of a resource that is to be made, by name."""
    ports = {"db-1": "postgres.port=5432", "server-1": "server.port=4200 nginx.httpsPort=443", "worker-1": ""}
    ports["worker-1"] = "workers.etl.healthPort=4210"
    hosts = [step(HOST, name, {}) for name in ADDRESSES]
    prepared = [
        script(f"{name}-prepare", "prepare-host", {"ports": words, "purge": "false"}, parent=f"::{name}")
        for name, words in ports.items()
    ]
    on: dict[str, dict[str, Any]] = {name: {"dependencies": [f"::{name}-prepare"]} for name in ADDRESSES}
    database = {"PREFECT_SERVER_DATABASE_HOST": "10.0.0.10", "PREFECT_SERVER_DATABASE_PORT": "5432"}
    encrypted = {"PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS_ENABLED": "true"}
    worker = ("/opt/python", "-m", "prefect", "worker", "start", "--pool", "etl")
    site = "server {\n    listen 443 ssl http2;\n    server_name prefect.example.com;\n}\n"
    # once the file is written, the script is told of it
    shown = on["server-1"]["dependencies"] + ["::site-file"]
    rules = "\t\tip saddr { 10.0.0.11 } tcp dport 5432 accept\n"
    all_steps = [
        step("pulumi:pulumi:Stack", "prefect-selfhost-prod", {}),
        *hosts,
        *prepared,
        script("postgres-cluster", "create-postgresql-cluster", {"version": "16"}, protect=True, **on["db-1"]),
        *service_step("db-1", "prefect-postgresql"),
        file("db-1-firewall", "/etc/prefect/firewall.nft", rules, **on["db-1"]),
        script("backup", "timer", {"task": "prefect-backup", "schedule": "02:30"}, **on["db-1"]),
        script("before", "backup-database", {"reason": "before-migration"}, **on["db-1"]),
        script("runtime", "install-runtime", {"lock": "prefect-3.8.7"}, parent="::server-1-prefect", **on["server-1"]),
        script("migration", "migrate-prefect-database", {"python": "/opt/prefect-3.8.7"}, **on["server-1"]),
        *service_step("server-1", "prefect-server", {**database, **encrypted}),
        file("site-file", "/etc/prefect/nginx/prefect.conf", site, **on["server-1"]),
        script("site", "nginx-site", {}, dependencies=shown),
        *service_step("worker-1", "prefect-worker-etl", {"PREFECT_API_URL": "https://prefect.example.com/api"}, worker),
        step(WORKER_POOL, "pool-etl", {"name": "etl", "type": "process", "concurrency_limit": 20}),
    ]
    return {one["urn"].rpartition("::")[2]: one for one in all_steps}


def new_stack() -> Plan:
    """Return the plan of the stack that is not there yet."""
    return _read(steps())


def changed_stack(**changes: tuple[str, dict[str, Any]]) -> Plan:
    """Return the plan of the stack that is there, with what each resource's operation and new inputs are.

    An underscore stands for each hyphen of a name.
    """
    told = {}
    for name, one in steps().items():
        state = one["newState"]
        operation, inputs = changes.get(name.replace("-", "_"), ("same", {}))
        told[name] = {"op": operation, "urn": one["urn"], "oldState": state, "diffReasons": list(inputs)}
        if operation != "delete":
            told[name]["newState"] = {**state, "inputs": {**state["inputs"], **inputs}}
    return _read(told)


def settings(script_name: str, **values: str) -> dict[str, Any]:
    """Return what changes of a script's inputs with its settings."""
    return {"stdin": Linux().payload(script_name, values)}


def _read(told: dict[str, dict[str, Any]]) -> Plan:
    hosts = {
        name: {"platform": "linux", "address": address, "hostKey": "ssh-ed25519 AAAA"}
        for name, address in ADDRESSES.items()
    }
    hosts["db-1"]["jumpHost"] = "bastion"
    return read_plan(plan(*told.values(), config={"hosts": hosts}))
