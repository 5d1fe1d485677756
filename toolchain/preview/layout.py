"""Where each part of the topology's picture stands. Pure geometry, in pixels; `diagram` draws it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolchain.preview.nodes import HostNode, Role, ServiceNode, Topology

COLUMNS: Mapping[Role, int] = {
    **{"jump": 0, "worker": 0},
    **{"proxy": 1, "server": 1, "other": 1, "vault": 1},
    **{"database": 2, "storage": 2},
}
"""Who asks stands left of who answers, or above."""
ORDER: tuple[Role, ...] = ("jump", "proxy", "server", "worker", "database", "vault", "storage", "other")

COLUMN, GAP, MARGIN = 268, 116, 32
TITLE, PEOPLE, ENTRY = 76, 34, 46
PADDING, HEADER, NODE, BETWEEN, LINE, CARDS = 16, 58, 54, 30, 17, 28


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> tuple[float, float]:
        """The centre."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, kw_only=True)
class Card:
    """A host, or something that the stack uses but does not run."""

    host: HostNode
    box: Box
    notes: tuple[str, ...]
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """The picture: cards by host, nodes by service, and how large it all is."""

    cards: tuple[Card, ...]
    nodes: Mapping[ServiceNode, Box]
    people: Mapping[ServiceNode, Box]
    """By the service that they come to."""
    width: float
    height: float


@dataclass(frozen=True)
class _Block:
    """A card before it has a place."""

    host: HostNode
    services: tuple[ServiceNode, ...]
    columns: tuple[int, ...]
    elsewhere: bool

    @property
    def first(self) -> int:
        return self.columns[0]

    @property
    def last(self) -> int:
        return self.columns[-1]

    @property
    def rows(self) -> int:
        counts = [
            sum(COLUMNS[one.role] == column for one in self.services) for column in set(map(_column, self.services))
        ]
        return max(counts, default=1)

    @property
    def body(self) -> float:
        return self.rows * NODE + (self.rows - 1) * BETWEEN

    @property
    def height(self) -> float:
        lines = len(self.host.notes)
        return HEADER + self.body + PADDING + (lines * LINE + 12 if lines else 0)


def arrange(topology: Topology) -> Arrangement:
    """Give everything a place: hosts below each other in the columns that their services need, wide ones first."""
    blocks = _blocks(topology)
    used = sorted({column for block in blocks for column in block.columns})
    place = {column: MARGIN + index * (COLUMN + GAP) for index, column in enumerate(used)}
    top = TITLE + (PEOPLE + ENTRY if any(flow.source is None for flow in topology.flows) else 0)
    filled = dict.fromkeys(used, float(top))
    cards: list[tuple[_Block, float]] = []
    for block in sorted(blocks, key=_precedence):
        spanned = [column for column in used if block.first <= column <= block.last]
        y = max(filled[column] for column in spanned)
        cards.append((block, y))
        filled.update(dict.fromkeys(spanned, y + block.height + CARDS))
    lowest = max(filled.values(), default=top) - CARDS
    if all(block.first == block.last for block in blocks):
        cards = [(block, y + (lowest - (filled[block.first] - CARDS)) / 2) for block, y in cards]
    nodes = {service: box for block, y in cards for service, box in _nodes(block, y, place).items()}
    people = {flow.target: _above(nodes[flow.target], cards) for flow in topology.flows if flow.source is None}
    return Arrangement(
        cards=tuple(_card(block, y, place) for block, y in cards),
        nodes=nodes,
        people=people,
        width=2 * MARGIN + len(used) * COLUMN + (len(used) - 1) * GAP if used else 480,
        height=lowest + (64 if topology.work_pools else 44),
    )


def _precedence(block: _Block) -> tuple[int, int, int, str]:
    """Order cards: wide ones first, then those whose services come first."""
    services = min((ORDER.index(one.role) for one in block.services), default=len(ORDER))
    return (block.first - block.last, block.first, services, block.host.name)


def _blocks(topology: Topology) -> list[_Block]:
    blocks = [
        _block(host, [one for one in topology.services if one.host == host.name], elsewhere=False)
        for host in topology.hosts
    ]
    outside = [_block(HostNode(name=one.host, operation="same"), [one], elsewhere=True) for one in topology.elsewhere]
    return [*blocks, *outside]


def _block(host: HostNode, services: Sequence[ServiceNode], *, elsewhere: bool) -> _Block:
    ordered = tuple(sorted(services, key=lambda one: (ORDER.index(one.role), one.name)))
    return _Block(host, ordered, tuple(sorted(set(map(_column, ordered)))) or (1,), elsewhere)


def _column(service: ServiceNode) -> int:
    return COLUMNS[service.role]


def _card(block: _Block, y: float, place: Mapping[int, float]) -> Card:
    x = place[block.first]
    box = Box(x=x, y=y, width=place[block.last] + COLUMN - x, height=block.height)
    return Card(host=block.host, box=box, notes=block.host.notes, elsewhere=block.elsewhere)


def _nodes(block: _Block, y: float, place: Mapping[int, float]) -> dict[ServiceNode, Box]:
    boxes = {}
    for column in set(block.columns):
        stack = [one for one in block.services if _column(one) == column]
        height = len(stack) * NODE + (len(stack) - 1) * BETWEEN
        start = y + HEADER + (block.body - height) / 2
        for row, service in enumerate(stack):
            boxes[service] = Box(
                x=place[column] + PADDING,
                y=start + row * (NODE + BETWEEN),
                width=COLUMN - 2 * PADDING,
                height=NODE,
            )
    return boxes


def _above(node: Box, cards: Iterable[tuple[_Block, float]]) -> Box:
    highest = min(y for _, y in cards)
    return Box(x=node.x, y=min(TITLE, highest - PEOPLE - ENTRY), width=node.width, height=PEOPLE)
