"""A lower bound of the cost, and the mix of nodes that it needs: the requests of all pods together."""

import math
from collections.abc import Mapping

from slipway.capacity.packing.model import Problem
from slipway.capacity.solver import LinearProgram

Mix = Mapping[tuple[int, str], int]
"""The number of nodes by type and zone."""


def mix(problem: Problem, *, reserve: float = 0.0, time_limit_s: float) -> tuple[Mix, float]:
    """Return the cheapest nodes whose sum has the capacity, and the proven lower bound of their cost.

    Every placement satisfies these constraints, so the bound holds for every placement if `reserve` is 0.

    Args:
        problem: what to place.
        reserve: the share of capacity to add, because whole pods never fill nodes completely.
        time_limit_s: seconds after which the best mix found is returned.
    """
    program = LinearProgram()
    places = [(number, zone) for number, kind in enumerate(problem.types) for zone in kind.zones]
    highest = sum(workload.replicas for workload in problem.workloads) * 2 + 1
    count = {
        place: program.variable(cost=problem.types[place[0]].price, upper=highest, integer=True)
        for place in places
    }
    for number, kind in enumerate(problem.types):
        if kind.most is not None:
            program.constraint({count[number, zone]: 1.0 for zone in kind.zones}, upper=kind.most)
    used = {}
    if problem.loss == "node":
        for place in places:
            used[place] = program.variable(upper=1.0, integer=True)
            program.constraint({count[place]: 1.0, used[place]: -highest}, upper=0.0)
    for kinds in {_kinds(problem, number) for number in range(len(problem.workloads))}:
        _cover(program, problem, kinds, count, used, reserve)
    solution = program.solve(time_limit_s=time_limit_s)
    nodes = {place: round(solution.values[count[place]]) for place in places}
    return {place: number for place, number in nodes.items() if number}, solution.bound


def _kinds(problem: Problem, workload: int) -> frozenset[int]:
    """Return the types that a pod of a workload fits on."""
    item = problem.workloads[workload]
    return frozenset(number for number in range(len(problem.types)) if problem.fits(item, number))


def _cover(
    program: LinearProgram,
    problem: Problem,
    kinds: frozenset[int],
    count: Mapping[tuple[int, str], int],
    used: Mapping[tuple[int, str], int],
    reserve: float,
) -> None:
    """Let the nodes of some types hold the workloads that fit on no other types, also after a loss."""
    own = [item for number, item in enumerate(problem.workloads) if _kinds(problem, number) <= kinds]
    least = max(math.ceil(item.replicas / problem.at_most(item)) for item in own)
    places = [place for place in count if place[0] in kinds]
    needs = [sum(item.pod[axis] * item.replicas for item in own) for axis in range(3)]
    lost: list[frozenset[tuple[int, str]]] = [frozenset()]
    if problem.loss == "zone":
        lost += [frozenset(place for place in places if place[1] == zone) for zone in problem.zones]
    for axis, need in enumerate(needs):
        scale = need or 1.0
        size = {place: problem.free[place[0]][axis] / scale for place in places}
        for gone in lost:
            left = {count[place]: size[place] for place in places if place not in gone}
            program.constraint(left, lower=need / scale * (1 + reserve))
        for place in places if problem.loss == "node" else ():
            left = {count[other]: size[other] for other in places}
            program.constraint({**left, used[place]: -size[place]}, lower=need / scale * (1 + reserve))
    for gone in lost:
        alone = 1 if problem.loss == "node" else 0
        program.constraint({count[place]: 1.0 for place in places if place not in gone}, lower=least + alone)
