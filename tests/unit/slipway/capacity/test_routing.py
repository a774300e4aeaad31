"""Shares of load over backends."""

import itertools
import random

import pytest

from slipway.capacity.routing import LoadClass, route
from slipway.errors import SlipwayError


def lowest_possible(classes: list[LoadClass], capacities: dict[str, float]) -> float:
    """Return the exact optimum: the worst ratio of a set of classes to the backends that may serve it.

    It is Hall's condition for this problem, and every set of classes is tried.
    """
    worst = 0.0
    for size in range(1, len(classes) + 1):
        for chosen in itertools.combinations(classes, size):
            reach = {name for item in chosen for name in (item.backends or capacities)}
            worst = max(worst, sum(item.load for item in chosen) / sum(capacities[name] for name in reach))
    return worst


@pytest.mark.parametrize("batch", range(5))
def test_the_largest_utilisation_is_the_lowest_possible(batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + 100):
        random_ = random.Random(seed)  # noqa: S311 - not for secrets
        names = ["a", "b", "c", "d"][: random_.randint(1, 4)]
        capacities = {name: random_.uniform(1, 100) for name in names}
        classes = [
            LoadClass(
                f"class{number}",
                random_.choice([0.0, random_.uniform(0, 100)]),
                tuple(random_.sample(names, random_.randint(0, len(names)))),
            )
            for number in range(random_.randint(1, 5))
        ]
        routes = route(classes, capacities)
        assert routes.utilisation == pytest.approx(lowest_possible(classes, capacities), rel=1e-6, abs=1e-9)
        for item in classes:
            assert sum(routes.shares[item.name].values()) == pytest.approx(1)
            assert set(routes.shares[item.name]) <= set(item.backends or names)


def test_unequal_backends_share_by_capacity() -> None:
    routes = route([LoadClass("all", 90)], {"small": 50, "large": 100})
    assert routes.shares["all"] == pytest.approx({"small": 1 / 3, "large": 2 / 3})
    assert routes.utilisation == pytest.approx(0.6)
    assert routes.equal == pytest.approx(0.9)
    assert not routes.equal_is_optimal


def test_equal_shares_over_equal_backends_are_optimal() -> None:
    assert route([LoadClass("all", 90)], {"a": 50, "b": 50}).equal_is_optimal


@pytest.mark.parametrize(
    ("classes", "capacities", "message"),
    [
        ([], {"a": 1.0}, "nothing to route"),
        ([LoadClass("x", 1)], {"a": 0.0}, "capacity of backend a is 0"),
        ([LoadClass("x", float("nan"))], {"a": 1.0}, "load of class x is nan"),
        ([LoadClass("x", 1, ("b",))], {"a": 1.0}, "backend b, but the backends are a"),
        ([LoadClass("x", 1), LoadClass("x", 2)], {"a": 1.0}, "same name"),
        ([LoadClass("x", 1, ("a", "a"))], {"a": 1.0}, "twice"),
    ],
)
def test_bad_input_is_refused(classes: list[LoadClass], capacities: dict[str, float], message: str) -> None:
    with pytest.raises(SlipwayError, match=message):
        route(classes, capacities)
