"""What reviewers read when somebody edits the production example, whose every resource is planned."""

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from policies.rules import findings
from tests.graph.test_windows_graph import HOST as WINDOWS
from tests.preview.recorded import between, compared, example, graph_of, planned, planned_in_azure
from tests.settings.stack_file import CHECKOUT
from toolchain.preview.diagram import svg
from toolchain.preview.differences import difference
from toolchain.preview.plan import Plan
from toolchain.preview.risk import risks
from toolchain.preview.topology import topology

WITH_CADDY = {**WINDOWS, "caddy": {"executable": "D:/offline/caddy.exe", "sha256": "ef" * 32}}

Edit = Callable[[dict[str, Any]], object]


@functools.cache
def production() -> Any:
    return graph_of(example("prod"))


def edited(edit: Edit) -> Plan:
    """Return the plan of the production stack, which is up, with one edit of its stack file."""
    settings = copy.deepcopy(example("prod"))
    edit(settings)
    return compared(production().resources, graph_of(settings).resources, settings)


def told(plan: Plan) -> list[str]:
    return [f"{risk.level}: {risk.text}" for risk in risks(plan)]


@pytest.mark.parametrize("name", ["prod", "single-vps", "split"])
def test_an_example_breaks_no_policy_and_touches_nothing_that_runs(name: str) -> None:
    plan = planned(example(name))

    assert [str(finding) for finding in findings(plan.resources)] == []
    (only,) = told(plan)
    assert only.startswith("low: Everything is new: nothing that runs now is touched.")


def test_the_picture_of_the_documents_is_that_of_the_production_example() -> None:
    text = (CHECKOUT / "docs" / "images" / "topology.svg").read_text()

    assert text == svg(topology(planned(example("prod"))), "prod"), (
        "draw it anew: make diagram STACK=prod && cp .local/preview/prod/topology.svg docs/images/"
    )


def test_so_is_that_of_the_example_in_azure() -> None:
    text = (CHECKOUT / "docs" / "images" / "azure.svg").read_text()

    assert text == svg(topology(planned_in_azure()), "azure"), (
        "draw it anew: cp examples/azure.yaml Pulumi.azure.yaml && make diagram STACK=azure && "
        "cp .local/preview/azure/topology.svg docs/images/azure.svg"
    )


def test_nothing_edited_means_nothing() -> None:
    assert told(edited(lambda _: None)) == []


def test_another_version_migrates_on_the_server_and_only_restarts_workers() -> None:
    lines = told(edited(lambda settings: settings["server"].update(version="3.8.7")))

    assert lines[0].startswith("high: Prefect is taken back from 3.8.8 to 3.8.7 on server-1. The database is backed up")
    assert [line for line in lines if line.startswith("high: ")] == lines[:1]
    assert "medium: Prefect is taken back from 3.8.8 to 3.8.7 on worker-1." in lines
    for service in ("prefect-server", "prefect-worker-etl-1", "prefect-worker-reports-1"):
        assert [line for line in lines if line.startswith(f"medium: {service} restarts on ")], service


def test_the_same_change_of_two_hosts_is_shown_once() -> None:
    lines = difference(edited(lambda settings: settings["server"].update(version="3.8.7")))

    assert lines.count("+ prefect==3.8.7 \\") == 1
    assert "  (the same as of worker-1-prefect-requirements)" in lines or (
        "  (the same as of server-1-prefect-requirements)" in lines
    )


def test_a_firewall_tells_who_comes_in_and_who_does_no_longer() -> None:
    (only,) = told(edited(lambda settings: settings["firewall"].update(allow=["9101/tcp from 10.0.0.9"])))

    assert only.startswith(
        "medium: The firewall of db-1, server-1 and worker-1 lets in 9101/tcp from 10.0.0.9 and no longer lets in "
        "9100/tcp from 10.0.0.9."
    )


def test_a_worker_that_comes_and_one_that_goes_are_named() -> None:
    def swap(settings: dict[str, Any]) -> None:
        settings["workers"]["etl-2"] = {"host": "worker-1", "workPool": "etl", "healthPort": 4222}
        del settings["workers"]["reports-1"]

    plan = edited(swap)

    assert "low: prefect-worker-etl-2 is new on worker-1." in told(plan)
    assert "medium: prefect-worker-reports-1 is stopped and goes from worker-1." in told(plan)
    drawn = {one.name: one.operation for one in topology(plan).services}
    assert (drawn["prefect-worker-etl-2"], drawn["prefect-worker-reports-1"]) == ("create", "delete")
    assert drawn["nginx"] == "same"


