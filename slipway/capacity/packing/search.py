"""The search for the cheapest nodes, and the proof of how far from optimal they may be."""

import random
import time
from dataclasses import dataclass

from slipway.capacity.packing import exact, greedy
from slipway.capacity.packing.bound import Relaxation
from slipway.capacity.packing.improve import improve
from slipway.capacity.packing.model import Placement, Problem
from slipway.capacity.solver import NoSolution
from slipway.errors import SlipwayError

RESTS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""The pods of mean size that nodes are expected to have free, because whole pods never fill them."""
FINER = 3
"""How often the interval between a rest that is too small and one that is enough is halved."""
SMALL_ATTEMPTS = 50
"""The attempts to improve, before a small problem is searched exactly."""


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
    start = time.monotonic()
    deadline = start + time_limit_s
    first_fit = greedy.first_fit_decreasing(problem, start + time_limit_s / 10)
    relaxation = Relaxation(problem)
    try:
        bound = relaxation.bound(time_limit_s=time_limit_s / 4)
    except NoSolution as error:
        raise SlipwayError(
            f"the node types do not have the capacity for all pods: {error}; raise `most`, or add a type"
        ) from None
    best, enough = first_fit, bound / (1 - gap) + 1e-9
    best = _fill(relaxation, best, enough, start + time_limit_s * 0.8)
    if best is None:
        raise SlipwayError("no placement was found: raise `most`, or add a larger node type")
    # A small problem is searched exactly after a few attempts.
    small = exact.is_small(problem, best.cost)
    best = improve(problem, best, enough, deadline, SMALL_ATTEMPTS if small else None)
    if best.cost > enough and (small or exact.is_small(problem, best.cost)):
        places = exact.slots(problem, best.cost)
        left = max(deadline - time.monotonic(), 0.1)
        best, bound = exact.solve(problem, places, best, bound, left)
    return Packing(best, min(bound, best.cost), first_fit)


def _fill(relaxation: Relaxation, best: Placement | None, enough: float, end: float) -> Placement | None:
    """Return the cheapest placement on mixes of nodes, with the smallest rests that suffice."""
    chance = random.Random(0)  # noqa: S311 - not for secrets
    low, rests, finer = 0.0, list(RESTS), FINER
    while rests and (best is None or best.cost > enough) and (left := end - time.monotonic()) > 0:
        rest = rests.pop(0)
        try:
            mix = relaxation.mix(rest, time_limit_s=left / 4)
        except NoSolution:
            continue
        cost = relaxation.cost(mix)
        if best and cost >= best.cost:
            continue
        deadline = time.monotonic() + max(end - time.monotonic(), 0.0) / 4
        found = greedy.fill(relaxation.problem, mix, relaxation.parts, deadline, chance)
        if found and found.cost <= cost + 1e-9:
            rests, finer = ([(low + rest) / 2] if finer else []), finer - 1
        else:
            low = rest
        best = min((item for item in (best, found) if item), key=lambda item: item.cost, default=None)
    return best
