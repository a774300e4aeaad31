"""The number of replicas over a day, by dynamic programming.

docs/decisions/capacity.md has the formulation: variables, constraints and units.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.errors import SlipwayError


@dataclass(frozen=True)
class Service:
    """What a replica serves and costs. All prices have one unit, such as cents."""

    load: float
    """The load that one replica serves, in the unit of the demand."""
    price: float = 1.0
    """The price of one replica in one slot."""
    unmet: float = 10.0
    """The price of the load of one replica in one slot, if it is not served."""
    change: float = 0.0
    """The price of starting or of stopping one replica."""
    delay: int = 0
    """The number of slots between the order of a replica and its first request; it is paid for from the
    order.
    """
    least: int = 1
    most: int = 20

    def __post_init__(self) -> None:
        for name in ("load", "price", "unmet"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise SlipwayError(f"{name} is {value}, but must be a number above 0")
        if not 0 <= self.change < math.inf:
            raise SlipwayError(f"change is {self.change}, but must be a number from 0")
        if self.delay < 0:
            raise SlipwayError(f"delay is {self.delay}, but must be a number of slots from 0")
        if not 0 <= self.least <= self.most:
            raise SlipwayError(f"least is {self.least} and most is {self.most}, but 0 <= least <= most")

    def replicas_for(self, demand: float) -> int:
        """Return the replicas that a demand needs, within the bounds."""
        return min(max(math.ceil(demand / self.load), self.least), self.most)

    def slot_cost(self, replicas: int, demands: Sequence[float]) -> float:
        """Return the cost of a slot: replicas, and the mean unmet load over equally likely demands."""
        served = replicas * self.load
        short = sum([demand - served for demand in demands if demand > served]) / len(demands)
        return self.price * replicas + self.unmet * short / self.load

    def step_cost(self, before: int, after: int) -> float:
        """Return the cost of a change: each started replica is paid for `delay` slots before it serves."""
        return self.change * abs(after - before) + self.price * self.delay * max(after - before, 0)


@dataclass(frozen=True)
class Plan:
    """The replicas that serve in each slot, and their cost."""

    replicas: tuple[int, ...]
    cost: float


def schedule(demands: Sequence[Sequence[float]], service: Service, start: int | None = None) -> Plan:
    """Return the replicas with the lowest cost.

    Args:
        demands: for each slot, the demands that are equally likely: what earlier days had in that slot.
        service: what a replica serves and costs.
        start: the replicas before the first slot; any number, for free, if it is None.

    The step costs are linear, so a suffix minimum replaces the inner loop: slots times replicas steps in all.
    """
    check(demands)
    numbers = range(service.least, service.most + 1)
    first = [service.step_cost(start, number) if start is not None else 0.0 for number in numbers]
    if start is not None:  # a replica that is ordered now serves after `delay` slots
        first = [
            math.inf if number > start and service.delay else cost
            for number, cost in zip(numbers, first, strict=True)
        ]
    best = first
    choices: list[list[int]] = []
    for slot, slot_demands in enumerate(demands):
        late = start is not None and 0 < slot < service.delay
        if slot:
            best, origin = _cheapest_steps(best, service, may_grow=not late)
            choices.append(origin)
        costs = [service.slot_cost(number, slot_demands) for number in numbers]
        best = [total + cost for total, cost in zip(best, costs, strict=True)]
    last = min(range(len(best)), key=best.__getitem__)
    if best[last] == math.inf:
        raise SlipwayError(
            f"start is {start}, but at least {service.least} replicas must serve from the first slot, and a"
            f" replica takes {service.delay} slots to start"
        )
    path = [last]
    for origin in reversed(choices):
        path.append(origin[path[-1]])
    return Plan(tuple(numbers[index] for index in reversed(path)), best[last])


def _cheapest_steps(
    best: Sequence[float], service: Service, *, may_grow: bool
) -> tuple[list[float], list[int]]:
    """Return, for each number of replicas, the lowest cost to reach it, and the number before."""
    up = service.change + service.price * service.delay if may_grow else math.inf
    costs, origins = list(best), list(range(len(best)))
    for index in range(1, len(best)):
        if costs[index - 1] + up < costs[index]:
            costs[index], origins[index] = costs[index - 1] + up, origins[index - 1]
    down, sources = list(best), list(range(len(best)))
    for index in range(len(best) - 2, -1, -1):
        if down[index + 1] + service.change < down[index]:
            down[index], sources[index] = down[index + 1] + service.change, sources[index + 1]
        if down[index] < costs[index]:
            costs[index], origins[index] = down[index], sources[index]
    return costs, origins


def cost(
    replicas: Sequence[int], demands: Sequence[Sequence[float]], service: Service, start: int | None = None
) -> float:
    """Return the cost of given replicas."""
    before = replicas[0] if start is None else start
    total = 0.0
    for number, slot_demands in zip(replicas, demands, strict=True):
        total += service.step_cost(before, number) + service.slot_cost(number, slot_demands)
        before = number
    return total


def check(demands: Sequence[Sequence[float]]) -> None:
    """Refuse demands that are missing, negative or not numbers."""
    if not demands:
        raise SlipwayError("there is no demand to plan for")
    for slot, values in enumerate(demands):
        if not values:
            raise SlipwayError(f"slot {slot} has no demand: no day of the history covers it")
        if bad := [value for value in values if not 0 <= value < math.inf]:
            raise SlipwayError(f"the demand of slot {slot} is {bad[0]}, but must be a number from 0")


def autoscale(
    demand: Sequence[float],
    service: Service,
    utilisation: float,
    *,
    minimum: Sequence[int] | None = None,
    start: int | None = None,
    hold: int = 1,
) -> tuple[int, ...]:
    """Return the replicas that a HorizontalPodAutoscaler would run, by its documented rule.

    It measures the slot before, wants `ceil(load / (utilisation * load of a replica))` replicas, and scales
    down to the highest number that it wanted in the last `hold` slots. A started replica serves after `delay`
    slots. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details

    Args:
        demand: the load in each slot.
        service: the replica, and the bounds if there is no `minimum`.
        utilisation: the target, from 0 to 1.
        minimum: the lowest number of replicas in each slot; `service.least` if it is None.
        start: the replicas before the first slot; `service.least` if it is None.
        hold: the stabilisation window for scaling down, in slots.
    """
    least = minimum or [service.least] * len(demand)
    begin = max(least[0], service.least) if start is None else start
    measured = [begin * service.load * utilisation, *demand]
    wanted = [
        min(max(math.ceil(measured[slot] / (service.load * utilisation) - 1e-9), least[slot]), service.most)
        for slot in range(len(demand))
    ]
    targets = [max(wanted[max(slot - hold + 1, 0) : slot + 1]) for slot in range(len(demand))]
    ordered = [begin] * service.delay + targets
    return tuple(min(ordered[slot : slot + service.delay + 1]) for slot in range(len(demand)))


def bounds(plan: Sequence[int], service: Service) -> tuple[int, ...]:
    """Return the lowest number of replicas to order in each slot, so that the plan's serve in time."""
    return tuple(max(plan[slot : slot + service.delay + 1]) for slot in range(len(plan)))
