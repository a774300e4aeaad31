"""The comparison of two graphs: one picture of before and after."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slipway.preview.rules.consequence import Object, Situation
from slipway.preview.rules.workloads import workloads
from slipway.preview.topology.graph import OUTSIDE, Box, Graph, draw
from slipway.preview.topology.model import Edge, Fact, Layer, Mark, Node, Topology
from slipway.preview.topology.pods import PodIndex
from slipway.preview.topology.traffic import add_traffic

MOST = 40
"""The largest number of nodes in a picture that people can read."""
_Edge = tuple[str, str]


def topology(situation: Situation) -> Topology | None:
    """Return the system before and after a change; None if nothing of it changes."""
    before, after = (_graph(situation, objects) for objects in (situation.before, situation.after))
    boxes = {**before.boxes, **after.boxes}
    keys = sorted(boxes, key=lambda key: _order(boxes[key], key))
    facts = {key: _facts(before.boxes.get(key), after.boxes.get(key)) for key in keys}
    marks = {key: _node_mark(key, before, after, facts[key]) for key in keys}
    places = {key: number for number, key in enumerate(keys)}
    ends = sorted({*before.edges, *after.edges}, key=lambda edge: (places[edge[0]], places[edge[1]]))
    edges = {edge: _edge_mark(edge, before, after) for edge in ends}
    changed = _changed(boxes, marks, edges)
    if not changed:
        return None
    connected = {key for edge in edges for key in edge} | changed
    shown = [key for key in keys if key in _fewer(connected, changed, edges)][:MOST]
    ids = {key: f"n{number}" for number, key in enumerate(shown)}
    namespaces = {boxes[key].namespace for key in shown} - {""}
    return Topology(
        nodes=tuple(_node(ids[key], boxes[key], marks[key], facts[key], namespaces) for key in shown),
        edges=tuple(
            Edge(ids[source], ids[target], _label(before, after, (source, target)), mark)
            for (source, target), mark in edges.items()
            if source in ids and target in ids
        ),
        left_out=len(connected) - len(shown),
    )


def _graph(situation: Situation, objects: Sequence[Object]) -> Graph:
    index = PodIndex(tuple(workloads(situation, objects)))
    graph = draw(objects, index)
    add_traffic(graph, objects, index)
    return graph


def _order(box: Box, key: str) -> tuple[Any, ...]:
    return list(Layer).index(box.layer), box.namespace, box.name, key


def _facts(before: Box | None, after: Box | None) -> tuple[Fact, ...]:
    """Return the facts of both sides; those of a box that is on one side only are not marked."""
    if before is None or after is None:
        return tuple(Fact(text, Mark.SAME) for box in (before, after) if box for text in box.facts)
    old, new = before.facts, after.facts
    if before.namespace != after.namespace:
        old, new = (f"namespace {before.namespace}", *old), (f"namespace {after.namespace}", *new)
    kept = [Fact(text, Mark.SAME if text in new else Mark.REMOVED) for text in old]
    return (*kept, *(Fact(text, Mark.ADDED) for text in new if text not in old))


def _node_mark(key: str, before: Graph, after: Graph, facts: Iterable[Fact]) -> Mark:
    if key == OUTSIDE:
        return Mark.SAME
    if key not in before.boxes or key not in after.boxes:
        return Mark.ADDED if key in after.boxes else Mark.REMOVED
    return Mark.CHANGED if any(fact.mark is not Mark.SAME for fact in facts) else Mark.SAME


def _edge_mark(edge: _Edge, before: Graph, after: Graph) -> Mark:
    if edge not in before.edges or edge not in after.edges:
        return Mark.ADDED if edge in after.edges else Mark.REMOVED
    return Mark.SAME if before.edges[edge] == after.edges[edge] else Mark.CHANGED


def _changed(boxes: Mapping[str, Box], marks: Mapping[str, Mark], edges: Mapping[_Edge, Mark]) -> set[str]:
    """Return the boxes that change, and the ends of edges that change.

    A Job that is created or deleted counts only if something connects it: some releases have their own Job.
    """
    connected = {key for edge in edges for key in edge}
    ends = {key for edge, mark in edges.items() if mark is not Mark.SAME for key in edge}
    return ends | {
        key
        for key, mark in marks.items()
        if mark is Mark.CHANGED
        or (mark is not Mark.SAME and (key in connected or boxes[key].kind not in ("Job", "CronJob")))
    }


def _fewer(connected: set[str], changed: set[str], edges: Iterable[_Edge]) -> set[str]:
    """Return the boxes to draw: all, or if these are too many, those that change and their neighbours."""
    near = {key for edge in edges if changed & set(edge) for key in edge} | changed
    return next((choice for choice in (connected, near) if len(choice) <= MOST), changed)


def _node(id_: str, box: Box, mark: Mark, facts: tuple[Fact, ...], namespaces: set[str]) -> Node:
    name = f"{box.namespace}/{box.name}" if box.namespace and len(namespaces) > 1 else box.name
    return Node(id_, box.layer, box.kind, name, mark, facts)


def _label(before: Graph, after: Graph, edge: _Edge) -> str:
    labels = dict.fromkeys(graph.edges[edge] for graph in (before, after) if edge in graph.edges)
    return " → ".join(label or "every port" for label in labels) if len(labels) > 1 else next(iter(labels))
