"""What a plan means for those who use Prefect: what restarts, what is replaced, how long nobody can work."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from policies.data import DATABASE, HOLDING_DATA
from policies.resources import Resource
from policies.steps import ON_SERVERS, ON_THIS_MACHINE, Script, WrittenFile, step
from toolchain.preview.plan import Change, Plan
from toolchain.preview.topology import HOST, Steps

Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = ("high", "medium", "low")

RESTARTS: dict[str, tuple[Level, str]] = {
    "prefect-server": (
        "medium",
        "UI and API are away for about 5 s. Flow runs go on: their workers try again until it answers.",
    ),
    "prefect-postgresql": (
        "medium",
        "the database is away for some seconds, and the API with it. Flow runs go on and report afterwards.",
    ),
    "prefect-worker": (
        "medium",
        "it takes no new flow runs until those that it runs have ended, for as long as workers.NAME.drainSeconds says. "
        "What still runs then is told to end.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One thing that happens to those who use Prefect, in plain words."""

    level: Level
    text: str


def risks(plan: Plan) -> list[Risk]:
    """Return what a plan means, the worst first; nothing for a plan that changes nothing."""
    steps = Steps(plan)
    changed = [change for change in plan.changes if change.operation != "same"]
    if not changed:
        return []
    if all(change.operation == "create" for change in changed) and len(changed) == len(plan.changes):
        hosts = [change.resource.name for change in changed if change.resource.type == HOST]
        return [Risk(level="low", text=f"Everything is new: nothing that runs now is touched. {_hosts(hosts)}")]
    found = [
        *_losses(plan),
        *_replacements(plan),
        *_upgrades(plan, steps),
        *_restarts(steps),
        *_reconfigurations(plan, steps),
        *_arrivals(plan),
    ]
    if not found:
        found.append(Risk(level="low", text="No service restarts: only files, tasks or Prefect's own objects change."))
    return sorted(dict.fromkeys(found), key=lambda risk: LEVELS.index(risk.level))


def _hosts(names: list[str]) -> str:
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} set up from the beginning." if names else ""


def _losses(plan: Plan) -> Iterator[Risk]:
    others = 0
    for change in plan.of("delete"):
        resource = change.resource
        if held := _held(resource):
            how = "Pulumi refuses, as it is protected" if resource.protect else "it is taken out of service"
            yield Risk(level="high", text=f"{resource.name} goes, which holds {held}: {how}. Is that meant?")
        elif resource.type == HOST:
            yield Risk(
                level="high", text=f"The host {resource.name} is given up: what runs on it stops and is removed."
            )
        elif resource.type.startswith("pulumi-python:dynamic/prefect:") and "CanaryRun" not in resource.type:
            kind = re.sub(r"(?<!^)(?=[A-Z])", " ", resource.type.rpartition(":")[2]).lower()
            yield Risk(
                level="high",
                text=f"The {kind} {resource.inputs.get('name', resource.name)} is deleted in Prefect, with all in it.",
            )
        else:
            others += resource.type in (ON_SERVERS, ON_THIS_MACHINE)
    if others:
        yield Risk(
            level="medium", text=f"{others} file{'s' * (others > 1)} or service{'s' * (others > 1)} go from hosts."
        )


def _replacements(plan: Plan) -> Iterator[Risk]:
    for change in plan.of("replace"):
        resource, why = change.resource, _listed(list(change.properties)) or "a change that cannot be made in place"
        if held := _held(resource):
            yield Risk(
                level="high",
                text=f"{resource.name} is replaced ({why}), which holds {held}: what is in it does not come along.",
            )
        elif "CanaryRun" not in resource.type:
            yield Risk(
                level="medium", text=f"{resource.name} is made anew ({why}): the old one goes, then the new one comes."
            )


