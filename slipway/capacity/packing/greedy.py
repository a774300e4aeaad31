"""Heuristics: first fit decreasing, the filling of a given mix of nodes, and the repair of losses."""

import math
import time
from collections.abc import Sequence

from slipway.capacity.packing.bound import Needs, Parts
from slipway.capacity.packing.model import Placement, Problem, losses
from slipway.capacity.packing.nodes import Amounts, Nodes, all_pods, choose, decreasing, open_node, place

LOST_NODE = "no zone is lost"
TYPES = 3
"""The number of types that first fit decreasing tries."""


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
            found.append(placed)
        if len(found) == TYPES or (found and time.monotonic() > deadline):
            break
    return min(found, key=lambda item: item.cost, default=None)


def fill(
    problem: Problem, needs: Needs, parts: Sequence[Parts] | None = None, deadline: float = math.inf
) -> Placement | None:
    """Return a placement on given nodes, with further nodes where they are not enough; None if none fits.

    Args:
        problem: what to place.
        needs: the nodes.
        parts: the parts of a pod of each workload, so that pods go to types by the amounts of `needs`.
        deadline: the time after which None is returned.
    """
    nodes = Nodes(problem)
    for (kind, zone), number in sorted(
        needs.nodes.items(), key=lambda item: -problem.types[item[0][0]].price
    ):
        for _ in range(number - (kind == needs.spare)):  # the spare node is added last, and stays empty
            if nodes.may_open(kind):
                nodes.open(kind, zone or nodes.least_used_zone(kind))
    kinds = range(len(problem.types))
    pods = decreasing(problem, all_pods(problem))
    if not place(nodes, pods, kinds, "aligned", Amounts(parts, needs) if parts else None, deadline):
        return None
    return secure(nodes, kinds, needs.spare, deadline)


def secure(nodes: Nodes, kinds: Sequence[int], spare: int | None, deadline: float) -> Placement | None:
    """Return the cheaper way to let every loss be absorbed; None if there is none before the deadline.

    One way is to open the given spare node, and then others until every loss is absorbed. If a node may be
    lost, another is to open the cheapest node that takes the pods of any other.
    """
    problem = nodes.problem
    found: list[Placement] = []
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
            nodes.open(kind, nodes.least_used_zone(kind))
            found.append(Placement.of(problem, nodes.nodes))
            nodes.close()
    if spare is not None and spare in free:
        nodes.open(spare, nodes.least_used_zone(spare))
    if repair(nodes, kinds, deadline):
        found.append(Placement.of(problem, nodes.nodes))
    return min(found, key=lambda item: item.cost, default=None)


def absorbs(nodes: Nodes, lost: frozenset[int], kinds: Sequence[int] = ()) -> bool:
    """Return whether the other nodes take the pods of lost ones; with `kinds`, open nodes until they do."""
    problem = nodes.problem
    pods = decreasing(problem, (w for number in lost for w in nodes.nodes[number].pods.elements()))
    moved: list[tuple[int, int]] = []
    complete = True
    for position, workload in enumerate(pods):
        found = choose(nodes, workload, "tight", without=lost, spread=False)
        if found is None and kinds:
            zone = nodes.nodes[next(iter(lost))].zone if problem.loss == "zone" else LOST_NODE
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
        before = len(nodes.nodes)
        for lost in list(losses(nodes.problem, nodes.nodes)):
            if time.monotonic() > deadline or not absorbs(nodes, lost, kinds):
                return False
        done = len(nodes.nodes) == before
    return True
