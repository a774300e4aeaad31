"""The replicas over a day."""

import itertools
import random

import pytest

from slipway.capacity.schedule import Service, autoscale, bounds, cost, schedule
from slipway.errors import SlipwayError


def brute_force(demands: list[list[float]], service: Service, start: int | None) -> float:
    """Try every sequence of replicas that a start-up delay allows."""
    best = float("inf")
    for plan in itertools.product(range(service.least, service.most + 1), repeat=len(demands)):
        before = [plan[0] if start is None else start, *plan][: service.delay]
        if start is not None and any(after > first for first, after in zip(before, plan, strict=False)):
            continue
        best = min(best, cost(plan, demands, service, start))
    return best


@pytest.mark.parametrize("batch", range(5))
def test_the_plan_costs_what_brute_force_finds(batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + 100):
        random_ = random.Random(seed)  # noqa: S311 - not for secrets
        service = Service(
            load=random_.choice([1.0, 2.5, 10.0]),
            price=random_.uniform(0.5, 3),
            unmet=random_.uniform(0.1, 12),
            change=random_.choice([0.0, random_.uniform(0, 3)]),
            delay=random_.randint(0, 3),
            least=random_.randint(0, 1),
            most=random_.randint(2, 3),
        )
        demands = [
            [random_.uniform(0, 4 * service.load) for _ in range(random_.randint(1, 3))]
            for _ in range(random_.randint(1, 5))
        ]
        start = random_.choice([None, service.least, 2])
        plan = schedule(demands, service, start)
        assert plan.cost == pytest.approx(brute_force(demands, service, start))
        assert plan.cost == pytest.approx(cost(plan.replicas, demands, service, start))


def test_replicas_start_before_the_load() -> None:
    service = Service(load=1, unmet=100, delay=2, most=4)
    plan = schedule([[1], [1], [1], [4], [4], [1]], service, start=1)
    assert plan.replicas == (1, 1, 1, 4, 4, 1)
    assert bounds(plan.replicas, service) == (1, 4, 4, 4, 4, 1)


def test_a_change_that_costs_more_than_it_saves_is_not_made() -> None:
    service = Service(load=1, price=1, unmet=100, change=5, most=4)
    assert schedule([[3], [1], [3]], service).replicas == (3, 3, 3)


def test_an_autoscaler_follows_the_measured_load_after_the_delay() -> None:
    service = Service(load=10, delay=1, most=9)
    assert autoscale([5, 40, 40, 40, 5, 5, 5], service, 0.5) == (1, 1, 1, 8, 8, 1, 1)
    assert autoscale([5, 40, 40, 40, 5, 5, 5], service, 0.5, hold=2) == (1, 1, 1, 8, 8, 8, 1)


@pytest.mark.parametrize(
    ("demands", "message"),
    [
        ([], "no demand"),
        ([[1.0], []], "slot 1 has no demand"),
        ([[float("nan")]], "slot 0 is nan"),
        ([[-1.0]], "slot 0 is -1"),
    ],
)
def test_demand_that_is_no_number_is_refused(demands: list[list[float]], message: str) -> None:
    with pytest.raises(SlipwayError, match=message):
        schedule(demands, Service(load=1))


def test_a_start_below_the_minimum_is_refused() -> None:
    with pytest.raises(SlipwayError, match="start is 0"):
        schedule([[1.0]], Service(load=1, delay=1), start=0)


@pytest.mark.parametrize("argument", ["load", "price", "unmet", "change", "delay", "least"])
def test_a_bad_service_is_refused_by_name(argument: str) -> None:
    with pytest.raises(SlipwayError, match=argument):
        Service(**{"load": 1.0, argument: -1})  # type: ignore[arg-type] # the value is the case
