"""Heuristics: first fit decreasing, and the filling of a given mix of nodes."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from slipway.capacity.packing.bound import Needs
from slipway.capacity.packing.model import TOLERANCE, Node, Placement, Problem, losses

LOST_NODE = "no zone is lost"
TYPES = 3
"""The number of types that first fit decreasing tries."""


Order = Literal["first", "tight", "aligned"]
"""The order in which nodes are tried for a pod.

As they were opened; the fullest first; or those first whose free cores and bytes have the pod's ratio.
"""


class Nodes:
    """Nodes that are being filled, with their free capacity."""

    def __init__(self, problem: Problem, nodes: Iterable[Node] = ()) -> None:
        self.problem = problem
        self.nodes: list[Node] = []
        self._free = np.zeros((64, 3))
        self._sizes = np.ones((64, 3))
        self._pods = np.array([item.pod for item in problem.workloads])
        replicas = np.array([item.replicas for item in problem.workloads])
        self._demand = np.maximum(replicas @ self._pods[:, :2], TOLERANCE)
        self._zones: Counter[tuple[str, int]] = Counter()
        for node in nodes:
            self.open(node.kind, node.zone)
            for workload, number in node.pods.items():
                self.add(len(self.nodes) - 1, workload, number)

    def open(self, kind: int, zone: str) -> int:
        """Add an empty node and return its number."""
        number = len(self.nodes)
        if number == len(self._free):
            self._free = np.concatenate([self._free, np.zeros_like(self._free)])
            self._sizes = np.concatenate([self._sizes, np.ones_like(self._sizes)])
        self.nodes.append(Node(kind, zone))
        self._free[number] = self._sizes[number] = self.problem.free[kind]
        return number

    def close(self) -> None:
        """Remove the last node, which is empty."""
        self.nodes.pop()

    def add(self, node: int, workload: int, number: int = 1) -> None:
        """Place pods on a node, or take them away."""
        self.nodes[node].pods[workload] += number
        self._zones[self.nodes[node].zone, workload] += number
        self._free[node] -= self._pods[workload] * number

    def requests(self, pods: Sequence[int]) -> list[float]:
        """Return the sum of the requests of pods."""
        return [float(value) for value in self._pods[np.array(pods)].sum(axis=0)]

    def with_capacity(self, workload: int, order: Order) -> list[int]:
        """Return the nodes with capacity for one more pod, in an order."""
        count = len(self.nodes)
        free, sizes = self._free[:count], self._sizes[:count]
        need = self._pods[workload]
        found = np.flatnonzero((free - need >= -TOLERANCE * sizes).all(axis=1))
        if order == "aligned":
            shares = free[found, :2] / self._demand
            cosines = shares @ (need[:2] / self._demand) / (np.linalg.norm(shares, axis=1) + TOLERANCE**2)
            found = found[np.argsort(-cosines, kind="stable")]
        elif order == "tight":
            shares = (free[found, :2] - need[:2]) / sizes[found, :2]
            found = found[np.argsort(shares.sum(axis=1), kind="stable")]
        return [int(number) for number in found]

    def accepts(self, node: int, workload: int, *, spread: bool = True) -> bool:
        """Return whether the rules allow one more pod on a node; `spread` counts the pods of the zone."""
        item, place = self.problem.workloads[workload], self.nodes[node]
        if place.pods[workload] >= self.problem.at_most(item):
            return False
        if spread and self._zones[place.zone, workload] >= self.problem.in_zone(item):
            return False
        return not any(place.pods[other] for other in self.problem.apart[workload])


def decreasing(problem: Problem, pods: Iterable[int]) -> list[int]:
    """Return pods, by the numbers of their workloads, from the largest share of an average node down."""
    mean = [sum(size[axis] for size in problem.free) / len(problem.free) for axis in range(3)]
    share = [
        max(need / size for need, size in zip(item.pod, mean, strict=True)) for item in problem.workloads
    ]
    return sorted(pods, key=lambda number: (-share[number], number))


def all_pods(problem: Problem) -> list[int]:
    """Return the number of its workload for each pod."""
    return [number for number, item in enumerate(problem.workloads) for _ in range(item.replicas)]


def first_fit_decreasing(problem: Problem) -> Placement | None:
    """Return the cheapest placement on nodes of one type, by first fit decreasing; None if no type fits.

    Of the types that fit, those count that are cheapest for the sum of all requests.
    """
    pods = decreasing(problem, all_pods(problem))
    needs = [sum(problem.workloads[number].pod[axis] for number in pods) for axis in range(3)]
    least = {
        kind: problem.types[kind].price
        * max(need / size for need, size in zip(needs, problem.free[kind], strict=True))
        for kind in range(len(problem.types))
        if all(problem.fits(item, kind) for item in problem.workloads)
    }
    found: list[Placement] = []
    for kind in sorted(least, key=least.__getitem__):
        nodes = Nodes(problem)
        if place(nodes, pods, [kind]) and repair(nodes, [kind]):
            found.append(Placement.of(problem, nodes.nodes))
        if len(found) == TYPES:
            break
    return min(found, key=lambda item: item.cost, default=None)


def fill(problem: Problem, needs: Needs) -> Placement | None:
    """Return a placement on given nodes, with further nodes where they are not enough; None if none fits."""
    nodes = Nodes(problem)
    per_zone: Counter[str] = Counter()
    for (kind, zone), number in sorted(
        needs.nodes.items(), key=lambda item: -problem.types[item[0][0]].price
    ):
        for _ in range(number - (kind == needs.spare)):  # the spare node is added last, and stays empty
            chosen = zone or min(problem.types[kind].zones, key=lambda name: (per_zone[name], name))
            per_zone[chosen] += 1
            nodes.open(kind, chosen)
    kinds = range(len(problem.types))
    if not place(nodes, decreasing(problem, all_pods(problem)), kinds, "aligned"):
        return None
    if needs.spare is not None:
        zones = problem.types[needs.spare].zones
        nodes.open(needs.spare, min(zones, key=lambda name: (per_zone[name], name)))
    return Placement.of(problem, nodes.nodes) if repair(nodes, kinds) else None


def place(nodes: Nodes, pods: Sequence[int], kinds: Sequence[int], order: Order = "first") -> bool:
    """Place pods on the first node in an order that accepts them; open nodes as needed."""
    for position, workload in enumerate(pods):
        found = _choose(nodes, workload, order)
        if found is None:
            found = _open(nodes, pods[position:], kinds)
            if found is None:
                return False
        nodes.add(found, workload)
    return True


def _choose(
    nodes: Nodes, workload: int, order: Order, *, without: frozenset[int] = frozenset(), spread: bool = True
) -> int | None:
    """Return the first node in an order that takes a pod, without some nodes; None if no node does."""
    candidates = nodes.with_capacity(workload, order)
    allowed = (n for n in candidates if n not in without and nodes.accepts(n, workload, spread=spread))
    return next(allowed, None)


def _open(nodes: Nodes, pods: Sequence[int], kinds: Sequence[int], without: str | None = None) -> int | None:
    """Open the node whose price is lowest for the share that it takes of the pods.

    Args:
        nodes: the nodes so far.
        pods: the pods that have no node; the node takes the first of them.
        kinds: the types that may be opened.
        without: a zone that does not count, because it is lost.

    Returns:
        The number of the node, or None if none may be opened.
    """
    problem, first = nodes.problem, pods[0]
    used = Counter(node.kind for node in nodes.nodes)
    per_zone = Counter(node.zone for node in nodes.nodes)
    total = nodes.requests(pods)

    def price(kind: int) -> float:
        pairs = zip(problem.free[kind], total, strict=True)
        share = min(min(size / need if need else math.inf for size, need in pairs), 1.0)
        return problem.types[kind].price / share

    for kind in sorted(kinds, key=price):
        most = problem.types[kind].most
        if not problem.fits(problem.workloads[first], kind) or (most is not None and used[kind] >= most):
            continue
        for zone in sorted(problem.types[kind].zones, key=lambda name: (per_zone[name], name)):
            number = nodes.open(kind, zone)
            if zone != without and nodes.accepts(number, first, spread=without is None):
                return number
            nodes.close()
    return None


def absorbs(nodes: Nodes, lost: frozenset[int], kinds: Sequence[int] = ()) -> bool:
    """Return whether the other nodes take the pods of lost ones; with `kinds`, open nodes until they do."""
    problem = nodes.problem
    pods = decreasing(problem, (w for number in lost for w in nodes.nodes[number].pods.elements()))
    moved: list[tuple[int, int]] = []
    complete = True
    for position, workload in enumerate(pods):
        found = _choose(nodes, workload, "tight", without=lost, spread=False)
        if found is None and kinds:
            zone = nodes.nodes[next(iter(lost))].zone if problem.loss == "zone" else LOST_NODE
            found = _open(nodes, pods[position:], kinds, zone)
        if found is None:
            complete = False
            break
        nodes.add(found, workload)
        moved.append((found, workload))
    for found, workload in moved:
        nodes.add(found, workload, -1)
    return complete


def repair(nodes: Nodes, kinds: Sequence[int]) -> bool:
    """Open nodes until every loss is absorbed; return whether that was possible."""
    done = False
    while not done:
        before = len(nodes.nodes)
        for lost in list(losses(nodes.problem, nodes.nodes)):
            if not absorbs(nodes, lost, kinds):
                return False
        done = len(nodes.nodes) == before
    return True


def trim(problem: Problem, placement: Placement, deadline: float) -> Placement:
    """Replace nodes by cheaper types that hold the same pods, and leave out empty ones, while losses fit."""
    nodes = list(placement.nodes)
    for position in sorted(range(len(nodes)), key=lambda number: nodes[number].pods.total()):
        node = nodes[position]
        options = [None] if not node.pods.total() else _cheaper(problem, node)
        for option in options:
            if time.monotonic() > deadline:
                return Placement.of(problem, [item for item in nodes if item is not _GONE])
            nodes[position] = _GONE if option is None else option
            rest = Nodes(problem, [item for item in nodes if item is not _GONE])
            if _within_most(problem, rest) and all(
                absorbs(rest, lost) for lost in losses(problem, rest.nodes)
            ):
                break
            nodes[position] = node
    return Placement.of(problem, [item for item in nodes if item is not _GONE])


_GONE = Node(-1, "")


def _within_most(problem: Problem, nodes: Nodes) -> bool:
    used = Counter(node.kind for node in nodes.nodes)
    return all(kind.most is None or used[number] <= kind.most for number, kind in enumerate(problem.types))


def _cheaper(problem: Problem, node: Node) -> list[Node]:
    """Return the cheaper nodes in the same zone that hold the same pods, the cheapest first."""
    total = [sum(problem.workloads[w].pod[axis] * n for w, n in node.pods.items()) for axis in range(3)]
    kinds = [
        number
        for number, kind in enumerate(problem.types)
        if kind.price < problem.types[node.kind].price
        and node.zone in kind.zones
        and all(
            need <= size * (1 + TOLERANCE) for need, size in zip(total, problem.free[number], strict=True)
        )
    ]
    return [
        Node(kind, node.zone, node.pods) for kind in sorted(kinds, key=lambda kind: problem.types[kind].price)
    ]
