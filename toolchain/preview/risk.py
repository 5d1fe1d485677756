"""What a plan means for those who use Prefect: what restarts, what is replaced, how long nobody can work."""

import re
from collections.abc import Iterator

from policies.data import held_data
from policies.resources import Resource
from policies.steps import ON_SERVERS, ON_THIS_MACHINE, Script, WrittenFile, is_repair, step
from toolchain.preview.azure import MACHINE
from toolchain.preview.azure_risk import azure_arrivals, azure_risks, remade_hosts
from toolchain.preview.objects import kind, label
from toolchain.preview.plan import Change, Plan
from toolchain.preview.risk_words import LEVELS, Level, Risk, listed
from toolchain.preview.steps import HOST, Steps

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
        "it takes no new flow runs until those that it runs have ended, for as long as {setting} says. "
        "What still runs then is told to end.",
    ),
}


def risks(plan: Plan) -> list[Risk]:
    """Return what a plan means, the worst first; nothing for a plan that changes nothing."""
    steps = Steps(plan)
    changed = [change for change in plan.changes if change.operation != "same"]
    if not changed:
        return []
    if all(change.operation == "create" for change in changed) and len(changed) == len(plan.changes):
        hosts = [change.resource.name for change in changed if change.resource.type == HOST]
        new = Risk(level="low", text=f"Everything is new: nothing that runs now is touched. {_hosts(hosts)}")
        return [new, *azure_arrivals(plan)]
    remade = remade_hosts(plan)
    on_hosts = [
        *_losses(plan, steps),
        *_replacements(plan, steps, remade),
        *_upgrades(plan, steps),
        *_restarts(steps, remade),
        *_reconfigurations(plan, steps),
        *_repairs(plan, steps),
        *azure_risks(plan, steps),
    ]
    quiet = Risk(level="low", text="No service restarts: only files, tasks or Prefect's own objects change.")
    if any(change.resource.type.startswith("azure-native:") for change in changed):
        quiet = Risk(level="low", text="No service restarts, and nothing that Azure runs pauses or moves for it.")
    found = [*(on_hosts or [quiet]), *_arrivals(plan, steps), *azure_arrivals(plan), *_objects(plan)]
    return sorted(dict.fromkeys(found), key=lambda risk: LEVELS.index(risk.level))


def _hosts(names: list[str]) -> str:
    return f"{listed(sorted(names))} {'is' if len(names) == 1 else 'are'} set up from the beginning." if names else ""


def _losses(plan: Plan, steps: Steps) -> Iterator[Risk]:
    others = 0
    for change in sorted(plan.of("delete"), key=lambda one: one.resource.name):
        resource = change.resource
        if held := held_data(resource):
            how = "Pulumi refuses, as it is protected" if resource.protect else "it is taken out of service"
            yield Risk(level="high", text=f"{resource.name} goes, which holds {held}: {how}. Is that meant?")
        elif resource.type == HOST:
            yield Risk(
                level="high", text=f"The host {resource.name} is given up: what runs on it stops and is removed."
            )
        elif known := kind(resource):
            yield Risk(level="high", text=f"The {label(resource)} is deleted in Prefect: {known.gone}.")
        elif isinstance(done := steps.done(resource.name), WrittenFile) and done.service:
            yield Risk(level="medium", text=f"{done.service} is stopped and goes from {steps.host(resource)}.")
        else:
            others += resource.type in (ON_SERVERS, ON_THIS_MACHINE)
    if others:
        yield Risk(
            level="medium", text=f"{others} more file{'s' * (others > 1)} or task{'s' * (others > 1)} go from hosts."
        )


def _replacements(plan: Plan, steps: Steps, remade: set[str]) -> Iterator[Risk]:
    for change in plan.of("replace"):
        resource, why = change.resource, listed(list(change.properties)) or "a change that cannot be made in place"
        if held := held_data(resource):
            yield Risk(
                level="high",
                text=f"{resource.name} is replaced ({why}), which holds {held}: what is in it does not come along.",
            )
        elif known := kind(resource):
            yield Risk(level="high", text=f"The {label(resource)} is made anew ({why}). Before that, {known.gone}.")
        elif not resource.is_prefect and resource.type != MACHINE and steps.host(resource) not in remade:
            yield Risk(
                level="medium", text=f"{resource.name} is made anew ({why}): the old one goes, then the new one comes."
            )


def _upgrades(plan: Plan, steps: Steps) -> Iterator[Risk]:
    migrating = {
        steps.host(change.resource)
        for change, _ in steps.scripts("migrate-prefect-database")
        if change.operation == "update"
    }
    for change in plan.of("update"):
        old, new = (_prefect_version(resource) for resource in (change.old, change.new))
        if not old or not new or old == new:
            continue
        host = steps.host(change.resource)
        word = "upgraded" if _number(new) > _number(old) else "taken back"
        if host not in migrating:
            yield Risk(level="medium", text=f"Prefect is {word} from {old} to {new} on {host}.")
            continue
        backed_up = any(change.operation != "delete" for change, _ in steps.scripts("backup-database"))
        backup = "The database is backed up first. " if backed_up else "No backup is made first: there is none here. "
        way = (
            "The schema is migrated while the old version serves; UI and API are away only for the restart, about 5 s. "
            "If the migration fails, the old version goes on serving."
            if word == "upgraded"
            else "The server stops while the schema goes back: UI and API are away for up to some minutes."
        )
        yield Risk(level="high", text=f"Prefect is {word} from {old} to {new} on {host}. {backup}{way}")