def _upgrades(plan: Plan, steps: Steps) -> Iterator[Risk]:
    for name, (old, new) in _prefect_versions(plan).items():
        if old == new:
            continue
        migrates = any(change.operation == "update" for change, _ in steps.scripts("migrate-prefect-database"))
        word = "upgraded" if _number(new) > _number(old) else "taken back"
        if not migrates:
            yield Risk(level="medium", text=f"Prefect is {word} from {old} to {new} ({name}).")
            continue
        backed_up = any(change.operation != "delete" for change, _ in steps.scripts("backup-database"))
        backup = "The database is backed up first. " if backed_up else "No backup is made first: there is none here. "
        way = (
            "The schema is migrated while the old version serves; UI and API are away only for the restart, about 5 s. "
            "If the migration fails, the old version goes on serving."
            if word == "upgraded"
            else "The server stops while the schema goes back: UI and API are away for up to some minutes."
        )
        yield Risk(level="high", text=f"Prefect is {word} from {old} to {new} ({name}). {backup}{way}")


def _restarts(steps: Steps) -> Iterator[Risk]:
    for change, _ in steps.scripts("service"):
        service = steps.service(change.resource)
        if change.operation not in ("update", "replace") or service is None:
            continue
        if not _reads_a_change(change, steps):
            continue
        host = steps.host(change.resource)
        level, meaning = next(
            (told for prefix, told in RESTARTS.items() if service.startswith(prefix)),
            ("medium", "what it does pauses for some seconds."),
        )
        yield Risk(level=level, text=f"{service} restarts on {host}: {meaning}")


def _reads_a_change(change: Change, steps: Steps) -> bool:
    """Tell whether anything that a service reads changes; else it is only looked at."""
    for name in change.resource.depends_on:
        read = steps.changes.get(name)
        if read is None or read.operation == "same" or read.resource.type == HOST:
            continue
        done = steps.done(name)
        if isinstance(done, WrittenFile) or (isinstance(done, Script) and done.name.startswith("install-")):
            return True
    return False


def _reconfigurations(plan: Plan, steps: Steps) -> Iterator[Risk]:
    configuration = [change for change, file in steps.files() if "/postgresql/declared/" in file.path]
    if any(change.operation == "update" for change in configuration):
        yield Risk(
            level="medium",
            text="PostgreSQL gets another configuration: it is reloaded, and restarted only for settings that need it "
            "(then the database is away for some seconds). One that it does not start with is taken back.",
        )
    for change, file in steps.files():
        if change.operation == "update" and file.path.endswith(".nft"):
            yield Risk(
                level="medium",
                text=f"The firewall of {steps.host(change.resource)} changes. Rules that shut SSH out are taken "
                "back by themselves.",
            )
    if any(change.operation == "update" for change, _ in steps.scripts("nginx-site")):
        yield Risk(level="low", text="nginx reloads its configuration: connections that are open stay.")
    for change in plan.of("update"):
        if change.resource.type == "postgresql:index/role:Role" and "password" in change.properties:
            yield Risk(level="medium", text=f"The role {change.resource.inputs.get('name')} gets another password.")


def _arrivals(plan: Plan) -> Iterator[Risk]:
    hosts = [change.resource.name for change in plan.of("create") if change.resource.type == HOST]
    if hosts:
        yield Risk(level="low", text=f"{_hosts(hosts)} The others go on meanwhile.")


def _held(resource: Resource) -> str | None:
    done = step(resource)
    if resource.type == DATABASE:
        return "the Prefect database"
    return HOLDING_DATA.get(done.name) if isinstance(done, Script) else None


def _prefect_versions(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return, by the runtime's component, the Prefect version before and after."""
    versions = {}
    for change in plan.changes:
        old, new = (_lock(resource) for resource in (change.old, change.new))
        if old and new:
            versions[change.resource.parent or change.resource.name] = (old, new)
    return versions


def _lock(resource: Resource | None) -> str | None:
    done = step(resource) if resource else None
    lock = done.settings.get("lock", "") if isinstance(done, Script) and done.name == "install-runtime" else ""
    return lock.removeprefix("prefect-") or None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
