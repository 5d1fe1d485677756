"""What a plan means is said in plain words, the worst first."""

from tests.preview.stacks import changed_stack, new_stack, settings
from toolchain.preview.plan import Plan
from toolchain.preview.risk import risks

UNKNOWN = {"stdin": "[unknown]"}


def told(plan: Plan) -> list[str]:
    return [f"{risk.level}: {risk.text}" for risk in risks(plan)]


def test_nothing_changes() -> None:
    assert told(changed_stack()) == []


def test_a_new_stack_touches_nothing() -> None:
    (only,) = told(new_stack())
    assert only.startswith(
        "low: Everything is new: nothing that runs now is touched. db-1, server-1 and worker-1 are set"
    )


def test_a_service_restarts_if_what_it_reads_changes() -> None:
    plan = changed_stack(prefect_server=("update", {"stdin": "A=1\n"}), prefect_server_service=("update", UNKNOWN))

    (only,) = told(plan)
    assert only.startswith("medium: prefect-server restarts on server-1: UI and API are away for about 5 s.")


def test_a_service_that_is_only_looked_at_does_not_restart() -> None:
    (only,) = told(changed_stack(prefect_server_service=("update", UNKNOWN)))
    assert only == "low: No service restarts: only files, tasks or Prefect's own objects change."


def test_an_upgrade_tells_of_backup_and_downtime() -> None:
    plan = changed_stack(
        runtime=("update", settings("install-runtime", lock="prefect-3.8.10")),
        migration=("update", settings("migrate-prefect-database", python="/opt/prefect-3.8.10")),
    )

    (first, *_) = told(plan)
    assert first.startswith("high: Prefect is upgraded from 3.8.7 to 3.8.10 on server-1.")
    assert "backed up first" in first
    assert "UI and API are away only for the restart" in first


def test_the_way_back_stops_the_server() -> None:
    plan = changed_stack(
        runtime=("update", settings("install-runtime", lock="prefect-3.7.0")),
        migration=("update", settings("migrate-prefect-database", python="/opt/prefect-3.7.0")),
        before=("delete", {}),
    )

    first = " ".join(told(plan))
    assert "taken back from 3.8.7 to 3.7.0" in first
    assert "No backup is made first" in first
    assert "server stops while the schema goes back" in first


def test_data_that_goes_comes_first() -> None:
    plan = changed_stack(db_1_firewall=("update", {"stdin": ""}), postgres_cluster=("delete", {}))

    first, second = told(plan)
    assert first.startswith("high: postgres-cluster goes, which holds the database's cluster: Pulumi refuses")
    assert second.startswith("medium: The firewall of db-1 no longer lets in 5432/tcp from 10.0.0.11.")


def test_a_replacement_of_data_says_that_it_does_not_come_along() -> None:
    (only,) = told(changed_stack(postgres_cluster=("replace", {"triggers": ["2"]})))
    assert only.startswith("high: postgres-cluster is replaced (triggers), which holds the database's cluster")


def test_a_pool_and_a_host_that_go_are_named() -> None:
    plan = changed_stack(pool_etl=("delete", {}), worker_1=("delete", {}))

    assert told(plan) == [
        "high: The work pool etl is deleted in Prefect: its queues go with it, and nobody starts the flow runs of "
        "deployments that use it.",
        "high: The host worker-1 is given up: what runs on it stops and is removed.",
    ]