def _restarts(steps: Steps, remade: set[str]) -> Iterator[Risk]:
    for change, _ in steps.scripts("service"):
        service = steps.service(change.resource)
        if change.operation not in ("update", "replace") or service is None:
            continue
        host = steps.host(change.resource)
        if host in remade or not _reads_a_change(change, steps):
            continue
        level, meaning = next(
            (told for prefix, told in RESTARTS.items() if service.startswith(prefix)),
            ("medium", "what it does pauses for some seconds."),
        )
        setting = f"workers.{service.removeprefix('prefect-worker-')}.drainSeconds"
        yield Risk(level=level, text=f"{service} restarts on {host}: {meaning.format(setting=setting)}")


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
    yield from _firewalls(steps)
    if any(change.operation == "update" for change, _ in steps.scripts("nginx-site")):
        yield Risk(level="low", text="nginx reloads its configuration: connections that are open stay.")
    if any(change.operation == "update" for change, _ in steps.scripts("caddy-site")):
        yield Risk(level="medium", text="Caddy restarts with another configuration: connections that are open break.")
    for change in plan.of("update"):
        if change.resource.type == "postgresql:index/role:Role" and "password" in change.properties:
            yield Risk(level="medium", text=f"The role {change.resource.inputs.get('name')} gets another password.")


def _firewalls(steps: Steps) -> Iterator[Risk]:
    hosts: dict[str, list[str]] = {}
    for change, file in steps.files():
        before = step(change.old) if change.old and change.operation == "update" else None
        if isinstance(before, WrittenFile) and file.path.endswith(".nft") and before != file:
            old = set(map(str, before.openings))
            new = set(map(str, file.openings))
            lets = [f"lets in {opening}" for opening in sorted(new - old)]
            shuts = [f"no longer lets in {opening}" for opening in sorted(old - new)]
            hosts.setdefault(listed([*lets, *shuts]) or "changes", []).append(steps.host(change.resource) or "")
    for meaning, names in hosts.items():
        yield Risk(
            level="medium",
            text=f"The firewall of {listed(sorted(names))} {meaning}. Rules that shut SSH out are taken back by "
            "themselves.",
        )


def _repairs(plan: Plan, steps: Steps) -> Iterator[Risk]:
    for change in plan.of("update"):
        if change.old and change.new and is_repair(change.old, change.new):
            yield Risk(
                level="medium",
                text=f"{change.resource.name} is no longer on {steps.host(change.resource)} as declared, because "
                "somebody changed it there: it is put back.",
            )


def _arrivals(plan: Plan, steps: Steps) -> Iterator[Risk]:
    hosts = [change.resource.name for change in plan.of("create") if change.resource.type == HOST]
    if hosts:
        yield Risk(level="low", text=f"{_hosts(hosts)} The others go on meanwhile.")
    for change, file in steps.files():
        host = steps.host(change.resource)
        if change.operation == "create" and file.service and host not in hosts:
            yield Risk(level="low", text=f"{file.service} is new on {host}.")


def _objects(plan: Plan) -> Iterator[Risk]:
    """Yield what comes and changes in Prefect; what goes is a loss."""
    for change in sorted(plan.of("update"), key=lambda one: label(one.resource)):
        known = kind(change.resource)
        if known is None or change.old is None:
            continue
        stops = _is_stopped(change.resource) and not _is_stopped(change.old)
        meaning = "is stopped: nothing of it happens until it goes on" if stops else f"changes: {known.changed}"
        yield Risk(level="medium" if stops else "low", text=f"The {label(change.resource)} {meaning}.")
    new = [change.resource for change in plan.of("create") if kind(change.resource)]
    if new:
        yield Risk(level="low", text=f"New in Prefect: the {', the '.join(sorted(map(label, new)))}.")
    for resource in new:
        if resource.inputs.get("adopt") is True:
            yield Risk(
                level="medium", text=f"If there is a {label(resource)} already, it is changed to what is declared."
            )


def _prefect_version(resource: Resource | None) -> str | None:
    """Return the Prefect of a runtime, which its lock names: `prefect-3.8.8` or `prefect-docker-3.8.8`."""
    done = step(resource) if resource else None
    found = re.search(r"\d[\d.]*", done.settings.get("lock", "")) if isinstance(done, Script) else None
    return found[0] if found else None


def _is_stopped(resource: Resource) -> bool:
    """Tell whether a work pool or queue is paused, or an automation is off."""
    return resource.inputs.get("paused") is True or resource.inputs.get("enabled") is False


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
