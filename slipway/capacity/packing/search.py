"""The search for the cheapest nodes, and the proof of how far from optimal they may be."""

import itertools
import time
from dataclasses import dataclass

from slipway.capacity.packing import exact, greedy
from slipway.capacity.packing.bound import Relaxation, Request
from slipway.capacity.packing.improve import improve
from slipway.capacity.packing.model import Placement, Problem
from slipway.capacity.solver import NoSolution
from slipway.errors import SlipwayError

RESERVES = (0.0, 0.005, 0.01, 0.02)
"""The shares of capacity that are tried as an addition, for the rests that whole pods leave on nodes."""
SMALL_MIXES, SMALL_ATTEMPTS = 3, 50
"""The mixes, and the attempts to improve, before a small problem is searched exactly."""
ROUGH = 2e-3
"""The share of the cost by which the mix of an attempt may be above the cheapest."""


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
    first_fit = greedy.first_fit_decreasing(problem, deadline)
    relaxation = Relaxation(problem)
    try:
        bound = relaxation.mix(Request(), time_limit_s=time_limit_s / 4).bound
    except NoSolution as error:
        raise SlipwayError(
            f"the node types do not have the capacity for all pods: {error}; raise `most`, or add a type"
        ) from None
    best, enough = first_fit, bound / (1 - gap) + 1e-9
    # A small problem is searched exactly after a few attempts.
    small = best is not None and exact.is_small(problem, best.cost)
    mixes_end = deadline - time_limit_s / 2
    for smallest, reserve in _attempts(problem)[: SMALL_MIXES if small else None]:
        end = mixes_end if best else deadline
        if (best and best.cost <= enough) or time.monotonic() > end:
            break
        best = _better(best, _filled(relaxation, reserve, smallest, time_limit_s / 20, end))
    if best is None:
        raise SlipwayError("no placement was found: raise `most`, or add a larger node type")
    best = improve(problem, best, enough, deadline, SMALL_ATTEMPTS if small else None)
    if best.cost > enough and exact.is_small(problem, best.cost):
        places = exact.slots(problem, best.cost)
        left = max(deadline - time.monotonic(), 0.1)
        best, bound = exact.solve(problem, places, best, bound, left)
    return Packing(best, min(bound, best.cost), first_fit)


def _attempts(problem: Problem) -> list[tuple[float, float]]:
    """Return pairs of a smallest size and a reserve, the least restricted first."""
    sizes = sorted({kind.cpu for kind in problem.types})
    pairs = itertools.product(enumerate(sizes), enumerate(RESERVES))
    ordered = sorted(pairs, key=lambda pair: pair[0][0] + 2 * pair[1][0])
    return [(size, reserve) for (_, size), (_, reserve) in ordered]


def _filled(
    relaxation: Relaxation, reserve: float, smallest: float, mix_s: float, deadline: float
) -> Placement | None:
    """Return the cheaper placement on a mix of nodes, with and without the amounts of the relaxation."""
    left = max(min(mix_s, deadline - time.monotonic()), 0.05)
    problem = relaxation.problem
    divided = problem.loss != "zone"  # a case for each zone makes the program of parts too large to repeat
    try:
        needs = relaxation.mix(Request(reserve, smallest, divided, ROUGH), time_limit_s=left)
    except NoSolution:
        return None
    found = greedy.fill(problem, needs, None, deadline)
    return _better(found, greedy.fill(problem, needs, relaxation.parts, deadline)) if divided else found


def _better(first: Placement | None, second: Placement | None) -> Placement | None:
    found = [item for item in (first, second) if item]
    return min(found, key=lambda item: item.cost, default=None)
