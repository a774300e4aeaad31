"""Heuristics: first fit decreasing, the filling of a given mix of nodes, and the repair of losses."""

import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from slipway.capacity.packing.bound import Mix
from slipway.capacity.packing.model import Placement, Problem
from slipway.capacity.packing.nodes import Nodes, Order
from slipway.capacity.packing.settle import settle

LOST_NODE = "no zone is lost"
TYPES = 3
"""The number of types that first fit decreasing tries."""
FEW = 10
"""The number of nodes up to which the free capacity of all together may be cheaper than a spare node."""


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


def place(
    nodes: Nodes,
    pods: Sequence[int],
    kinds: Sequence[int],
    order: Order = "first",
    deadline: float = math.inf,
) -> bool:
    """Place pods on the first node in an order that accepts them; open nodes for the rest.

    Return whether all pods were placed before the deadline.
    """
    rest = []
    for workload in pods:
        if time.monotonic() > deadline:
            return False
        found = nodes.choose(workload, order)
        if found is None:
            rest.append(workload)
        else:
            nodes.add(found, workload)
    for position, workload in enumerate(rest):
        if time.monotonic() > deadline:
            return False
        found = nodes.choose(workload, order)
        if found is None:
            found = open_node(nodes, rest[position:], kinds)
            if found is None:
                return False
        nodes.add(found, workload)
    return True


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
    per_zone = Counter(nodes.zone(number) for number in range(len(nodes.kinds)))
    total = nodes.total(pods)

    def price(kind: int) -> float:
        pairs = zip(problem.free[kind], total, strict=True)
        share = min(min(size / need if need else math.inf for size, need in pairs), 1.0)
        return problem.types[kind].price / share

    for kind in sorted(kinds, key=price):
        if not problem.fits(problem.workloads[first], kind) or not nodes.may_open(kind):
            continue
        for zone in sorted(problem.types[kind].zones, key=lambda name: (per_zone[name], name)):
            number = nodes.open(kind, zone)
            if zone != without and nodes.accepting(first, spread=without is None)[number]:
                return number
            nodes.close()
    return None


def first_fit_decreasing(problem: Problem, deadline: float = math.inf) -> Placement | None:
    """Return the cheapest placement on nodes of one type, by first fit decreasing; None if no type fits.

    Of the types that fit, those count that are cheapest for the sum of all requests. After the deadline, the
    first that fits is returned.
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
        end = deadline if found else math.inf
        if place(nodes, pods, [kind], deadline=end) and (placed := secure(nodes, [kind], None, end)):
            found.append(placed.placement())
        if len(found) == TYPES or (found and time.monotonic() > deadline):
            break
    return min(found, key=lambda item: item.cost, default=None)


def fill(
    problem: Problem, mix: Mix, parts: NDArray[np.float64], deadline: float, chance: random.Random
) -> Placement | None:
    """Return a placement on a mix of nodes, and on further ones if needed; None if none is found.

    If a zone may be lost, each node with pods has a node of its type in another zone that takes all of them.
    """
    nodes, spares = _lay_out(problem, mix)
    if not nodes.kinds:
        return None
    nodes.aim(parts, mix.amounts)
    nodes, stuck = settle(nodes, all_pods(problem), deadline, chance)
    kinds = [number for number, kind in enumerate(problem.types) if problem.loss != "zone" or kind.zones[1:]]
    before = len(nodes.kinds)
    if not place(nodes, decreasing(problem, stuck), kinds):
        return None
    if problem.loss != "zone":
        nodes = nodes.without(nodes.empty())
        secured = secure(nodes, kinds, mix.spare, deadline)
        return secured.placement() if secured else None
    for number in range(before, len(nodes.kinds)):
        kind, used = nodes.kinds[number], nodes.zone(number)
        spares.append((kind, next(zone for zone in problem.types[kind].zones if zone != used)))
    for kind, zone in spares:
        if not nodes.may_open(kind):
            return None
        nodes.open(kind, zone)
    return nodes.placement()


def _lay_out(problem: Problem, mix: Mix) -> tuple[Nodes, list[tuple[int, str]]]:
    """Return the nodes that get pods, and the types and zones of those that wait for the loss of a zone."""
    nodes, spares, cores = Nodes(problem), [], dict.fromkeys(problem.zones, 0.0)
    left = Counter(mix.nodes)
    left.subtract([] if mix.spare is None else [mix.spare])
    for kind, number in sorted(left.items(), key=lambda item: -problem.types[item[0]].price):
        if problem.loss != "zone":
            for _ in range(number):
                nodes.open(kind, nodes.least_used_zone(kind))
            continue
        for _ in range(number // len(problem.zones)):
            spare = min(problem.zones, key=lambda zone: (cores[zone], zone))
            spares.append((kind, spare))
            cores[spare] += problem.types[kind].cpu
            for zone in problem.zones:
                if zone != spare:
                    nodes.open(kind, zone)
    return nodes, spares


def secure(nodes: Nodes, kinds: Sequence[int], spare: int | None, deadline: float) -> Nodes | None:
    """Return the cheaper way to let every loss be absorbed; None if there is none before the deadline.

    If a node may be lost, one way is to open the cheapest node that takes the pods of any other. Another is
    to open the given spare node, and then others until every loss is absorbed.
    """
    problem = nodes.problem
    found: list[Nodes] = []
    free = [kind for kind in kinds if nodes.may_open(kind)]
    if problem.loss == "node":
        largest = nodes.largest_load()
        taking = [
            kind
            for kind in free
            if all(need <= size for need, size in zip(largest, problem.free[kind], strict=True))
        ]
        if taking:
            kind = min(taking, key=lambda number: problem.types[number].price)
            opened = nodes.copy()
            opened.open(kind, opened.least_used_zone(kind))
            found.append(opened)
            if len(nodes.kinds) > FEW and (
                spare is None or problem.types[kind].price <= problem.types[spare].price
            ):
                return opened
    if spare is not None and spare in free:
        nodes.open(spare, nodes.least_used_zone(spare))
    if repair(nodes, kinds, deadline):
        found.append(nodes)
    return min(found, key=Nodes.cost, default=None)


def absorbs(nodes: Nodes, lost: frozenset[int], kinds: Sequence[int] = ()) -> bool:
    """Return whether the other nodes take the pods of lost ones; with `kinds`, open nodes until they do."""
    problem = nodes.problem
    pods = decreasing(problem, nodes.pods(lost))
    moved: list[tuple[int, int]] = []
    complete = True
    for position, workload in enumerate(pods):
        found = nodes.choose(workload, "tight", without=lost, spread=False)
        if found is None and kinds:
            zone = nodes.zone(next(iter(lost))) if problem.loss == "zone" else LOST_NODE
            found = open_node(nodes, pods[position:], kinds, zone)
        if found is None:
            complete = False
            break
        nodes.add(found, workload)
        moved.append((found, workload))
    for found, workload in moved:
        nodes.add(found, workload, -1)
    return complete


def repair(nodes: Nodes, kinds: Sequence[int], deadline: float = math.inf) -> bool:
    """Open nodes until every loss is absorbed; return whether that was possible before the deadline."""
    done = False
    while not done:
        before = len(nodes.kinds)
        for lost in nodes.losses():
            if time.monotonic() > deadline or not absorbs(nodes, lost, kinds):
                return False
        done = len(nodes.kinds) == before
    return True
