"""An autoscaler's settings for a day: its target, its window, and its lowest replicas by hour.

They are chosen by replaying the autoscaler on recorded days, because it follows the load by itself: a
minimum only pays where it is too late. docs/decisions/capacity.md has the formulation.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slipway.capacity.schedule import Service, autoscale, bounds, cost

TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""The utilisations that are tried."""
HOLDS = (1, 2, 3)
"""The stabilisation windows for scaling down that are tried, in slots."""
LEVELS = 10
"""The number of steps of the load of an hour that are tried as its minimum."""


@dataclass(frozen=True)
class Settings:
    """What an autoscaler is set to."""

    target: float
    """The utilisation, as a share of the load that a replica serves."""
    hold: int
    """The stabilisation window for scaling down, in slots."""
    hours: tuple[int, ...]
    """The lowest number of replicas to order in each hour."""
    cost: float
    """The mean cost of the days on which they were chosen."""

    def replicas(self, day: Sequence[float], service: Service) -> tuple[int, ...]:
        """Return the replicas that serve on a day."""
        slots = len(day) // len(self.hours)
        minimum = [number for number in self.hours for _ in range(slots)]
        return autoscale(day, service, self.target, minimum=minimum, hold=self.hold)


def settings(days: Sequence[Sequence[float]], service: Service, slots: int) -> Settings:
    """Return the settings with the lowest mean cost of recorded days.

    Args:
        days: the load of each slot of each day.
        service: what a replica serves and costs.
        slots: the number of slots of an hour.
    """
    return min(_candidates(days, service, slots), key=lambda item: item.cost)


def _candidates(days: Sequence[Sequence[float]], service: Service, slots: int) -> Iterator[Settings]:
    levels = [_levels(days, service, range(first, first + slots)) for first in range(0, len(days[0]), slots)]
    for target, hold in itertools.product(TARGETS, HOLDS):
        followed = [autoscale(day, service, target, hold=hold) for day in days]
        serving = [number for number in _minima(days, followed, service, levels) for _ in range(slots)]
        ordered = bounds(serving, service)
        hours = tuple(max(ordered[first : first + slots]) for first in range(0, len(ordered), slots))
        found = Settings(target, hold, hours, 0.0)
        total = sum(cost(found.replicas(day, service), [[load] for load in day], service) for day in days)
        yield Settings(target, hold, hours, total / len(days))


def _levels(days: Sequence[Sequence[float]], service: Service, hour: range) -> list[int]:
    """Return the minima that are tried for an hour: the lowest of all, and steps of the replicas needed."""
    needed = sorted(service.replicas_for(day[slot]) for day in days for slot in hour)
    steps = {needed[step * (len(needed) - 1) // LEVELS] for step in range(LEVELS + 1)}
    return sorted({service.least, *steps})


def _minima(
    days: Sequence[Sequence[float]],
    followed: Sequence[Sequence[int]],
    service: Service,
    levels: Sequence[Sequence[int]],
) -> list[int]:
    """Return the minimum that serves in each hour, by dynamic programming over hours and minima.

    Args:
        days: the load of each slot of each day.
        followed: the replicas that the autoscaler runs without a minimum.
        service: what a replica serves and costs.
        levels: the minima that are tried for each hour.
    """
    slots = len(days[0]) // len(levels)
    best = dict.fromkeys(levels[0], 0.0)
    choices: list[dict[int, int]] = []
    for hour, tried in enumerate(levels):
        first = hour * slots
        if hour:
            ends = Counter((replicas[first - 1], replicas[first]) for replicas in followed)
            origin: dict[int, int] = {}
            reached: dict[int, float] = {}
            for level in tried:
                steps = {
                    last: total
                    + sum(
                        count * service.step_cost(max(before, last), max(after, level))
                        for (before, after), count in ends.items()
                    )
                    for last, total in best.items()
                }
                origin[level] = min(steps, key=lambda last: (steps[last], -last))
                reached[level] = steps[origin[level]]
            choices.append(origin)
            best = reached
        for level in tried:
            best[level] += _hour_cost(days, followed, service, level, range(first, first + slots))
    path = [min(best, key=lambda level: (best[level], -level))]
    for origin in reversed(choices):
        path.append(origin[path[-1]])
    return path[::-1]


def _hour_cost(
    days: Sequence[Sequence[float]],
    followed: Sequence[Sequence[int]],
    service: Service,
    level: int,
    hour: range,
) -> float:
    """Return the cost of an hour over all days, with a minimum."""
    total = 0.0
    for day, replicas in zip(days, followed, strict=True):
        run = [max(replicas[slot], level) for slot in hour]
        total += cost(run, [[day[slot]] for slot in hour], service)
    return total
