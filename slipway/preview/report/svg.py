"""The picture of the system as SVG, for the HTML page, which has its styles."""

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from slipway.masking import visible
from slipway.preview.report.graph_layout import Box, Layout, Point, arrange
from slipway.preview.report.wording import marked, shortened
from slipway.preview.topology.model import Edge, Layer, Mark, Node, Topology

_LONGEST = 30
"""Characters of a line; the tooltip has all."""
_LETTER, _BOLD = 6.7, 7.9
"""The widths of a character at the font sizes of page.html."""
_LINE, _PAD, _MARGIN = 15, 9, 6


def render(topology: Topology) -> str:
    """Return an `svg` element."""
    columns = list(Layer)
    sizes = {node.id: Box(columns.index(node.layer), _width(node), _height(node)) for node in topology.nodes}
    layout = arrange(sizes, [(edge.source, edge.target) for edge in topology.edges])
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    parts = [
        f'<svg role="img" aria-label="The system before and after the change" width="{width:.0f}"'
        f' height="{height:.0f}" viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}">'
    ]
    parts += [_edge(edge, layout.routes[edge.source, edge.target]) for edge in topology.edges]
    parts += [_node(node, layout) for node in topology.nodes]
    return "".join((*parts, "</svg>"))


def _lines(node: Node) -> Iterator[tuple[str, str, Mark]]:
    """Yield the lines of a box: class, text and mark."""
    yield "kind", marked(node.kind, node.mark), Mark.SAME
    yield "name", _cut(node.name), Mark.SAME
    for fact in node.facts:
        yield "fact", marked(_cut(fact.text), fact.mark), fact.mark


def _cut(text: str) -> str:
    text = visible(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _width(node: Node) -> float:
    return (
        max(len(text) * (_BOLD if kind == "name" else _LETTER) for kind, text, _ in _lines(node)) + 2 * _PAD
    )


def _height(node: Node) -> float:
    return len(list(_lines(node))) * _LINE + _PAD


def _node(node: Node, layout: Layout) -> str:
    box = layout.boxes[node.id]
    left, lines = box.x + _PAD, enumerate(_lines(node), start=1)
    rows = [
        f'<text class="{kind} {mark}" x="{left:.0f}" y="{box.y + row * _LINE:.0f}">{escape(text)}</text>'
        for row, (kind, text, mark) in lines
    ]
    tooltip = shortened("; ".join((f"{node.kind} {node.name}", *(fact.text for fact in node.facts))), 1000)
    return (
        f'<g class="{node.mark}"><title>{escape(tooltip)}</title><rect x="{box.x:.0f}" y="{box.y:.0f}"'
        f' width="{box.width:.0f}" height="{box.height:.0f}" rx="6"/>{"".join(rows)}</g>'
    )


def _edge(edge: Edge, points: list[Point]) -> str:
    """Draw an edge as a curve with an arrow head; within a column it leaves and enters on the right."""
    (x, y), (end_x, end_y) = points[0], points[-1]
    before_x, before_y = points[-2]
    if x == end_x:
        control = x + (before_x - x) * 4 / 3  # a curve of this kind reaches 3/4 of the way to its controls
        curve = f"M{x:.0f} {y:.0f}C{control:.0f} {y:.0f} {control:.0f} {end_y:.0f} {x:.0f} {end_y:.0f}"
        head, label_x, label_y = 7, before_x, before_y
    else:
        curve = f"M{x:.0f} {y:.0f}" + "".join(map(_curve, pairwise(points)))
        head, label_x, label_y = -7, (before_x + end_x) / 2, (before_y + end_y) / 2
    text = ""
    if edge.label:
        label = escape(marked(_cut(edge.label), edge.mark))
        text = f'<text class="label" x="{label_x:.0f}" y="{label_y - 3:.0f}">{label}</text>'
    arrow = f'<path class="head" d="M{end_x:.0f} {end_y:.0f}l{head} -4v8z"/>'
    return f'<g class="edge {edge.mark}"><path d="{curve}"/>{arrow}{text}</g>'


def _curve(ends: tuple[Point, Point]) -> str:
    (x, y), (end_x, end_y) = ends
    middle = (x + end_x) / 2
    return f"C{middle:.0f} {y:.0f} {middle:.0f} {end_y:.0f} {end_x:.0f} {end_y:.0f}"
