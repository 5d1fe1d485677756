"""What a stack file keeps in the Prefect server besides pools and secrets: variables, concurrency limits, blocks."""

import graphlib
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from components.prefect_api import concurrency_limits, variables
from components.settings.automations import AutomationSettings, read_automations
from components.settings.table import Problems, Table

SECRET_FIELD_PREFIX = "secretField-"  # noqa: S105 - a key's prefix, not a secret

_LARGEST_LIMIT = 100_000
_BLOCK_RULE = "TYPE/NAME, such as aws-credentials/lake, both of lowercase letters, digits and dashes"


@dataclass(frozen=True, kw_only=True)
class VariableSettings:
    """A variable."""

    name: str
    value: Any
    """Anything that JSON knows."""
    tags: tuple[str, ...]
    adopt: bool


@dataclass(frozen=True, kw_only=True)
class GlobalConcurrencyLimitSettings:
    """A limit that flows ask for by name."""

    name: str
    limit: int
    active: bool
    slot_decay_per_second: float
    adopt: bool


@dataclass(frozen=True, kw_only=True)
class TagConcurrencyLimitSettings:
    """A limit on the task runs with a tag."""

    tag: str
    limit: int
    adopt: bool


@dataclass(frozen=True, kw_only=True)
class BlockSettings:
    """A block of any type."""

    type: str
    """Slug of the block's type."""
    name: str
    data: Mapping[str, Any]
    secrets: Mapping[str, str]
    """Per secret field the name under which its value stands: `secretField-NAME`."""
    references: Mapping[str, str]
    """Per field that holds another block that block, as TYPE/NAME."""
    adopt: bool

    @property
    def key(self) -> str:
        """TYPE/NAME."""
        return f"{self.type}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class PrefectObjects:
    """Everything of this module."""

    variables: tuple[VariableSettings, ...] = ()
    global_concurrency_limits: tuple[GlobalConcurrencyLimitSettings, ...] = ()
    tag_concurrency_limits: tuple[TagConcurrencyLimitSettings, ...] = ()
    blocks: tuple[BlockSettings, ...] = ()
    """Each after those that it refers to."""
    automations: tuple[AutomationSettings, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self != PrefectObjects()

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The names of all secret values of blocks."""
        return tuple(sorted({name for block in self.blocks for name in block.secrets.values()}))


def read_prefect_objects(
    problems: Problems, tables: Mapping[str, Table], keys: Set[str], secret_keys: Set[str]
) -> PrefectObjects:
    """Return the objects of the tables for variables, concurrency limits, blocks and automations.

    `keys` are all keys of the stack file, `secret_keys` those that hold secrets.
    """
    blocks = _in_order(problems, _read_blocks(tables["blocks"]))
    objects = PrefectObjects(
        variables=_read_variables(tables["variables"]),
        global_concurrency_limits=_read_global_limits(tables["concurrencyLimits"]),
        tag_concurrency_limits=_read_tag_limits(tables["tagConcurrencyLimits"]),
        blocks=blocks,
        automations=read_automations(tables["automations"], [block.key for block in blocks]),
    )
    _check_secret_fields(problems, objects, keys, secret_keys)
    return objects


def _check_secret_fields(problems: Problems, objects: PrefectObjects, keys: Set[str], secret_keys: Set[str]) -> None:
    wanted = {SECRET_FIELD_PREFIX + name for name in objects.secret_fields}
    for key in sorted(wanted - secret_keys):
        given = "stands in the stack file in clear text" if key in keys else "is missing"
        problems.add_secret(key, given, "a secret, which a block names", "")
    for key in sorted(key for key in keys - wanted if key.startswith(SECRET_FIELD_PREFIX)):
        problems.add_needless(key, "is named by no block", "a secret that stands among the secrets of a block")


def _read_variables(table: Table) -> tuple[VariableSettings, ...]:
    found = []
    for name, entry in table.entries(variables.name_problem):
        variable = VariableSettings(
            name=name,
            value=entry.anything("value", "eu-central-1"),
            tags=entry.texts("tags", allowed="a text", example="finance", is_good=bool),
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        if problem := variables.value_problem(variable.value):
            table.problems.add(entry.path("value"), "is too long", problem, "eu-central-1")
        found.append(variable)
    return tuple(found)


def _read_global_limits(table: Table) -> tuple[GlobalConcurrencyLimitSettings, ...]:
    found = []
    for name, entry in table.entries(concurrency_limits.name_problem):
        limit = GlobalConcurrencyLimitSettings(
            name=name,
            limit=entry.required_integer("limit", minimum=0, maximum=_LARGEST_LIMIT),
            active=entry.boolean("active", default=True),
            slot_decay_per_second=entry.number("slotDecayPerSecond", 0, minimum=0),
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        found.append(limit)
    return tuple(found)


def _read_tag_limits(table: Table) -> tuple[TagConcurrencyLimitSettings, ...]:
    found = []
    for tag, entry in table.entries(concurrency_limits.name_problem):
        limit = TagConcurrencyLimitSettings(
            tag=tag,
            limit=entry.required_integer("limit", minimum=0, maximum=_LARGEST_LIMIT),
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        found.append(limit)
    return tuple(found)


def _read_blocks(table: Table) -> tuple[BlockSettings, ...]:
    entries = table.entries(_block_problem)
    keys = [key for key, _ in entries]
    found = []
    for key, entry in entries:
        type_, _, name = key.partition("/")
        block = BlockSettings(
            type=type_,
            name=name,
            data=entry.values("data") or {},
            secrets=_secrets(secrets) if (secrets := entry.table("secrets")) else {},
            references={
                field: references.choice(
                    field, [other for other in keys if other != key], where_none="another block of the stack"
                )
                for field in references.names
            }
            if (references := entry.table("references"))
            else {},
            adopt=entry.boolean("adopt", default=False),
        )
        entry.finish()
        found.append(block)
    return tuple(found)


def _block_problem(key: str) -> str | None:
    return None if re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", key) else _BLOCK_RULE


def _secrets(table: Table) -> dict[str, str]:
    allowed = f"the NAME of a secret {SECRET_FIELD_PREFIX}NAME"
    return {
        name: table.text(name, allowed=allowed, example=name.replace("_", "-"), pattern="[A-Za-z0-9_-]+")
        for name in table.names
    }


def _in_order(problems: Problems, found: tuple[BlockSettings, ...]) -> tuple[BlockSettings, ...]:
    """Put each block after those that it refers to."""
    by_key = {block.key: block for block in found}
    sorter = graphlib.TopologicalSorter(
        {block.key: sorted({*block.references.values()} & by_key.keys()) for block in found}
    )
    try:
        return tuple(by_key[key] for key in sorter.static_order())
    except graphlib.CycleError as error:
        circle = error.args[1]
        problems.add_needless(
            f'blocks["{circle[0]}"]', f"refers to itself: {' to '.join(circle)}", "no circle of blocks"
        )
        return found
