"""The placement of pods on given nodes: a pod that fits nowhere takes the place of smaller ones."""

import random
import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from slipway.capacity.packing.model import TOLERANCE
from slipway.capacity.packing.nodes import Nodes

MOST_EMPTIED = 3
PATIENCE = 50
"""The attempts in a row without a gain after which the pods are taken to need more nodes."""


def settle(
    nodes: Nodes, pods: Iterable[int], deadline: float, chance: random.Random
) -> tuple[Nodes, list[int]]:
    """Return the nodes with as many of the pods as fit, and the pods that fit nowhere before the deadline.

    What cannot be placed becomes smaller with each exchange. Where it does not, random nodes are emptied, and
    the pods of all are placed again; that is taken back if more remains than before.
    """
    sizes = _sizes(nodes)
    stuck = _exchange(nodes, sorted(pods, key=lambda number: -sizes[number]), sizes, deadline)
    idle = 0
    while stuck and idle < PATIENCE and time.monotonic() < deadline:
        other = nodes.copy()
        emptied = [*stuck, *_empty(other, chance)]
        order = sorted(emptied, key=lambda number: -sizes[number] * chance.uniform(0.7, 1.0))
        left = _exchange(other, order, sizes, deadline)
        gain = sizes[stuck].sum() - sizes[left].sum()
        idle = 0 if gain > 0 else idle + 1
        if gain >= 0:
            nodes, stuck = other, left
    return nodes, stuck


def _sizes(nodes: Nodes) -> NDArray[np.float64]:
    """Return the size of a pod of each workload: scarce cores or bytes count the most."""
    capacity = np.sum([nodes.problem.free[kind][:2] for kind in nodes.kinds], axis=0)
    replicas = np.array([item.replicas for item in nodes.problem.workloads])
    need = replicas @ nodes.requests[:, :2]
    unused = np.maximum(np.maximum(capacity - need, 0.02 * capacity), TOLERANCE)
    sizes: NDArray[np.float64] = nodes.requests[:, :2] @ (1 / unused) + 1e-6
    return sizes


def _exchange(nodes: Nodes, pods: list[int], sizes: NDArray[np.float64], deadline: float) -> list[int]:
    """Place pods, and return those that fit nowhere even in the place of a smaller one."""
    stuck: list[int] = []
    waiting = pods[::-1]
    while waiting:
        workload = waiting.pop()
        if time.monotonic() > deadline:
            stuck.append(workload)
            continue
        node = nodes.choose(workload, "aligned")
        if node is None:
            found = nodes.smaller(workload, sizes)
            if found is None and nodes.balance():
                waiting.append(workload)
                continue
            if found is None:
                stuck.append(workload)
                continue
            node, other = found
            nodes.add(node, other, -1)
            waiting.append(other)
        nodes.add(node, workload)
    return stuck


def _empty(nodes: Nodes, chance: random.Random) -> list[int]:
    """Take the pods of a few random nodes away, and return them."""
    count = chance.randint(1, min(MOST_EMPTIED, len(nodes.kinds)))
    taken = []
    for number in chance.sample(range(len(nodes.kinds)), count):
        for workload in nodes.pods([number]):
            nodes.add(number, workload, -1)
            taken.append(workload)
    return taken
