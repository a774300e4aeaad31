"""Nodes that are being filled, and the rules by which pods choose among them."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from slipway.capacity.packing.bound import Needs, Parts
from slipway.capacity.packing.model import TOLERANCE, Node, Problem

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

    def may_open(self, kind: int) -> bool:
        """Return whether there may be one more node of a type."""
        most = self.problem.types[kind].most
        return most is None or sum(node.kind == kind for node in self.nodes) < most

    def least_used_zone(self, kind: int) -> str:
        """Return the zone of a type that has the fewest nodes."""
        used = Counter(node.zone for node in self.nodes)
        return min(self.problem.types[kind].zones, key=lambda name: (used[name], name))

    def largest_load(self) -> list[float]:
        """Return the highest cores, bytes and pods that are used on any node."""
        count = len(self.nodes)
        return [float(value) for value in (self._sizes[:count] - self._free[:count]).max(axis=0)]

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


class Amounts:
    """The amounts of the parts of pods that nodes of each type still get, by the relaxation."""

    def __init__(self, parts: Sequence[Parts], needs: Needs) -> None:
        self._parts = parts
        self._left = defaultdict(float, needs.amounts)

    def kinds(self, workload: int) -> frozenset[int]:
        """Return the types that still get more than half of a pod."""
        parts = self._parts[workload]
        if not parts:
            return frozenset()
        part = max(parts, key=parts.__getitem__)
        return frozenset(kind for kind in part[0] if self._left[part, kind] > parts[part] / 2)

    def take(self, workload: int, kind: int) -> None:
        """Subtract a pod that was placed."""
        for part, amount in self._parts[workload].items():
            self._left[part, kind] -= amount


def place(
    nodes: Nodes,
    pods: Sequence[int],
    kinds: Sequence[int],
    order: Order = "first",
    amounts: Amounts | None = None,
    deadline: float = math.inf,
) -> bool:
    """Place pods on the first node in an order that accepts them; open nodes for the rest.

    Nodes of the types that still get such pods by `amounts` are tried first. Return whether all pods were
    placed before the deadline.
    """
    rest = []
    for workload in pods:
        if time.monotonic() > deadline:
            return False
        preferred = amounts.kinds(workload) if amounts else frozenset()
        found = choose(nodes, workload, order, preferred=preferred)
        if found is None:
            rest.append(workload)
            continue
        nodes.add(found, workload)
        if amounts:
            amounts.take(workload, nodes.nodes[found].kind)
    for position, workload in enumerate(rest):
        if time.monotonic() > deadline:
            return False
        found = choose(nodes, workload, order)
        if found is None:
            found = open_node(nodes, rest[position:], kinds)
            if found is None:
                return False
        nodes.add(found, workload)
    return True


def choose(
    nodes: Nodes,
    workload: int,
    order: Order,
    *,
    without: frozenset[int] = frozenset(),
    spread: bool = True,
    preferred: frozenset[int] = frozenset(),
) -> int | None:
    """Return the first node in an order that takes a pod, without some nodes; None if no node does.

    Nodes of preferred types are tried before all others.
    """
    candidates = nodes.with_capacity(workload, order)
    if preferred:
        candidates.sort(key=lambda number: nodes.nodes[number].kind not in preferred)
    allowed = (n for n in candidates if n not in without and nodes.accepts(n, workload, spread=spread))
    return next(allowed, None)


def open_node(
    nodes: Nodes, pods: Sequence[int], kinds: Sequence[int], without: str | None = None
) -> int | None:
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
    per_zone = Counter(node.zone for node in nodes.nodes)
    total = nodes.requests(pods)

    def price(kind: int) -> float:
        pairs = zip(problem.free[kind], total, strict=True)
        share = min(min(size / need if need else math.inf for size, need in pairs), 1.0)
        return problem.types[kind].price / share

    for kind in sorted(kinds, key=price):
        if not problem.fits(problem.workloads[first], kind) or not nodes.may_open(kind):
            continue
        for zone in sorted(problem.types[kind].zones, key=lambda name: (per_zone[name], name)):
            number = nodes.open(kind, zone)
            if zone != without and nodes.accepts(number, first, spread=without is None):
                return number
            nodes.close()
    return None
