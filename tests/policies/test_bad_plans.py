"""Plans that a tired person might send: each is refused, with the reason and what to change."""

from typing import Any, NamedTuple

import pytest

from policies.rules import RESOURCE_RULES, STACK_RULES, Finding, findings
from tests.policies.plans import CONNECTION, GOOD, REMOTE, SERVER, environment, file, plan, script, secrets_of, step
from toolchain.preview.plan import read_plan


class Bad(NamedTuple):
    """A plan, the rule that refuses it, and words that its message must have: why, and what to change."""

    what: str
    rule: str
    words: tuple[str, ...]
    steps: tuple[dict[str, Any], ...]
    config: dict[str, Any] = {}  # noqa: RUF012 - never changed


DAILY = script("daily", "timer", {"task": "prefect-backup", "schedule": "02:30"})
DRILL = script("drill", "timer", {"task": "prefect-restore-drill", "schedule": "Sun 04:30"})
CLUSTER = script("postgres-cluster", "create-postgresql-cluster", {"version": "16"}, protect=True)
POOL = "pulumi-python:dynamic/prefect:WorkPool"
HBA = "/etc/prefect/postgresql/declared/pg_hba.conf"
NGINX = "server {\n    listen 80;\n    location / {\n        proxy_pass http://prefect_server;\n    }\n}\n"

BAD = [
    Bad(
        "a server that listens on every address",
        "encrypted-and-authenticated",
        ("PREFECT_SERVER_API_HOST=0.0.0.0", "clear text", "nginx.publicUrl"),
        (
            environment("settings", {**SERVER, "PREFECT_SERVER_API_HOST": "0.0.0.0"}, parent="::server"),  # noqa: S104
            secrets_of("server"),
        ),
    ),
    Bad(
        "a server without a password",
        "servers-have-a-password",
        ("PREFECT_SERVER_API_AUTH_STRING", "run code", "pulumi config set --secret authString"),
        (environment("settings", SERVER, parent="::server"),),
    ),
    Bad(
        "a proxy that speaks plain HTTP",
        "encrypted-and-authenticated",
        ("plain HTTP", "reads every password", "nginx.certificate"),
        (file("proxy-site-file", "/etc/prefect/nginx/prefect.conf", NGINX),),
    ),
    Bad(
        "a database that lets in clear text from another host",
        "encrypted-and-authenticated",
        ("from 10.0.0.11/32", "without TLS", "hostssl"),
        (file("access", HBA, "host prefect prefect 10.0.0.11/32 scram-sha-256\n"),),
    ),
    Bad(
        "a firewall that opens the database to everybody",
        "private-ports-are-closed",
        ("port 5432 (postgres.port)", "every address", "firewall.allow"),
        (
            script("db-1-prepare", "prepare-host", {"ports": "postgres.port=5432"}),
            file("db-1-firewall-rules", "/etc/prefect/firewall.nft", "\t\ttcp dport 5432 accept\n"),
        ),
    ),
    Bad(
        "a host whose key nobody checks",
        "ssh-host-keys-are-pinned",
        ("host key for 10.0.0.10", "pose as it", "ssh-keyscan"),
        (step(REMOTE, "preflight", {"connection": {"host": "10.0.0.10", "user": "ops"}, "create": "true"}),),
    ),
    Bad(
        "a host of the stack file whose key nobody checks",
        "ssh-host-keys-are-pinned",
        ("host key for db-1", "hostKey"),
        (step("pulumi:pulumi:Stack", "prefect-selfhost-prod", {}),),
        {"hosts": {"db-1": {"platform": "linux", "address": "10.0.0.10"}}},
    ),
    Bad(
        "a role with the password of the manual",
        "no-default-password",
        ("password", "everybody tries first", "pulumi config set --secret"),
        (step("postgresql:index/role:Role", "postgres-role", {"name": "prefect", "password": "Postgres"}),),
    ),
    Bad(
        "a password in a file that everybody may read",
        "no-secret-in-clear",
        ("PREFECT_SERVER_DATABASE_PASSWORD", "clear text", "rotate"),
        (environment("settings", {"PREFECT_SERVER_DATABASE_PASSWORD": "dR9-xx81-kk20"}),),
    ),
    Bad(
        "a private key on the way to a host",
        "no-secret-in-clear",
        ("connection.privateKey", "clear text"),
        (step(REMOTE, "preflight", {"connection": {**CONNECTION, "privateKey": "-----BEGIN PRIVATE KEY-----\n"}}),),
    ),
    Bad(
        "a cluster that a destroy would take away",
        "data-is-protected",
        ("the database's cluster", "take the data away", "pulumi config set protect true"),
        (script("postgres-cluster", "create-postgresql-cluster", {"version": "16"}), DAILY, DRILL),
    ),
    Bad(
        "a server whose data goes with it",
        "data-is-protected",
        ("deletes the data", "purgeOnDestroy false"),
        (script("db-1-prepare", "prepare-host", {"ports": "", "purge": "true"}),),
    ),
    Bad(
        "a database that nobody backs up",
        "backups-are-on",
        ("nobody backs up", "loses all flow runs", "backups.enabled true"),
        (CLUSTER,),
    ),
    Bad(
        "backups that are gone after two days",
        "retention-is-on",
        ("for 2 days", "in all of them", "backups.keepDays 30"),
        (environment("backups", {"BACKUP_KEEP": "14", "BACKUP_KEEP_DAYS": "2"}),),
    ),
    Bad(
        "runs that stay for ever",
        "retention-is-on",
        ("events and flow runs for ever", "disk", "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"),
        (
            environment("settings", {**SERVER, "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": ""}, parent="::server"),
            secrets_of("server"),
        ),
    ),
    Bad(
        "a Prefect of whichever version there is",
        "versions-are-pinned",
        ("prefect>=3", "each host gets another", "make lock"),
        (file("requirements", "/opt/prefect/requirements/prefect.txt", "prefect>=3\nhttpx==0.28.1\n"),),
    ),
    Bad(
        "flow runs in the newest image",
        "versions-are-pinned",
        ("job_variables.image is registry.example.com:5000/etl:latest", "another image", "sha256"),
        (step(POOL, "pool-etl", {"job_variables": '{"image": "registry.example.com:5000/etl:latest"}'}),),
    ),
    Bad(
        "a token in a variable",
        "no-secret-in-clear",
        ("is a variable, which everybody may read", "secretBlock-NAME", "rotate"),
        (step("pulumi-python:dynamic/prefect:Variable", "token", {"name": "warehouse_token", "value": '"5e9c1f"'}),),
    ),
    Bad(
        "a block whose password is no secret",
        "no-secret-in-clear",
        ("data.minio_root_password is a secret in clear text", "pulumi config set --secret"),
        (step("pulumi-python:dynamic/prefect:Block", "lake", {"data": '{"minio_root_password": "5e9c1f"}'}),),
    ),
]


