"""The improvement of a placement: empty a few nodes, and place their pods again."""

import itertools
import random
import time

from slipway.capacity.packing.greedy import decreasing, place, secure
from slipway.capacity.packing.model import Placement, Problem
from slipway.capacity.packing.nodes import Nodes, Order

MOST_EMPTIED = 5
ORDERS: tuple[Order, ...] = ("aligned", "tight")


def improve(
    problem: Problem, placement: Placement, enough: float, deadline: float, attempts: int | None = None
) -> Placement:
    """Return a placement that does not cost more, after as many attempts as there is time for.

    Each attempt empties random nodes, and lets a random choice of types take their pods. What is not more
    expensive is kept, because equal costs may lead to lower ones.

    Args:
        problem: what to place.
        placement: where to start.
        enough: the cost at which the search ends.
        deadline: the time at which the search ends.
        attempts: the highest number of attempts; None for any.
    """
    chance = random.Random(0)  # noqa: S311 - not for secrets
    kinds = range(len(problem.types))
    nodes, cost = Nodes(problem, placement.nodes), placement.cost
    for _ in itertools.count() if attempts is None else range(attempts):
        if cost <= enough or time.monotonic() > deadline:
            break
        numbers = range(len(nodes.kinds))
        emptied = set(chance.sample(numbers, min(chance.randint(1, MOST_EMPTIED), len(numbers))))
        if problem.loss == "node":  # a spare node is opened again if one is needed
            emptied |= set(nodes.empty())
        left = nodes.without(emptied)
        pods = decreasing(problem, nodes.pods(emptied))
        chosen = chance.sample(kinds, chance.randint(1, len(kinds)))
        if not place(left, pods, chosen, chance.choice(ORDERS), deadline=deadline):
            continue
        if left.cost() <= cost:
            found = secure(left, kinds, None, deadline)
            if found and found.cost() <= cost + 1e-12:
                nodes, cost = found, found.cost()
    return nodes.placement()
