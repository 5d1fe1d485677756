"""What restarts a service that runs but is dead: a timer that lives as long as the service, and the check it starts.

A timer, as systemd's own watchdog asks a program for signs of life, which Prefect does not send. What is checked stands
in scripts/linux/programs/watch-service.py; it reads what to ask from the service's unit.
"""

from collections.abc import Mapping

from components.platforms.contract import Service
from components.platforms.sandbox import task_sandbox_lines

NAME = "prefect-watchdog"
PROGRAM = "watch-service"


def is_watched(service: Service) -> bool:
    """Return whether a restart may be a cure: not for a database, which answers nobody while it recovers."""
    return service.health_url.startswith("http")


def timer_of(service: Service) -> str:
    """Return the unit to start with `service`; it stops with it."""
    return f"{NAME}@{service.name}.timer"


def lines_for_watchdog(service: Service) -> list[str]:
    """Return the section of the unit of `service` that systemd passes over and the program reads."""
    return ["[X-Prefect]", f"HealthUrl={service.health_url}", f"RequiresUrl={service.requires_url}"]


def watchdog_units(program: str) -> Mapping[str, tuple[str, list[str]]]:
    """Return name and lines of the timer and the check; `program` is the full path of what the check runs."""
    timer = [
        "[Unit]",
        "Description=When to look after %i",
        # neither before the service was started nor while it stops, however long that takes
        "BindsTo=%i.service",
        "After=%i.service",
        "",
        "[Timer]",
        "OnActiveSec=15",
        "OnUnitInactiveSec=15",
        "AccuracySec=1",
    ]
    check = [
        "[Unit]",
        "Description=Looks after %i",
        # bound to it, a check that starts when the service is being stopped would have it started, not stopped
        "PartOf=%i.service",
        "After=%i.service",
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={program} %i",
        "TimeoutStartSec=600",
        # it is stopped when the service stops meanwhile
        "SuccessExitStatus=SIGTERM",
        # what it tells, but not systemd's lines that each check began and ended
        "SyslogLevel=warning",
        "LogLevelMax=warning",
        *task_sandbox_lines(()),
    ]
    return {"watchdog-timer": (f"{NAME}@.timer", timer), "watchdog": (f"{NAME}@.service", check)}
