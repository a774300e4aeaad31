"""A lower bound of the cost, and the mix of nodes that it needs: the requests of all pods together."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from slipway.capacity.packing.model import Problem
from slipway.capacity.solver import LinearProgram, NoSolution

GAP = 5e-4
"""The share of the cost by which a mix may be above the cheapest; the bound stays a bound."""
Mix = Mapping[tuple[int, str], int]
"""The number of nodes by type and zone."""


@dataclass(frozen=True)
class Needs:
    """The cheapest nodes whose sum has the capacity, and the proven lower bound of their cost."""

    nodes: Mix
    spare: int | None
    """The type of the node that may be lost, and is one of `nodes`."""
    bound: float


def mix(problem: Problem, *, reserve: float = 0.0, smallest: float = 0.0, time_limit_s: float) -> Needs:
    """Return the cheapest nodes whose sum has the capacity.

    Every placement satisfies these constraints, so the bound holds for every placement without a reserve. If
    a node may be lost, there is a case for each type that may be the used one with the most cores: one node
    of it is spare. The cases are solved in the order of their relaxations, until no other can be cheaper.

    Args:
        problem: what to place.
        reserve: the share of capacity to add, because whole pods never fill nodes completely.
        smallest: the cores below which types are left out, because whole pods leave less on large nodes.
        time_limit_s: seconds after which the best mix found is returned.

    Raises:
        NoSolution: the types do not have the capacity.
    """
    deadline = time.monotonic() + time_limit_s
    kinds = [number for number, kind in enumerate(problem.types) if kind.cpu >= smallest]
    cases = list(kinds) if problem.loss == "node" else [None]
    relaxed = {}
    for spare in cases:
        with suppress(NoSolution):
            relaxed[spare] = _solve(problem, kinds, spare, reserve, math.inf, whole=False)
    if not relaxed:
        raise NoSolution("all nodes together do not have the capacity")
    best: Needs | None = None
    bound = math.inf
    for spare in sorted(relaxed, key=lambda case: relaxed[case].bound):
        least = relaxed[spare].bound
        left = deadline - time.monotonic()
        if best and (least >= best.bound or left <= 0):
            bound = min(bound, least)
            break
        try:
            found = _solve(problem, kinds, spare, reserve, max(left, 0.05), whole=True)
        except NoSolution as error:
            bound = min(bound, max(least, error.bound) if math.isfinite(error.bound) else least)
            continue
        bound = min(bound, max(found.bound, least))
        if best is None or found.bound < best.bound:
            best = found
    chosen = best or min(relaxed.values(), key=lambda item: item.bound)
    return Needs(chosen.nodes, chosen.spare, bound)


def _solve(
    problem: Problem,
    allowed: Sequence[int],
    spare: int | None,
    reserve: float,
    time_limit_s: float,
    *,
    whole: bool,
) -> Needs:
    """Return the cheapest nodes for one case; with parts of nodes, rounded up, unless they must be whole."""
    program = LinearProgram()
    places = [place for place in _places(problem) if place[0] in allowed]
    if spare is not None:
        places = [place for place in places if problem.types[place[0]].cpu <= problem.types[spare].cpu]
    count = {
        place: program.variable(
            cost=problem.types[place[0]].price, lower=float(place[0] == spare), integer=whole
        )
        for place in places
    }
    for number, kind in enumerate(problem.types):
        if kind.most is not None and (own := {count[place]: 1.0 for place in places if place[0] == number}):
            program.constraint(own, upper=kind.most)
    sets = [_kinds(problem, number) for number in range(len(problem.workloads))]
    for kinds in set(sets):
        _cover(program, problem, kinds, sets, count, spare, reserve)
    solution = program.solve(time_limit_s=time_limit_s, gap=GAP)
    nodes = {place: math.ceil(solution.values[count[place]] - 1e-6) for place in places}
    return Needs({place: number for place, number in nodes.items() if number}, spare, solution.bound)


def _places(problem: Problem) -> list[tuple[int, str]]:
    """Return types and zones; one zone stands for all, unless a zone may be lost."""
    if problem.loss == "zone":
        return [(number, zone) for number, kind in enumerate(problem.types) for zone in kind.zones]
    return [(number, "") for number in range(len(problem.types))]


def _kinds(problem: Problem, workload: int) -> frozenset[int]:
    """Return the types that a pod of a workload fits on."""
    item = problem.workloads[workload]
    return frozenset(number for number in range(len(problem.types)) if problem.fits(item, number))


def _cover(
    program: LinearProgram,
    problem: Problem,
    kinds: frozenset[int],
    sets: Sequence[frozenset[int]],
    count: Mapping[tuple[int, str], int],
    spare: int | None,
    reserve: float,
) -> None:
    """Let the nodes of some types hold the workloads that fit on no other types, also after a loss."""
    own = [item for item, fitting in zip(problem.workloads, sets, strict=True) if fitting <= kinds]
    least = max(math.ceil(item.replicas / problem.at_most(item)) for item in own)
    places = [place for place in count if place[0] in kinds]
    lost: list[frozenset[tuple[int, str]]] = [frozenset()]
    if problem.loss == "zone":
        lost += [frozenset(place for place in places if place[1] == zone) for zone in problem.zones]
    for gone in lost:
        left = [place for place in places if place not in gone]
        for axis in range(3):
            need = sum(item.pod[axis] * item.replicas for item in own)
            unused = problem.free[spare][axis] if spare is not None and spare in kinds else 0.0
            row = {count[place]: problem.free[place[0]][axis] / (need or 1.0) for place in left}
            if need:
                program.constraint(row, lower=1 + reserve + unused / need)
        alone = 1 if problem.loss == "node" else 0
        program.constraint({count[place]: 1.0 for place in left}, lower=least + alone)
