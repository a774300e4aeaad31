"""The right size of a container: the newsvendor problem on its measured use.

A size costs its price all the time, and a shortage costs its price whenever the use is above the size. The
best size, and so the quantile of the use that it covers, follows from the two prices.
docs/decisions/capacity.md has the formulation and its units.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from slipway.errors import SlipwayError

UNSEEN = 3.0
"""The expected number of intervals above everything that was measured, in as many intervals again.

It is the upper bound at 95 % confidence for an event that was never observed: the "rule of three".
https://doi.org/10.1001/jama.1983.03330370053031 (Hanley and Lippman-Hand 1983)
"""
RAISED = 1.5
"""How far above a CPU limit that throttled too often the next limit lies, at least."""
TAIL = 0.25
"""How far above the highest peak an unseen peak lies on average, as a share of the highest peak."""


@dataclass(frozen=True)
class Prices:
    """Prices in one currency, such as dollars."""

    core_hour: float = 0.03
    """A core for an hour."""
    gib_hour: float = 0.004
    """A GiB of memory for an hour."""
    throttled_hour: float = 0.3
    """An hour in which a container needs more CPU than its request, and again for each missing core."""
    kill: float = 4.0
    """An hour in which a container needs more memory than it has, and is killed."""

    def __post_init__(self) -> None:
        for name in ("core_hour", "gib_hour", "throttled_hour", "kill"):
            if not 0 < getattr(self, name) < math.inf:
                raise SlipwayError(
                    f"the price {name.replace('_', '-')} is {getattr(self, name)}, but must be above 0"
                )


@dataclass(frozen=True)
class Size:
    """A size, and what it means for the measured use."""

    amount: float
    """Cores or bytes."""
    quantile: float
    """The share of the measured intervals that it covers."""
    peak: float
    """The highest measured use."""


def cpu_size(demand: Sequence[float], slack: float, shortage: float) -> Size:
    """Return the number of cores with the lowest cost for a measured demand.

    The cost of a size is the mean over the demand of `slack` for each core that is reserved and not used,
    plus `shortage` for each interval with a higher demand, plus `shortage` for each core that it lacks.
    """
    ordered = sorted(demand)
    count, total = len(ordered), sum(ordered)
    best, lowest, above = ordered[-1], math.inf, total
    for index, size in enumerate(ordered):
        above -= size
        if index + 1 < count and ordered[index + 1] == size:
            continue  # only after the last of equal values, the rest lies above
        number = count - 1 - index
        missing = max(above - number * size, 0.0)
        cost = slack * (count * size - total + missing) + shortage * (number + missing)
        if cost <= lowest:
            best, lowest = size, cost
    return _size(best, ordered)


def memory_size(peaks: Sequence[float], slack: float, shortage: float, *, most: float = math.inf) -> Size:
    """Return the amount of memory with the lowest cost for measured interval peaks.

    The cost of a size is `slack` for each unit, plus `shortage` for each interval with a higher peak. UNSEEN
    intervals more have peaks above the measured ones, at a distance with an exponential distribution.

    Args:
        peaks: the highest use in each interval.
        slack: the price of a unit for an interval.
        shortage: the price of an interval with a shortage.
        most: the highest size that makes sense, such as a limit that was never reached.
    """
    ordered = sorted(peaks)
    count, highest = len(ordered), ordered[-1]
    scale = TAIL * highest
    margin = 0.0
    if scale > 0:
        margin = max(scale * math.log(max(shortage * UNSEEN / (count * slack * scale), 1.0)), 0.0)
    best = highest + margin
    unseen = UNSEEN * math.exp(-margin / scale) if scale > 0 else 0.0
    lowest = slack * best + shortage * unseen / count
    for index in range(count - 1, -1, -1):
        above = count - bisect_right(ordered, ordered[index])
        cost = slack * ordered[index] + shortage * (above + UNSEEN) / count
        if cost < lowest:
            best, lowest = ordered[index], cost
    return _size(min(best, max(most, highest)) if best > highest else best, ordered)


def cpu_limit(
    demand: Sequence[float],
    request: float,
    budget: float,
    *,
    throttled: Mapping[float, float],
    measured: bool,
    today: float | None = None,
) -> float | None:
    """Return a CPU limit, or None to keep the limit of today.

    Means over an interval hide bursts, so only measured throttling can justify another limit. It is known for
    the limits of the past alone. One at which the container was throttled too often gives a floor, which
    stays the same when it is applied. Only a long measurement under the limit of today can lower that one.

    Args:
        demand: the measured cores.
        request: the request, which the limit never is below.
        budget: the share of time that may be throttled.
        throttled: the share of the scheduler's periods that were throttled, by the limit at that time.
        measured: whether throttling was measured long enough under the limit of today to lower it.
        today: the limit that it has now.
    """
    if today is None:
        return None
    floor = max([request, *(RAISED * limit for limit, share in throttled.items() if share > budget)])
    if not measured:
        return floor if floor > today else None
    ordered = sorted(demand)
    covered = ordered[min(math.ceil((1 - budget) * len(ordered)), len(ordered)) - 1]
    return max(floor, min(2 * covered, today))


def is_measured(limit: float, limits: Iterable[float]) -> bool:
    """Return whether a CPU limit is among those of a measurement, which are whole millicores."""
    return any(math.isclose(limit, other, abs_tol=0.0005) for other in limits)


def _size(amount: float, ordered: Sequence[float]) -> Size:
    return Size(amount, bisect_right(ordered, amount) / len(ordered), ordered[-1])
