"""Heuristics: first fit decreasing, and the filling of a given mix of nodes."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from slipway.capacity.packing.bound import Mix
from slipway.capacity.packing.model import TOLERANCE, Node, Placement, Problem, losses


class Nodes:
    """Nodes that are being filled, with their free capacity."""

    def __init__(self, problem: Problem, nodes: Iterable[Node] = ()) -> None:
        self.problem = problem
        self.nodes: list[Node] = []
        self.free: list[list[float]] = []
        self._zones: Counter[tuple[str, int]] = Counter()
        self._apart = [
            [
                other
                for other, candidate in enumerate(problem.workloads)
                if candidate.name in item.apart or item.name in candidate.apart
            ]
            if item.apart or any(item.name in other.apart for other in problem.workloads)
            else []
            for item in problem.workloads
        ]
        for node in nodes:
            self.open(node.kind, node.zone)
            for workload, number in node.pods.items():
                self.add(len(self.nodes) - 1, workload, number)

    def open(self, kind: int, zone: str) -> int:
        """Add an empty node and return its number."""
        self.nodes.append(Node(kind, zone))
        self.free.append(list(self.problem.free[kind]))
        return len(self.nodes) - 1

    def add(self, node: int, workload: int, number: int = 1) -> None:
        """Place pods on a node, or take them away."""
        self.nodes[node].pods[workload] += number
        self._zones[self.nodes[node].zone, workload] += number
        for axis, need in enumerate(self.problem.workloads[workload].pod):
            self.free[node][axis] -= need * number

    def accepts(self, node: int, workload: int, *, spread: bool = True) -> bool:
        """Return whether one more pod may run on a node; `spread` counts the pods of the zone."""
        item, place = self.problem.workloads[workload], self.nodes[node]
        size = self.problem.free[place.kind]
        for axis, need in enumerate(item.pod):
            if need > self.free[node][axis] + TOLERANCE * size[axis]:
                return False
        if place.pods[workload] >= self.problem.at_most(item):
            return False
        if spread and self._zones[place.zone, workload] >= self.problem.in_zone(item):
            return False
        return not any(place.pods[other] for other in self._apart[workload])

    def emptiness(self, node: int) -> float:
        """Return the free share of a node's scarcer resource."""
        size = self.problem.free[self.nodes[node].kind]
        return min(self.free[node][axis] / size[axis] for axis in (0, 1))


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
    """Return the cheapest placement on nodes of one type, by first fit decreasing; None if no type fits."""
    placements = []
    for kind in range(len(problem.types)):
        if all(problem.fits(item, kind) for item in problem.workloads):
            nodes = Nodes(problem)
            place(nodes, decreasing(problem, all_pods(problem)), [kind])
            if repair(nodes, [kind]):
                placements.append(Placement.of(problem, nodes.nodes))
    return min(placements, key=lambda item: item.cost, default=None)


def fill(problem: Problem, chosen: Mix) -> Placement | None:
    """Return a placement on a mix of nodes, with further nodes where it is not enough; None if none fits."""
    nodes = Nodes(problem)
    for (kind, zone), number in sorted(chosen.items(), key=lambda item: -problem.types[item[0][0]].price):
        for _ in range(number):
            nodes.open(kind, zone)
    kinds = range(len(problem.types))
    if not place(nodes, decreasing(problem, all_pods(problem)), kinds, best=True):
        return None
    return Placement.of(problem, nodes.nodes) if repair(nodes, kinds) else None


def place(nodes: Nodes, pods: Sequence[int], kinds: Sequence[int], *, best: bool = False) -> bool:
    """Place pods on the first node that accepts them, or the best; open nodes of the best type as needed."""
    for position, workload in enumerate(pods):
        found = _choose(nodes, workload, best=best)
        if found is None:
            found = _open(nodes, pods[position:], kinds)
            if found is None:
                return False
        nodes.add(found, workload)
    return True


