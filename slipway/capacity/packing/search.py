"""The search for the cheapest nodes, and the proof of how far from optimal they may be."""

import itertools
import time
from dataclasses import dataclass

from slipway.capacity.packing import exact, greedy
from slipway.capacity.packing.bound import mix
from slipway.capacity.packing.model import Placement, Problem
from slipway.capacity.solver import NoSolution
from slipway.errors import SlipwayError

RESERVES = (0.0, 0.01, 0.03)
"""The shares of capacity that are tried as room for the rests that whole pods leave on nodes."""


@dataclass(frozen=True)
class Packing:
    """The best placement that was found."""

    placement: Placement
    bound: float
    """No placement costs less."""
    first_fit: Placement | None
    """What first fit decreasing on nodes of one type needs; None if no type takes all pods."""

    @property
    def gap(self) -> float:
        """The share of the cost by which it may be above the optimum."""
        return max(1 - self.bound / self.placement.cost, 0.0)


def pack(problem: Problem, *, time_limit_s: float = 10.0, gap: float = 0.0) -> Packing:
    """Return the cheapest placement that is found in time, and the proven bound.

    Args:
        problem: what to place.
        time_limit_s: seconds after which the best placement found is returned.
        gap: the share of the cost that the result may be above the bound; 0 for the optimum.

    Raises:
        SlipwayError: no placement was found.
    """
    deadline = time.monotonic() + time_limit_s
    first_fit = greedy.first_fit_decreasing(problem)
    try:
        bound = mix(problem, time_limit_s=time_limit_s / 4).bound
    except NoSolution as error:
        raise SlipwayError(
            f"the node types do not have the capacity for all pods: {error}; raise `most`, or add a type"
        ) from None
    best, close = first_fit, False
    sizes = sorted({kind.cpu for kind in problem.types})
    for reserve, smallest in itertools.product(RESERVES, sizes):
        best = _better(best, _filled(problem, reserve, smallest, time_limit_s, deadline))
        close = best is not None and best.cost <= bound / (1 - gap) + 1e-9
        if close or time.monotonic() > deadline or (best and exact.is_small(problem, best.cost)):
            break
    if best is None:
        raise SlipwayError("no placement was found: raise `most`, or add a larger node type")
    if not close and exact.is_small(problem, best.cost):
        places = exact.slots(problem, best.cost)
        left = max(deadline - time.monotonic(), 0.1)
        best, bound = exact.solve(problem, places, best, bound, left)
    return Packing(best, min(bound, best.cost), first_fit)


def _filled(
    problem: Problem, reserve: float, smallest: float, time_limit_s: float, deadline: float
) -> Placement | None:
    try:
        needs = mix(problem, reserve=reserve, smallest=smallest, time_limit_s=time_limit_s / 10)
    except NoSolution:
        return None
    filled = greedy.fill(problem, needs)
    end = min(deadline, time.monotonic() + time_limit_s / 10)
    return greedy.trim(problem, filled, end) if filled else None


def _better(first: Placement | None, second: Placement | None) -> Placement | None:
    found = [item for item in (first, second) if item]
    return min(found, key=lambda item: item.cost, default=None)
