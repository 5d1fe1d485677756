"""The topology as a picture (SVG): hosts, services, ports, data flows, and what changes."""

from collections import Counter
from collections.abc import Mapping

import drawsvg

from toolchain.preview.layout import CARDS, HEADER, PADDING, Arrangement, Box, Card, arrange
from toolchain.preview.nodes import Flow, Role, ServiceNode, Topology
from toolchain.preview.plan import SIGNS, Operation

WORDS: dict[Operation, str] = {
    "create": "new",
    "update": "changed",
    "replace": "made anew",
    "delete": "removed",
    "same": "unchanged",
}
NOTE_CHARACTERS = 43

STYLE = """
svg { --canvas: #ffffff; --card: #f6f8fa; --node: #ffffff; --line: #d1d9e0; --text: #1f2328; --faint: #59636e;
  --flow: #818b98; --create: #1a7f37; --update: #bf8700; --replace: #8250df; --delete: #cf222e;
  --worker: #1b7c83; --proxy: #8250df; --server: #0969da; --database: #bc4c00; --other: #59636e;
  --jump: #59636e; --vault: #bf3989; --storage: #9a6700; }
@media (prefers-color-scheme: dark) {
  svg { --canvas: #0d1117; --card: #151b23; --node: #212830; --line: #3d444d; --text: #f0f6fc; --faint: #9198a1;
    --flow: #656c76; --create: #3fb950; --update: #d29922; --replace: #ab7df8; --delete: #f85149;
    --worker: #39c5cf; --proxy: #ab7df8; --server: #4493f8; --database: #db6d28; --other: #9198a1;
    --jump: #9198a1; --vault: #db61a2; --storage: #d29922; }
}
text { font-family: -apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  font-size: 13px; fill: var(--text); }
.title { font-size: 20px; font-weight: 600; } .name { font-weight: 600; } .host { font-size: 15px; font-weight: 600; }
.faint { fill: var(--faint); font-size: 12px; } .small { fill: var(--faint); font-size: 11px; }
.port { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; fill: var(--faint); }
.canvas { fill: var(--canvas); } .card { fill: var(--card); stroke: var(--line); }
.elsewhere { fill: none; stroke: var(--line); stroke-dasharray: 6 4; }
.node { fill: var(--node); stroke: var(--line); } .people { fill: var(--node); stroke: var(--flow); }
.label { fill: var(--faint); font-size: 11px; paint-order: stroke; stroke: var(--canvas); stroke-width: 5px;
  stroke-linejoin: round; } .inside { stroke: var(--card); }
.flow { fill: none; stroke: var(--flow); stroke-width: 1.6; } .head { fill: var(--flow); }
.rule { stroke: var(--line); } .sign { fill: var(--canvas); font-size: 14px; font-weight: 700; }
"""
ROLES = ("worker", "proxy", "server", "database", "jump", "vault", "storage", "other")
PEOPLE: Mapping[Role, str] = {"jump": "Pulumi and operators"}
"""Who comes to a service from outside, where it is not everybody."""


def svg(topology: Topology, stack: str) -> str:
    """Return the picture."""
    places = arrange(topology)
    drawing = drawsvg.Drawing(places.width, places.height, id_prefix="topology")
    drawing.append_title(f"Topology of the stack {stack}")
    drawing.append_css(STYLE + _colours())
    drawing.append(drawsvg.Rectangle(0, 0, places.width, places.height, rx=12, class_="canvas"))
    _title(drawing, topology, stack)
    for card in places.cards:
        _card(drawing, card, topology)
    for service, box in places.nodes.items():
        _node(drawing, service, box, is_new=topology.is_new)
    for target, box in places.people.items():
        _people(drawing, PEOPLE.get(target.role, "browsers and API clients"), box)
    _flows(drawing, topology, places)
    _legend(drawing, topology, places)
    return str(drawing.as_svg()) + "\n"


def _colours() -> str:
    strokes = (f".change-{name} {{ stroke: var(--{name}); stroke-width: 2; }}" for name in SIGNS)
    fills = (f".fill-{name} {{ fill: var(--{name}); }}" for name in (*SIGNS, *ROLES))
    return "\n".join([*strokes, *fills, ".change-delete { stroke-dasharray: 5 4; }"])


def _title(drawing: drawsvg.Drawing, topology: Topology, stack: str) -> None:
    drawing.append(_text(stack, 32, 40, "title"))
    counts = Counter(node.operation for node in topology.services)
    said = ", ".join(f"{counts[one]} {WORDS[one]}" for one in (*SIGNS, "same") if counts[one])
    told = "nothing of it runs yet" if topology.is_new else f"services: {said}"
    drawing.append(_text(told, 32, 60, "faint"))


def _card(drawing: drawsvg.Drawing, card: Card, topology: Topology) -> None:
    box, host = card.box, card.host
    marked = host.operation in SIGNS and not topology.is_new
    drawing.append(
        drawsvg.Rectangle(box.x, box.y, box.width, box.height, rx=10, class_="elsewhere" if card.elsewhere else "card")
    )
    room = box.width - 2 * PADDING - (24 if marked else 0)
    drawing.append(_text(_shortened(host.name, int(room / 8.4)), box.x + PADDING, box.y + 26, "host"))
    via = f"SSH via {host.jump_host}" if host.jump_host else ""
    words = [host.address if host.platform != "local" else "", host.kind, via, "not run by this stack" * card.elsewhere]
    drawing.append(
        _text(_shortened(" · ".join(filter(None, words)), int(room / 6)), box.x + PADDING, box.y + 43, "faint")
    )
    if marked:
        _badge(drawing, host.operation, box.right - 20, box.y + 22)
    if not card.notes:
        return
    top = box.bottom - len(card.notes) * 17 - 12
    drawing.append(drawsvg.Line(box.x + PADDING, top - 4, box.right - PADDING, top - 4, class_="rule"))
    for index, note in enumerate(card.notes):
        drawing.append(_text(_shortened(note), box.x + PADDING, top + 14 + index * 17, "small"))