def _choose(
    nodes: Nodes, workload: int, *, best: bool, without: frozenset[int] = frozenset(), spread: bool = True
) -> int | None:
    """Return the first node that accepts a pod, or that on which it leaves the least and most balanced rest."""
    chosen, lowest = None, math.inf
    cpu, memory, _ = nodes.problem.workloads[workload].pod
    for number in range(len(nodes.nodes)):
        free = nodes.free[number]
        if cpu > free[0] * (1 + TOLERANCE) or memory > free[1] * (1 + TOLERANCE) or number in without:
            continue
        if not nodes.accepts(number, workload, spread=spread):
            continue
        if not best:
            return number
        size = nodes.problem.free[nodes.nodes[number].kind]
        left_cpu, left_memory = (free[0] - cpu) / size[0], (free[1] - memory) / size[1]
        score = abs(left_cpu - left_memory) + (left_cpu + left_memory) / 2
        if score < lowest:
            chosen, lowest = number, score
    return chosen


def _open(nodes: Nodes, pods: Sequence[int], kinds: Sequence[int]) -> int | None:
    """Open the node whose price is lowest for what it can take of the pods; None if no type may be added."""
    problem = nodes.problem
    used = Counter(node.kind for node in nodes.nodes)
    first, lowest, chosen = pods[0], math.inf, None
    total = [sum(problem.workloads[number].pod[axis] for number in pods) for axis in range(3)]
    for kind in kinds:
        most = problem.types[kind].most
        if not problem.fits(problem.workloads[first], kind) or (most is not None and used[kind] >= most):
            continue
        # The share of the remaining pods that such a node takes, at most all of them.
        pairs = zip(problem.free[kind], total, strict=True)
        share = min(min(size / need if need else math.inf for size, need in pairs), 1.0)
        if problem.types[kind].price / share < lowest:
            lowest, chosen = problem.types[kind].price / share, kind
    if chosen is None:
        return None
    item = problem.workloads[first]
    zones = sorted(
        problem.types[chosen].zones, key=lambda zone: sum(node.zone == zone for node in nodes.nodes)
    )
    for zone in zones:
        number = nodes.open(chosen, zone)
        if nodes.accepts(number, first):
            return number
        nodes.nodes.pop()
        nodes.free.pop()
    del item
    return None


def absorbs(nodes: Nodes, lost: frozenset[int], kinds: Sequence[int] = ()) -> bool:
    """Return whether the other nodes take the pods of lost ones; with `kinds`, open nodes until they do."""
    problem = nodes.problem
    pods = decreasing(problem, (w for number in lost for w in nodes.nodes[number].pods.elements()))
    moved: list[tuple[int, int]] = []
    complete = True
    for position, workload in enumerate(pods):
        found = _choose(nodes, workload, best=True, without=lost, spread=False)
        if found is None and kinds:
            zone = nodes.nodes[next(iter(lost))].zone if problem.loss == "zone" else None
            found = _open_elsewhere(nodes, pods[position:], kinds, zone)
        if found is None:
            complete = False
            break
        nodes.add(found, workload)
        moved.append((found, workload))
    for found, workload in moved:
        nodes.add(found, workload, -1)
    return complete


def _open_elsewhere(nodes: Nodes, pods: Sequence[int], kinds: Sequence[int], zone: str | None) -> int | None:
    problem = nodes.problem
    used = Counter(node.kind for node in nodes.nodes)
    options = [
        (kind, place)
        for kind in kinds
        for place in problem.types[kind].zones
        if place != zone
        and problem.fits(problem.workloads[pods[0]], kind)
        and (problem.types[kind].most is None or used[kind] < (problem.types[kind].most or 0))
    ]
    if not options:
        return None
    total = [sum(problem.workloads[number].pod[axis] for number in pods) for axis in range(3)]

    def price(option: tuple[int, str]) -> float:
        pairs = zip(problem.free[option[0]], total, strict=True)
        share = min(min(size / need if need else math.inf for size, need in pairs), 1.0)
        return problem.types[option[0]].price / share

    return nodes.open(*min(options, key=price))


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
    for position in sorted(range(len(nodes)), key=lambda number: -problem.types[nodes[number].kind].price):
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
        and all(need <= size * (1 + TOLERANCE) for need, size in zip(total, problem.free[number], strict=True))
    ]
    return [
        Node(kind, node.zone, node.pods) for kind in sorted(kinds, key=lambda kind: problem.types[kind].price)
    ]