def test_objects_in_prefect_are_told_in_the_words_of_flows() -> None:
    def rearrange(settings: dict[str, Any]) -> None:
        settings["variables"] = {"zone": {"value": {"name": "eu", "cells": [1, 2]}, "adopt": True}}
        settings["concurrencyLimits"]["warehouse"]["limit"] = 4
        settings["workPools"]["etl"]["paused"] = True
        del settings["workPools"]["etl"]["workQueues"]["urgent"]
        settings["automations"]["crash-zombies"]["enabled"] = False

    plan = edited(rearrange)

    assert told(plan) == [
        "high: The variable region is deleted in Prefect: flows that read it get None, or the default that they name.",
        "high: The work queue urgent of etl is deleted in Prefect: nobody starts the flow runs that wait in it.",
        "medium: The automation crash-zombies is stopped: nothing of it happens until it goes on.",
        "medium: The work pool etl is stopped: nothing of it happens until it goes on.",
        "medium: If there is a variable zone already, it is changed to what is declared.",
        "low: The concurrency limit warehouse changes: it holds from the next slot that is taken.",
        "low: New in Prefect: the variable zone.",
    ]
    lines = difference(plan)
    start = lines.index("@@ + objects-variable-zone: variable zone @@")
    assert lines[start + 1 : start + 8] == [
        "+ value: {",
        '+   "cells": [',
        "+     1,",
        "+     2",
        "+   ],",
        '+   "name": "eu"',
        "+ }",
    ]
    assert "@@ − objects-variable-region: variable region @@" in lines  # noqa: RUF001 - a minus sign


def test_of_a_block_all_is_shown_but_its_secrets() -> None:
    def tell(settings: dict[str, Any]) -> None:
        settings["blocks"] = {"slack-webhook/ops": {"data": {"notify_type": "info"}, "secrets": {"url": "ops"}}}
        settings["secretField-ops"] = "https://hooks.example.com/5e9c1f"

    plan = edited(tell)

    lines = difference(plan)
    start = lines.index("@@ + objects-block-slack-webhook/ops: block slack-webhook/ops @@")
    assert {'+ secrets: "[secret]"', '+   "notify_type": "info"'} <= set(lines[start : start + 9])
    assert "5e9c1f" not in "\n".join(lines)
    assert "low: New in Prefect: the block slack-webhook/ops." in told(plan)
    assert findings(plan.resources) == []


def test_job_variables_are_shown_one_by_one() -> None:
    lines = difference(
        edited(lambda settings: settings["workPools"]["reports"]["jobVariables"].update(image_pull_policy="Always"))
    )

    assert '-   "image_pull_policy": "IfNotPresent",' in lines
    assert '+   "image_pull_policy": "Always",' in lines


def test_what_drifted_is_put_back_and_still_read() -> None:
    resources = production().resources
    rules = resources["db-1-firewall-rules"]
    put_back = {**rules.inputs, "create": f"{rules.inputs['create']} repair-1"}
    drifted = {**resources, rules.name: replace(rules, inputs=put_back)}

    plan = compared(resources, drifted, example("prod"))

    assert "medium: db-1-firewall-rules is no longer on db-1 as declared" in told(plan)[0]
    assert "  no longer as declared on the host: it is put back" in difference(plan)
    (db_1,) = (host for host in topology(plan).hosts if host.name == "db-1")
    assert db_1.openings == ("5432/tcp from 10.0.0.11", "9100/tcp from 10.0.0.9")


def test_a_stack_on_this_machine_has_no_firewall_and_no_proxy() -> None:
    services = {one.name: one.port for one in topology(between(None, {})).services}

    assert services.keys() == {"prefect-postgresql", "prefect-server", "prefect-worker-default"}


def test_a_windows_host_reads_as_any_other() -> None:
    stack = {"hosts": {"windows-1": WITH_CADDY}}
    edits = {"server": {"logLevel": "DEBUG"}, "workPools": {"default": {"paused": True}}}

    plan = compared(graph_of(stack).resources, graph_of(stack | edits).resources, {})

    assert {(one.name, one.port, one.detail, one.operation) for one in topology(plan).services} == {
        ("prefect-caddy", "443", "Caddy", "same"),
        ("prefect-postgresql", "5432", "PostgreSQL", "same"),
        ("prefect-server", "4200", "Prefect 3.8.8", "update"),
        ("prefect-worker-default", "4210", "work pool default", "same"),
    }
    assert [line.partition(":")[0] + line.partition(":")[2].partition(":")[0] for line in told(plan)] == [
        "medium prefect-server restarts on windows-1",
        "medium The work pool default is stopped",
    ]
    drawn = {(flow.source and flow.source.name, flow.target.name, flow.label) for flow in topology(plan).flows}
    assert {(None, "prefect-caddy", "HTTPS"), ("prefect-caddy", "prefect-server", "loopback")} <= drawn
    lines = difference(plan)
    start = lines.index("@@ ~ server-settings: D:/Prefect/configuration/prefect-server.env @@")
    assert "+ PREFECT_LOGGING_LEVEL=DEBUG" in lines[start : start + 8]


def test_another_site_of_caddy_restarts_it() -> None:
    stack = {"hosts": {"windows-1": WITH_CADDY}}

    plan = compared(graph_of(stack).resources, graph_of(stack | {"caddy": {"httpPort": 8080}}).resources, {})

    assert "medium: Caddy restarts with another configuration: connections that are open break." in told(plan)
