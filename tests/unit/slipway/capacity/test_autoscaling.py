"""The settings of an autoscaler for a day."""

import random

import pytest

from slipway.capacity.autoscaling import HOLDS, TARGETS, settings
from slipway.capacity.schedule import Service, autoscale, cost


def each_cost(day: list[float], service: Service, target: float, hold: int) -> float:
    return cost(autoscale(day, service, target, hold=hold), [[load] for load in day], service)


@pytest.mark.parametrize("seed", range(5))
def test_the_stated_cost_is_that_of_the_days_and_no_higher_than_without_minima(seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311 - not for secrets
    days = [[random_.choice([5.0, 20.0, 60.0]) for _ in range(24)] for _ in range(3)]
    service = Service(load=10, change=0.5, most=9)
    found = settings(days, service, 4)
    total = sum(cost(found.replicas(day, service), [[load] for load in day], service) for day in days)
    assert found.cost == pytest.approx(total / 3)
    plain = min(
        sum(each_cost(day, service, target, hold) for day in days) / 3 for target in TARGETS for hold in HOLDS
    )
    assert found.cost <= plain + 1e-9


def test_a_jump_that_comes_every_day_is_served_from_its_first_slot() -> None:
    day = [10.0] * 8 + [80.0] * 4 + [10.0] * 4
    service = Service(load=10, unmet=100, delay=1, most=9)
    found = settings([day, day], service, 4)
    assert found.target == 1.0
    assert found.hours == (1, 8, 8, 1)
    assert found.replicas(day, service)[8] == 8


def test_a_jump_at_another_time_each_day_gets_no_minimum() -> None:
    days = [[10.0] * hour * 4 + [80.0] * 4 + [10.0] * (3 - hour) * 4 for hour in range(4)]
    found = settings(days, Service(load=10, unmet=1.5, most=9), 4)
    assert max(found.hours) < 8
