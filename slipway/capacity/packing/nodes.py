"""Nodes that are being filled, and the rules by which pods choose among them."""

import copy
import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from slipway.capacity.packing.model import TOLERANCE, Node, Placement, Problem

Order = Literal["first", "tight", "aligned"]
"""The order in which nodes are tried for a pod.

As they were opened; the fullest first; or those first whose free cores and bytes have the pod's ratio.
"""

NEAR, TRIED = 3, 20
"""The nodes at each end, and the pairs of pods of two nodes, that are tried for a swap."""


class Nodes:
    """Nodes that are being filled: what is free on them, and the number of pods of each workload."""

    def __init__(self, problem: Problem, nodes: Iterable[Node] = ()) -> None:
        self.problem = problem
        self.kinds: list[int] = []
        """The type of each node."""
        self.requests = np.array([item.pod for item in problem.workloads])
        """The cores, the bytes and 1 for each workload."""
        replicas = np.array([item.replicas for item in problem.workloads])
        self._demand = np.maximum(replicas @ self.requests[:, :2], TOLERANCE)
        self._most = np.array([problem.at_most(item) for item in problem.workloads])
        self._share = np.array([problem.in_zone(item) for item in problem.workloads])
        self._zone = np.zeros(64, dtype=int)
        self._free = np.zeros((64, 3))
        self._sizes = np.ones((64, 3))
        self._counts = np.zeros((len(problem.workloads), 64), dtype=int)
        self._in_zone = np.zeros((len(problem.workloads), len(problem.zones)), dtype=int)
        self._parts = self._left = np.zeros((len(problem.workloads), 0))
        for node in nodes:
            number = self.open(node.kind, node.zone)
            for workload, count in node.pods.items():
                self.add(number, workload, count)

    def aim(self, parts: NDArray[np.float64], amounts: NDArray[np.float64]) -> None:
        """Prefer the nodes of the types that still get such pods, by the amounts of the relaxation."""
        self._parts, self._left = parts, amounts.copy()

    def copy(self) -> Self:
        """Return a copy that can be changed on its own."""
        return self.without(())

    def without(self, numbers: Collection[int]) -> Self:
        """Return a copy without some nodes."""
        kept = [number for number in range(len(self.kinds)) if number not in numbers]
        order = np.array([*kept, *numbers, *range(len(self.kinds), len(self._free))], dtype=int)
        other = copy.copy(self)
        other.kinds = [self.kinds[number] for number in kept]
        other._zone, other._free, other._sizes = self._zone[order], self._free[order], self._sizes[order]
        other._counts, other._in_zone = self._counts[:, order], self._in_zone.copy()
        other._left = self._left.copy()
        for number in numbers:
            other._in_zone[:, self._zone[number]] -= self._counts[:, number]
        return other

    def open(self, kind: int, zone: str) -> int:
        """Add an empty node and return its number."""
        number = len(self.kinds)
        if number == len(self._free):
            self._zone, self._free = _longer(self._zone), _longer(self._free)
            self._sizes = _longer(self._sizes)
            self._counts = np.ascontiguousarray(_longer(self._counts.T).T)
        self.kinds.append(kind)
        self._zone[number] = self.problem.zones.index(zone)
        self._free[number] = self._sizes[number] = self.problem.free[kind]
        self._counts[:, number] = 0
        return number

    def close(self) -> None:
        """Remove the last node, which is empty."""
        self.kinds.pop()

    def add(self, node: int, workload: int, number: int = 1) -> None:
        """Place pods on a node, or take them away."""
        self._counts[workload, node] += number
        self._in_zone[workload, self._zone[node]] += number
        self._free[node] -= self.requests[workload] * number
        if self._parts.size:
            self._left[:, self.kinds[node]] -= self._parts[workload] * number

    def zone(self, node: int) -> str:
        """Return the zone of a node."""
        return self.problem.zones[int(self._zone[node])]

    def pods(self, nodes: Iterable[int]) -> list[int]:
        """Return the pods of some nodes, by the numbers of their workloads."""
        counts = self._counts[:, list(nodes)].sum(axis=1)
        return [int(number) for number in np.repeat(np.arange(len(counts)), counts)]

    def empty(self) -> list[int]:
        """Return the nodes without pods."""
        return [int(number) for number in np.flatnonzero(~self._counts[:, : len(self.kinds)].any(axis=0))]

    def placement(self) -> Placement:
        """Return the placement of the pods."""
        nodes = [Node(kind, self.zone(number)) for number, kind in enumerate(self.kinds)]
        for workload, number in np.argwhere(self._counts[:, : len(nodes)]):
            nodes[number].pods[int(workload)] = int(self._counts[workload, number])
        return Placement.of(self.problem, nodes)

    def cost(self) -> float:
        """Return the price of the nodes."""
        return sum(self.problem.types[kind].price for kind in self.kinds)

    def losses(self) -> list[frozenset[int]]:
        """Return the sets of nodes that may be lost at once."""
        numbers = range(len(self.kinds))
        if self.problem.loss == "node":
            return [frozenset({number}) for number in numbers]
        zones = sorted(set(self._zone[: len(self.kinds)])) if self.problem.loss == "zone" else []
        return [frozenset(number for number in numbers if self._zone[number] == zone) for zone in zones]

    def may_open(self, kind: int) -> bool:
        """Return whether there may be one more node of a type."""
        most = self.problem.types[kind].most
        return most is None or self.kinds.count(kind) < most

    def least_used_zone(self, kind: int) -> str:
        """Return the zone of a type that has the fewest cores."""
        used = np.bincount(
            self._zone[: len(self.kinds)],
            self._sizes[: len(self.kinds), 0],
            minlength=len(self.problem.zones),
        )
        zones = self.problem.zones
        return min(self.problem.types[kind].zones, key=lambda name: (used[zones.index(name)], name))

    def largest_load(self) -> list[float]:
        """Return the highest cores, bytes and pods that are used on any node."""
        count = len(self.kinds)
        return [float(value) for value in (self._sizes[:count] - self._free[:count]).max(axis=0)]

    def total(self, pods: Sequence[int]) -> list[float]:
        """Return the sum of the requests of pods."""
        return [float(value) for value in self.requests[np.array(pods)].sum(axis=0)]

    def accepting(self, workload: int, *, spread: bool = True) -> NDArray[np.bool_]:
        """Return whether the rules allow one more pod on each node; `spread` counts the pods of the zone."""
        count = len(self.kinds)
        allowed: NDArray[np.bool_] = self._counts[workload, :count] < self._most[workload]
        if spread:
            allowed &= (self._in_zone[workload] < self._share[workload])[self._zone[:count]]
        if apart := self.problem.apart[workload]:
            allowed &= ~self._counts[list(apart), :count].any(axis=0)
        return allowed

    def choose(
        self, workload: int, order: Order, *, without: frozenset[int] = frozenset(), spread: bool = True
    ) -> int | None:
        """Return the first node in an order that takes a pod, without some nodes; None if no node does."""
        count = len(self.kinds)
        free, sizes, need = self._free[:count], self._sizes[:count], self.requests[workload]
        fits = (free - need >= -TOLERANCE * sizes).all(axis=1) & self.accepting(workload, spread=spread)
        if without:
            fits[list(without)] = False
        found = np.flatnonzero(fits)
        if not len(found):
            return None
        if order == "first":
            return int(found[0])
        if order == "aligned":
            if self._parts.size:
                part = self._parts[workload].argmax()
                wanting = self._left[part] > self._parts[workload, part] / 2
                preferred = found[wanting[np.array(self.kinds)[found]]]
                found = preferred if len(preferred) else found
            shares = free[found, :2] / self._demand
            cosines = shares @ (need[:2] / self._demand) / (np.linalg.norm(shares, axis=1) + TOLERANCE**2)
            return int(found[np.argmax(cosines)])
        return int(found[np.argmin(((free[found, :2] - need[:2]) / sizes[found, :2]).sum(axis=1))])

    def smaller(self, workload: int, sizes: NDArray[np.float64]) -> tuple[int, int] | None:
        """Return a node and the smallest of its workloads whose pod can give way to a larger one.

        Args:
            workload: the workload of the larger pod.
            sizes: the size of a pod of each workload.
        """
        count = len(self.kinds)
        others = np.flatnonzero(sizes < sizes[workload])
        short = self.requests[workload] - self._free[:count] - TOLERANCE * self._sizes[:count]
        nodes = np.flatnonzero(self.accepting(workload) & (short[:, 2] <= 1))
        requests = self.requests[others]
        enough = requests[:, None, 0] >= short[None, nodes, 0]
        enough &= requests[:, None, 1] >= short[None, nodes, 1]
        enough &= self._counts[np.ix_(others, nodes)] > 0
        found = np.argwhere(enough)
        if not len(found):
            return None
        best = found[np.argmin(sizes[others[found[:, 0]]])]
        return int(nodes[best[1]]), int(others[best[0]])

    def balance(self) -> bool:
        """Swap two pods so that cores and bytes are free on the same nodes; return False if none help."""
        count = len(self.kinds)
        shares = self._free[:count, :2] / self._demand
        excess = shares[:, 0] - shares[:, 1]
        order = np.argsort(excess)
        for few, many in itertools.product(order[:NEAR], order[: -NEAR - 1 : -1]):
            if excess[few] < 0 < excess[many] and self._swap(int(few), int(many), excess):
                return True
        return False

    def _swap(self, few: int, many: int, excess: NDArray[np.float64]) -> bool:
        """Swap two pods of a node with few free cores, for its bytes, and a node with many."""
        first, second = np.flatnonzero(self._counts[:, few]), np.flatnonzero(self._counts[:, many])
        gain = self.requests[first][:, None] - self.requests[second][None]
        fits = (self._free[few] + gain >= -TOLERANCE * self._sizes[few]).all(axis=2)
        fits &= (self._free[many] - gain >= -TOLERANCE * self._sizes[many]).all(axis=2)
        change = gain[:, :, 0] / self._demand[0] - gain[:, :, 1] / self._demand[1]
        left = np.abs(excess[few] + change) + np.abs(excess[many] - change)
        left[~fits] = np.inf
        for best in np.argsort(left, axis=None)[:TRIED]:
            one, two = np.unravel_index(best, left.shape)
            if left[one, two] > (excess[many] - excess[few]) * (1 - TOLERANCE):
                return False
            out, back = int(first[one]), int(second[two])
            self.add(few, out, -1)
            self.add(many, back, -1)
            if self.accepting(out)[many] and self.accepting(back)[few]:
                self.add(many, out)
                self.add(few, back)
                return True
            self.add(few, out)
            self.add(many, back)
        return False


def _longer(array: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([array, np.zeros_like(array)])