def judged(text: str) -> list[Finding]:
    return findings(read_plan(text).resources)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.what.replace(" ", "-"))
def test_a_bad_plan_is_refused_with_the_reason_and_what_to_change(bad: Bad) -> None:
    found = judged(plan(*bad.steps, config=bad.config))

    assert {finding.rule for finding in found} >= {bad.rule}
    message = " ".join(str(finding) for finding in found if finding.rule == bad.rule)
    assert [word for word in bad.words if word not in message] == [], message


def test_a_good_plan_is_let_pass() -> None:
    assert judged(GOOD) == []


def test_every_rule_refuses_a_plan_here() -> None:
    assert {bad.rule for bad in BAD} == {*RESOURCE_RULES, *STACK_RULES}


def test_what_a_plan_hides_is_judged_by_nobody() -> None:
    hidden = step(REMOTE, "preflight", {"connection": "[secret]", "create": "[unknown]", "stdin": "[secret]"})

    assert judged(plan(hidden)) == []


def test_a_stack_on_this_machine_needs_neither_protection_nor_backups() -> None:
    local = {**CLUSTER, "newState": {**CLUSTER["newState"], "type": "command:local:Command", "protect": False}}

    assert judged(plan(local)) == []


def test_text_that_is_no_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="no steps"):
        read_plan("error: no stack selected")
