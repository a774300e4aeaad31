"""The picture of the system as a Mermaid flowchart, which code forges draw in comments.

https://mermaid.js.org/syntax/flowchart.html
"""

import re
from collections.abc import Iterator

from slipway.preview.report.wording import marked, shortened
from slipway.preview.topology.model import Edge, Mark, Node, Topology

_LONGEST = 60
_SPECIAL = re.compile(r"[^\w .,/()→\N{MINUS SIGN}…-]|_|(?<!\w)-|-(?!\w)|\.(?!\w)|(?<=www)\.")
_COLOURS = {Mark.ADDED: "#2da44e", Mark.REMOVED: "#cf222e", Mark.CHANGED: "#bf8700"}
_ARROWS = {Mark.SAME: "-->", Mark.ADDED: "==>", Mark.REMOVED: "-.->", Mark.CHANGED: "==>"}


def render(topology: Topology) -> str:
    """Return the flowchart, without a code fence."""
    lines = ["flowchart LR"]
    lines += [_node(node) for node in topology.nodes]
    lines += [_edge(edge) for edge in topology.edges]
    lines += _styles(topology)
    return "\n".join(lines)


def _node(node: Node) -> str:
    rows = [marked(node.kind, node.mark), node.name, *(marked(fact.text, fact.mark) for fact in node.facts)]
    style = "" if node.mark is Mark.SAME else f":::{node.mark}"
    return f'    {node.id}["{"<br>".join(map(_escaped, rows))}"]{style}'


def _edge(edge: Edge) -> str:
    text = f'|"{_escaped(marked(edge.label, edge.mark))}"|' if edge.label else ""
    return f"    {edge.source} {_ARROWS[edge.mark]}{text} {edge.target}"


def _styles(topology: Topology) -> Iterator[str]:
    """Yield colours of lines only, which fit both a light and a dark page."""
    for mark, colour in _COLOURS.items():
        dashes = ",stroke-dasharray:5 4" if mark is Mark.REMOVED else ""
        if any(node.mark is mark for node in topology.nodes):
            yield f"    classDef {mark} stroke:{colour},stroke-width:3px{dashes}"
        if numbers := [str(number) for number, edge in enumerate(topology.edges) if edge.mark is mark]:
            yield f"    linkStyle {','.join(numbers)} stroke:{colour}"


def _escaped(value: str) -> str:
    """Write characters that Mermaid, or Markdown in its labels, could interpret as entities: #35; is #."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", shortened(value, _LONGEST))
