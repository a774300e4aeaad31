"""The right size of a container."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.capacity.sizing import TAIL, UNSEEN, Prices, cpu_limit, cpu_size, memory_size
from slipway.errors import SlipwayError

AMOUNTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)
PRICES = st.floats(1e-3, 1e3)


def cpu_cost(size: float, demand: list[float], slack: float, shortage: float) -> float:
    spare = sum(max(size - use, 0) for use in demand)
    missing = sum(max(use - size, 0) for use in demand)
    return slack * spare + shortage * (sum(use > size for use in demand) + missing)


def memory_cost(size: float, peaks: list[float], slack: float, shortage: float) -> float:
    beyond = max(size - max(peaks), 0)
    unseen = UNSEEN * math.exp(-beyond / (TAIL * max(peaks)))
    return slack * size * len(peaks) + shortage * (sum(peak > size for peak in peaks) + unseen)


def grid(values: list[float], most: float) -> list[float]:
    steps = (most * number / 400 for number in range(401))
    return [*values, *(step for step in steps if step >= min(values))]


@pytest.mark.parametrize("batch", range(10))
def test_no_size_on_a_grid_costs_less(batch: int) -> None:
    for seed in range(batch * 50, batch * 50 + 50):
        random_ = random.Random(seed)  # noqa: S311 - not for secrets
        values = [
            random_.choice([1.0, 2.0, random_.lognormvariate(0, 1)]) for _ in range(random_.randint(1, 30))
        ]
        slack, shortage = random_.uniform(0.1, 2), random_.choice([0.1, 1, 10, 100]) * random_.random() + 1e-6
        size = cpu_size(values, slack, shortage).amount
        best = min(cpu_cost(other, values, slack, shortage) for other in grid(values, max(values)))
        assert cpu_cost(size, values, slack, shortage) == pytest.approx(best), seed
        size = memory_size(values, slack, shortage).amount
        best = min(memory_cost(other, values, slack, shortage) for other in grid(values, 6 * max(values)))
        assert memory_cost(size, values, slack, shortage) <= best * (1 + 1e-9), seed


@given(AMOUNTS, PRICES, PRICES, PRICES)
def test_sizes_rise_with_the_price_of_a_shortage(
    values: list[float], slack: float, first: float, second: float
) -> None:
    low, high = sorted((first, second))
    for rule in (cpu_size, memory_size):
        sizes = rule(values, slack, low).amount, rule(values, slack, high).amount
        assert sizes[0] <= sizes[1] * (1 + 1e-9) + 1e-9


@given(AMOUNTS, PRICES, PRICES)
def test_sizes_cover_the_stated_quantile_of_what_was_used(
    values: list[float], slack: float, shortage: float
) -> None:
    for rule in (cpu_size, memory_size):
        size = rule(values, slack, shortage)
        assert sum(value <= size.amount for value in values) / len(values) == size.quantile
        assert size.peak == max(values)


@given(AMOUNTS, PRICES, PRICES, st.floats(0, 1e6))
def test_a_limit_that_was_never_reached_caps_the_margin_alone(
    values: list[float], slack: float, shortage: float, most: float
) -> None:
    capped = memory_size(values, slack, shortage, most=most).amount
    free = memory_size(values, slack, shortage).amount
    assert capped == (min(free, max(most, max(values))) if free > max(values) else free)


LIMITS = st.floats(0.01, 10)


@given(AMOUNTS, st.floats(0, 10), st.floats(0, 1), st.dictionaries(LIMITS, st.floats(0, 1)), LIMITS)
def test_a_cpu_limit_is_never_below_the_request(
    values: list[float], request_: float, budget: float, throttled: dict[float, float], today: float
) -> None:
    limit = cpu_limit(values, request_, budget, throttled=throttled, measured=today in throttled, today=today)
    assert (today if limit is None else limit) >= request_


def test_a_container_that_is_throttled_beyond_the_budget_gets_a_higher_limit() -> None:
    assert cpu_limit([0.4] * 20, 0.4, 0.01, throttled={0.5: 0.2}, measured=False, today=0.5) == 0.75
    assert cpu_limit([0.1] * 20, 0.1, 0.01, throttled={0.5: 0.0}, measured=True, today=0.5) == 0.2
    assert cpu_limit([0.1] * 20, 0.1, 0.01, throttled={0.5: 0.0}, measured=False, today=0.5) is None


@given(AMOUNTS, st.floats(0, 10), st.dictionaries(LIMITS, st.floats(0, 1)), LIMITS, st.booleans())
def test_a_cpu_limit_that_was_applied_is_proposed_again(
    values: list[float], request_: float, throttled: dict[float, float], today: float, measured: bool
) -> None:
    """The measurement of the past says nothing new about the limit that follows from it."""
    first = cpu_limit(values, request_, 0.01, throttled=throttled, measured=measured, today=today)
    applied = today if first is None else first
    again = cpu_limit(values, request_, 0.01, throttled=throttled, measured=measured, today=applied)
    assert again is None or again <= applied


@pytest.mark.parametrize("name", ["core_hour", "gib_hour", "throttled_hour", "kill"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_price_that_is_no_price_is_refused(name: str, value: float) -> None:
    with pytest.raises(SlipwayError, match=f"price {name.replace('_', '-')}"):
        Prices(**{name: value})
