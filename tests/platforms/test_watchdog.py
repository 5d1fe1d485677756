"""Which services are looked after, and when; tests/hosts shows it at work."""

from dataclasses import replace

import pytest

from components.platforms import Linux, Service
from tests.platforms.services import SERVER

SERVICE = replace(SERVER, health_url="http://127.0.0.1:4200/api/ready", requires_url="postgresql://db.example.com:5432")


def unit(service: Service) -> list[str]:
    return Linux().service_definition(service).content.splitlines()


def test_a_service_with_an_address_to_ask_starts_its_watchdog() -> None:
    wants = next(line for line in unit(SERVICE) if line.startswith("Wants="))

    assert wants.endswith(" prefect-watchdog@prefect-server.timer")


def test_the_watchdog_finds_in_the_unit_what_to_ask() -> None:
    lines = unit(SERVICE)

    assert lines[lines.index("[X-Prefect]") :] == [
        "[X-Prefect]",
        "HealthUrl=http://127.0.0.1:4200/api/ready",
        "RequiresUrl=postgresql://db.example.com:5432",
    ]


@pytest.mark.parametrize("health_url", ["", "postgresql://127.0.0.1:5432"])
def test_a_database_is_let_recover_for_as_long_as_it_takes(health_url: str) -> None:
    text = "\n".join(unit(replace(SERVICE, health_url=health_url)))

    assert "watchdog" not in text
    assert "X-Prefect" not in text


def test_the_timer_does_not_outlive_the_service() -> None:
    lines = Linux().host_files()["watchdog-timer"].content.splitlines()

    assert {"BindsTo=%i.service", "After=%i.service"} <= set(lines)


def test_a_check_is_stopped_with_the_service_but_never_starts_it() -> None:
    lines = Linux().host_files()["watchdog"].content.splitlines()

    assert {"PartOf=%i.service", "After=%i.service"} <= set(lines)
    assert not [line for line in lines if line.startswith(("BindsTo=", "Requires=", "Wants="))]


def test_the_check_runs_the_program_that_is_put_there() -> None:
    files = Linux().host_files()

    assert f"ExecStart={files['watchdog-program'].path} %i" in files["watchdog"].content.splitlines()
    assert files["watchdog-program"].mode == "0755"
