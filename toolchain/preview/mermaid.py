"""The topology as Mermaid text, which GitHub and GitLab draw in comments, https://mermaid.js.org/syntax/flowchart.html."""

import re

from toolchain.preview.nodes import ServiceNode, Topology
from toolchain.preview.plan import SIGNS

CLASSES = {
    "create": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "update": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "replace": "fill:#fbefff,stroke:#8250df,color:#1f2328",
    "delete": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4",
}


def mermaid(topology: Topology) -> str:
    """Return a flowchart: a box for each host, its services in it, what changes in colour."""
    lines = ["flowchart LR", '  people(["people"])']
    for host in topology.hosts:
        lines.append(f'  subgraph {_id(host.name)}["{_text(host.name)} · {_text(host.address or host.kind)}"]')
        lines += [_node(one, topology.is_new) for one in topology.services if one.host == host.name]
        lines.append("  end")
    lines += [_node(one, topology.is_new) for one in topology.elsewhere]
    for flow in topology.flows:
        source = _service_id(flow.source) if flow.source else "people"
        lines.append(f'  {source} -- "{_text(flow.label)}" --> {_service_id(flow.target)}')
    lines += [f"  classDef {name} {style}" for name, style in CLASSES.items()]
    return "\n".join(lines)


def _node(service: ServiceNode, is_new: bool) -> str:
    marked = service.operation in CLASSES and not is_new
    port = f" :{service.port}" if service.port else ""
    label = f"{f'{SIGNS[service.operation]} ' if marked else ''}{service.name}{port}"
    detail = f"<br/><small>{_text(service.detail)}</small>" if service.detail else ""
    opening, closing = ("[(", ")]") if service.role == "database" else ("[", "]")
    css = f":::{service.operation}" if marked else ""
    return f'    {_service_id(service)}{opening}"{_text(label)}{detail}"{closing}{css}'


def _service_id(service: ServiceNode) -> str:
    return _id(f"{service.host}_{service.name}")


def _id(name: str) -> str:
    return "n_" + re.sub(r"\W", "_", name)


def _text(text: str) -> str:
    """Return text in which nothing is markup: names come from stack files."""
    return re.sub(r"[^\w .:/,()+~±−·@-]", "?", text)  # noqa: RUF001 - a minus sign
