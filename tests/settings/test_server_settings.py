"""Prefect's own settings in a stack file: what Prefect would not take is told before anything starts."""

import pytest

from tests.settings.stack_file import parsed, problems, stack_file


def test_settings_are_passed_on_as_text() -> None:
    given = {
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": 30,
        "PREFECT_SERVER_METRICS_ENABLED": True,
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "dbt,snowflake",
    }
    assert parsed(stack_file(server={"settings": given})).server.settings == {
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "30",
        "PREFECT_SERVER_METRICS_ENABLED": "true",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "dbt,snowflake",
    }


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PREFECT_SERVER_EVENTS_RETENTION_PERIODS", "P2D", "did you mean PREFECT_SERVER_EVENTS_RETENTION_PERIOD?"),
        ("PREFECT_LOGGING_LEVEL", "DEBUG", "nothing: it is set by server.logLevel"),
        ("PREFECT_SERVER_API_AUTH_STRING", "a:b", "nothing: it is set by the secret authString"),
        (
            "PREFECT_SERVER_DATABASE_CONNECTION_URL",
            "postgresql://h",
            "nothing: it follows from how the server is set up",
        ),
        ("PREFECT_API_DATABASE_CONNECTION_URL", "sqlite://", "nothing: it follows from how the server is set up"),
        ("PREFECT_SERVER_METRICS_ENABLED", "yes", "true or false"),
        ("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "often", "a number"),
        ("PREFECT_SERVER_EVENTS_RETENTION_PERIOD", 172800, "an ISO 8601 duration such as P7D or PT12H"),
        ("PREFECT_SERVER_EVENTS_RETENTION_PERIOD", "P", "an ISO 8601 duration such as P7D or PT12H"),
        ("PREFECT_INTERNAL_LOGGING_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS", "a\nb", "one line without quotes and backslashes"),
        ("PREFECT_SERVER_API_MAX_PARAMETER_SIZE", ["1"], "a number, a text, true or false"),
    ],
)
def test_what_prefect_would_not_take_is_told(name: str, value: object, allowed: str) -> None:
    found = problems(stack_file(server={"settings": {name: value}}))
    assert list(found) == [f"server.settings.{name}"]
    assert allowed in found[f"server.settings.{name}"].allowed


def test_a_larger_pool_needs_more_connections() -> None:
    server = {"settings": {"PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": 90}}
    found = problems(stack_file(server=server))
    problem = found["postgres.maxConnections"]
    assert problem.allowed.startswith("at least 110: 100 for each server process")
    assert problem.command.endswith(" postgres.maxConnections 110")


@pytest.mark.parametrize(("name", "value"), [("POOL_SIZE", 0), ("MAX_OVERFLOW", -1)])
def test_a_pool_without_a_limit_is_refused(name: str, value: int) -> None:
    key = f"PREFECT_SERVER_DATABASE_SQLALCHEMY_{name}"
    found = problems(stack_file(server={"settings": {key: value}}))
    assert found.keys() == {f"server.settings.{key}"}


def test_from_a_wheel_directory_all_that_prefect_needs_on_every_host_must_be_there() -> None:
    online, offline = (parsed(stack_file(server=server)).server for server in ({}, {"wheelDirectory": "/srv/wheels"}))
    assert online.packages(docker=True) == (f"prefect=={online.version}",)
    assert {f"prefect=={offline.version}", "alembic", "asyncpg"} <= {
        package if package.startswith("prefect==") else package.partition("==")[0]
        for package in offline.packages(docker=False)
    }
    assert not [package for package in offline.packages(docker=False) if package.startswith(("pywin32", "cyclopts"))]


def test_for_containers_a_wheel_directory_holds_more() -> None:
    server = parsed(stack_file(server={"wheelDirectory": "/srv/wheels"})).server
    more = {*server.packages(docker=True)} - {*server.packages(docker=False)}
    assert {package.partition("==")[0] for package in more} == {"prefect-docker", "python-on-whales"}
