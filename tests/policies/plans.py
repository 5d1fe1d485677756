"""Plans made by hand, as `pulumi preview --json` prints them."""

import json
from collections.abc import Mapping
from typing import Any

from components.platforms import HostFile, Linux, Platform

LINUX: Platform = Linux()
CONNECTION = {"host": "10.0.0.10", "user": "ops", "hostKey": "ssh-ed25519 AAAA"}
REMOTE = "command:remote:Command"
SERVER = {
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    "PREFECT_SERVER_API_PORT": "4200",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}


def step(
    type_: str, name: str, inputs: Mapping[str, Any], *, operation: str = "create", **state: Any
) -> dict[str, Any]:
    """Return one step of a plan; `state` is what else Pulumi tells of the resource, `old` the inputs it had."""
    old = state.pop("old", None)
    urn = f"urn:pulumi:prod::prefect-selfhost::{type_}::{name}"
    told = {"urn": urn, "type": type_, "custom": True, **state}
    result: dict[str, Any] = {"op": operation, "urn": urn}
    if operation != "create":
        result["oldState"] = {**told, "inputs": dict(inputs if old is None else old)}
    if operation != "delete":
        result["newState"] = {**told, "inputs": dict(inputs)}
    return result


def file(name: str, path: str, content: str, *, mode: str = "0644", **state: Any) -> dict[str, Any]:
    commands = LINUX.file(HostFile(path=path, content=content, mode=mode))
    inputs = {"connection": CONNECTION, "create": commands.create, "delete": commands.delete, "stdin": content}
    return step(REMOTE, name, inputs, **state)


def environment(name: str, variables: Mapping[str, str], **state: Any) -> dict[str, Any]:
    return file(name, f"/etc/prefect/{name}.env", LINUX.environment_file(variables), **state)


def secrets_of(parent: str) -> dict[str, Any]:
    return file(
        f"{parent}-secrets", f"/etc/prefect/{parent}.secrets.env", "[secret]", mode="0600", parent=f"::{parent}"
    )


def script(name: str, script_name: str, settings: Mapping[str, str], **state: Any) -> dict[str, Any]:
    stdin = LINUX.payload(script_name, settings)
    inputs = {"connection": CONNECTION, "create": LINUX.script(script_name).create, "stdin": stdin}
    return step(REMOTE, name, inputs, **state)


def plan(*steps: Mapping[str, Any], config: Mapping[str, Any] | None = None, errors: tuple[str, ...] = ()) -> str:
    """Return the text of a plan."""
    diagnostics = [{"severity": "error", "message": message} for message in errors]
    settings = {
        f"prefect-selfhost:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in (config or {}).items()
    }
    return json.dumps({"config": settings, "steps": list(steps), "diagnostics": diagnostics})


GOOD = plan(
    step("pulumi:pulumi:Stack", "prefect-selfhost-prod", {}),
    environment("server-settings", SERVER, parent="::server"),
    secrets_of("server"),
    script("db-1-prepare", "prepare-host", {"ports": "postgres.port=5432 nginx.httpsPort=443", "purge": "false"}),
    script("postgres-cluster", "create-postgresql-cluster", {"version": "16"}, protect=True),
    script("backups-prepare", "prepare-backups", {"user": "postgres"}, protect=True),
    script("backups-backup", "timer", {"task": "prefect-backup", "schedule": "02:30"}),
    script("backups-drill", "timer", {"task": "prefect-restore-drill", "schedule": "Sun 04:30"}),
    environment("backups", {"BACKUP_KEEP": "14", "BACKUP_KEEP_DAYS": "30"}),
    step("postgresql:index/database:Database", "postgres-database", {"name": "prefect"}, protect=True),
    step("postgresql:index/role:Role", "postgres-role", {"name": "prefect", "password": "[secret]"}),
    file("requirements", "/opt/prefect/requirements/a.txt", "httpx[http2]==0.28.1 \\\n    --hash=sha256:00\n"),
    file(
        "firewall",
        "/etc/prefect/firewall.nft",
        "\t\tip saddr { 10.0.0.11 } tcp dport 5432 accept\n\t\ttcp dport 443 accept\n",
    ),
    config={"hosts": {"db-1": {"platform": "linux", "hostKey": "ssh-ed25519 AAAA"}, "here": {"platform": "local"}}},
)
"""A plan that no rule has anything against."""