def _node(drawing: drawsvg.Drawing, service: ServiceNode, box: Box, *, is_new: bool) -> None:
    marked = service.operation in SIGNS and not is_new
    css = f"node change-{service.operation}" if marked else "node"
    drawing.append(drawsvg.Rectangle(box.x, box.y, box.width, box.height, rx=8, class_=css))
    bar = drawsvg.Rectangle(box.x + 8, box.y + 10, 4, box.height - 20, rx=2, class_=f"fill-{service.role}")
    drawing.append(bar)
    drawing.append(_text(_shortened(service.name, 26), box.x + 22, box.y + 23, "name"))
    drawing.append(_text(_shortened(service.detail, 24 if service.port else 32), box.x + 22, box.y + 41, "faint"))
    if service.port:
        drawing.append(_text(f":{service.port}", box.right - 12, box.y + 41, "port", anchor="end"))
    if marked:
        _badge(drawing, service.operation, box.right, box.y)


def _badge(drawing: drawsvg.Drawing, operation: Operation, x: float, y: float) -> None:
    drawing.append(drawsvg.Circle(x, y, 10, class_=f"fill-{operation}"))
    drawing.append(_text(SIGNS[operation], x, y + 5, "sign", anchor="middle"))


def _people(drawing: drawsvg.Drawing, who: str, box: Box) -> None:
    drawing.append(drawsvg.Rectangle(box.x, box.y, box.width, box.height, rx=box.height / 2, class_="people"))
    x, y = box.middle
    drawing.append(_text(who, x, y + 4, "faint", anchor="middle"))


def _flows(drawing: drawsvg.Drawing, topology: Topology, places: Arrangement) -> None:
    head = drawsvg.Marker(-9, -5, 1, 5, orient="auto", markerUnits="userSpaceOnUse", markerWidth=10, markerHeight=10)
    head.append(drawsvg.Lines(-9, -4.5, 0, 0, -9, 4.5, close=True, class_="head"))
    labels: list[tuple[str, float, float]] = []
    for flow in topology.flows:
        path = drawsvg.Path(class_="flow", marker_end=head)
        labels.append((_label(flow), *_route(path, flow, topology, places)))
        drawing.append(path)
    for label, x, y in labels:  # above all lines
        inside = any(card.box.x < x < card.box.right and card.box.y < y < card.box.bottom for card in places.cards)
        drawing.append(_text(label, x, y + 4, "label inside" if inside else "label", anchor="middle"))


def _route(path: drawsvg.Path, flow: Flow, topology: Topology, places: Arrangement) -> tuple[float, float]:
    """Draw a line from who asks to who answers; returns where its label belongs."""
    target = places.nodes[flow.target]
    source = places.nodes[flow.source] if flow.source else places.people[flow.target]
    if abs(source.x - target.x) < 1:
        return _route_down(path, flow, source, target)
    beside = [one for one in topology.flows if one.target == flow.target and one.source and _is_beside(one, places)]
    beside.sort(key=lambda one: places.nodes[one.source].y if one.source else 0)  # so that lines do not cross
    right = source.x < target.x
    start_x, end_x = (source.right, target.x) if right else (source.x, target.right)
    start_y = source.middle[1]
    end_y = target.middle[1] + (beside.index(flow) - (len(beside) - 1) / 2) * min(14, 36 / len(beside))
    bend = (end_x - start_x) / 2
    path.M(start_x, start_y).C(start_x + bend, start_y, end_x - bend, end_y, end_x, end_y)
    return (start_x + end_x) / 2, (start_y + end_y) / 2


def _route_down(path: drawsvg.Path, flow: Flow, source: Box, target: Box) -> tuple[float, float]:
    """Draw a line in a column: beside the small print of the cards that it crosses."""
    between_cards = flow.source is None or flow.source.host != flow.target.host
    x = target.right - 44 if between_cards else target.middle[0]
    down = source.y < target.y
    start, end = (source.bottom, target.y) if down else (source.y, target.bottom)
    path.M(x, start).L(x, end)
    if flow.source and between_cards:
        return x, end - HEADER - CARDS / 2
    return x, start + (18 if between_cards else (end - start) / 2 - (2 if down else -2))


def _is_beside(flow: Flow, places: Arrangement) -> bool:
    return flow.source is not None and abs(places.nodes[flow.source].x - places.nodes[flow.target].x) >= 1


def _label(flow: Flow) -> str:
    return f"{flow.label} :{flow.target.port}" if flow.target.port else flow.label


def _legend(drawing: drawsvg.Drawing, topology: Topology, places: Arrangement) -> None:
    y = places.height - 20
    if topology.work_pools:
        drawing.append(_text("Work pools", 32, y - 2, "faint name"))
        drawing.append(_text(" · ".join(topology.work_pools), 104, y - 2, "faint"))
    x = places.width - 32
    operations = set() if topology.is_new else topology.operations
    for operation in (one for one in reversed(SIGNS) if one in operations):
        word = WORDS[operation]
        drawing.append(_text(word, x, y - 2, "faint", anchor="end"))
        x -= 7 * len(word) + 14
        _badge(drawing, operation, x, y - 6)
        x -= 24


def _shortened(text: str, characters: int = NOTE_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _text(text: str, x: float, y: float, css: str, *, anchor: str = "start") -> drawsvg.Text:
    return drawsvg.Text(text or " ", None, x, y, class_=css, text_anchor=anchor)
