"""The exact placement of a small problem, by mixed-integer linear programming.

docs/decisions/capacity.md has the formulation: variables, constraints and units.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from slipway.capacity.packing.model import Node, Placement, Problem
from slipway.capacity.solver import LinearProgram, NoSolution

MOST_VARIABLES = 6000
"""The size above which an exact search takes too long to be of use."""


@dataclass(frozen=True)
class Slot:
    """A node that may be rented."""

    kind: int
    zone: str


def slots(problem: Problem, cost: float) -> list[Slot]:
    """Return every node that a placement cheaper than `cost` may have."""
    found = []
    for number, kind in enumerate(problem.types):
        count = int(cost / kind.price + 1e-9)
        count = min(count, kind.most) if kind.most is not None else count
        # A node without pods in any scenario is never needed, so one node a pod is enough.
        pods = sum(item.replicas for item in problem.workloads)
        count = min(count, 2 * pods)
        found += [Slot(number, zone) for zone in kind.zones for _ in range(count)]
    return found


def is_small(problem: Problem, cost: float) -> bool:
    """Return whether a search for a placement cheaper than `cost` has at most MOST_VARIABLES."""
    places = slots(problem, cost)
    scenarios = 1 + {"none": 0, "node": len(places), "zone": len(problem.zones)}[problem.loss]
    return len(problem.workloads) * len(places) * scenarios <= MOST_VARIABLES


def solve(
    problem: Problem, places: Sequence[Slot], known: Placement, bound: float, time_limit_s: float
) -> tuple[Placement, float]:
    """Return the cheapest placement that was found, and the proven lower bound of the cost."""
    program = LinearProgram()
    numbers = range(len(places))
    opened = [
        program.variable(cost=problem.types[slot.kind].price, upper=1.0, integer=True) for slot in places
    ]
    _limit_nodes(program, problem, places, opened, bound, known.cost)
    placed = {
        (workload, number): program.variable(upper=problem.at_most(item), integer=True)
        for workload, item in enumerate(problem.workloads)
        for number in numbers
        if problem.fits(item, places[number].kind)
    }
    for workload, item in enumerate(problem.workloads):
        own = {placed[key]: 1.0 for key in placed if key[0] == workload}
        program.constraint(own, lower=item.replicas, upper=item.replicas)
        for zone in problem.zones if item.spread else ():
            there = {placed[key]: 1.0 for key in placed if key[0] == workload and places[key[1]].zone == zone}
            program.constraint(there, upper=problem.in_zone(item))
    for lost in _scenarios(problem, places):
        _scenario(program, problem, places, opened, placed, lost)
    try:
        solution = program.solve(time_limit_s=time_limit_s)
    except NoSolution as error:
        return known, max(bound, error.bound) if error.bound < float("inf") else known.cost
    nodes = []
    for number, slot in enumerate(places):
        if solution.values[opened[number]] > 0.5:
            pods = Counter(
                {
                    key[0]: round(solution.values[variable])
                    for key, variable in placed.items()
                    if key[1] == number and solution.values[variable] > 0.5
                }
            )
            nodes.append(Node(slot.kind, slot.zone, pods))
    found = Placement.of(problem, nodes)
    return min(found, known, key=lambda item: item.cost), max(bound, solution.bound)


def _limit_nodes(
    program: LinearProgram,
    problem: Problem,
    places: Sequence[Slot],
    opened: Sequence[int],
    bound: float,
    most: float,
) -> None:
    """Open equal slots in their order, at most as many of a type as there are, for a cost in the bounds."""
    for first, second in pairwise(range(len(places))):
        if places[first] == places[second]:
            program.constraint({opened[first]: 1.0, opened[second]: -1.0}, lower=0.0)
    prices = {opened[number]: problem.types[slot.kind].price for number, slot in enumerate(places)}
    program.constraint(prices, lower=bound - 1e-9, upper=most + 1e-9)
    for number, kind in enumerate(problem.types):
        own = {opened[place]: 1.0 for place, slot in enumerate(places) if slot.kind == number}
        if kind.most is not None and own:
            program.constraint(own, upper=kind.most)


def _scenarios(problem: Problem, places: Sequence[Slot]) -> list[frozenset[int]]:
    lost: list[frozenset[int]] = [frozenset()]
    if problem.loss == "node":
        lost += [frozenset({number}) for number in range(len(places))]
    if problem.loss == "zone":
        lost += [
            frozenset(number for number, slot in enumerate(places) if slot.zone == zone)
            for zone in problem.zones
        ]
    return lost


def _scenario(
    program: LinearProgram,
    problem: Problem,
    places: Sequence[Slot],
    opened: Sequence[int],
    placed: Mapping[tuple[int, int], int],
    lost: frozenset[int],
) -> None:
    """Let the nodes that are left hold their own pods, and those of the lost nodes."""
    moved = {
        key: program.variable(upper=problem.at_most(problem.workloads[key[0]]), integer=True)
        for key in placed
        if lost and key[1] not in lost
    }
    for workload in range(len(problem.workloads)) if lost else ():
        arrivals = {moved[key]: 1.0 for key in moved if key[0] == workload}
        departures = {placed[key]: -1.0 for key in placed if key[0] == workload and key[1] in lost}
        if departures:
            program.constraint({**arrivals, **departures}, lower=0.0, upper=0.0)
    for number, slot in enumerate(places):
        if number in lost:
            continue
        on_node = {w: [placed[w, n], *([moved[w, n]] if lost else [])] for w, n in placed if n == number}
        for axis, capacity in enumerate(problem.free[slot.kind]):
            row = {
                variable: problem.workloads[workload].pod[axis] / capacity
                for workload, variables in on_node.items()
                for variable in variables
            }
            if any(row.values()):
                program.constraint({**row, opened[number]: -1.0}, upper=0.0)
        for workload, variables in on_node.items():
            most = problem.at_most(problem.workloads[workload])
            row = {**dict.fromkeys(variables, 1.0), opened[number]: -float(most)}
            program.constraint(row, upper=0.0)
        _keep_apart(program, problem, on_node)


def _keep_apart(program: LinearProgram, problem: Problem, on_node: Mapping[int, Sequence[int]]) -> None:
    pairs = [
        (first, second)
        for first in on_node
        for second in problem.apart[first]
        if first < second and second in on_node
    ]
    present = {
        workload: program.variable(upper=1.0, integer=True)
        for workload in {workload for pair in pairs for workload in pair}
    }
    for workload, flag in present.items():
        most = problem.at_most(problem.workloads[workload])
        program.constraint({**dict.fromkeys(on_node[workload], 1.0), flag: -float(most)}, upper=0.0)
    for first, second in pairs:
        program.constraint({present[first]: 1.0, present[second]: 1.0}, upper=1.0)
