"""Shares of load over unequal backends: the smallest largest utilisation, by linear programming.

docs/decisions/capacity.md has the formulation: variables, constraints and units.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway.capacity.solver import LinearProgram
from slipway.errors import SlipwayError

_TOLERANCE = 1e-7


@dataclass(frozen=True)
class LoadClass:
    """Load that the same backends may serve."""

    name: str
    load: float
    """In the unit of the backends' capacity, such as requests per second."""
    backends: tuple[str, ...] = ()
    """The backends that may serve it; empty for all."""


@dataclass(frozen=True)
class Routes:
    """The share of each class that each backend gets, and the largest utilisation."""

    shares: Mapping[str, Mapping[str, float]]
    utilisation: float
    equal: float
    """The largest utilisation if each class is shared equally over its backends."""

    @property
    def equal_is_optimal(self) -> bool:
        """Whether equal shares are as good."""
        return self.equal <= self.utilisation * (1 + _TOLERANCE)


def route(classes: Sequence[LoadClass], capacities: Mapping[str, float]) -> Routes:
    """Return the shares with the smallest largest utilisation.

    Without affinities the formula is enough: shares in proportion to the capacities.

    Raises:
        SlipwayError: an input is missing, unknown, negative or not a number.
    """
    _check(classes, capacities)
    allowed = {item.name: item.backends or tuple(capacities) for item in classes}
    equal = _largest({item.name: _equal(allowed[item.name]) for item in classes}, classes, capacities)
    if all(len(allowed[item.name]) == len(capacities) for item in classes):
        total = sum(capacities.values())
        proportional = {name: capacity / total for name, capacity in capacities.items()}
        shares: dict[str, dict[str, float]] = {item.name: proportional for item in classes}
        return Routes(shares, sum(item.load for item in classes) / total, equal)
    shares = _solve(classes, capacities, allowed)
    return Routes(shares, _largest(shares, classes, capacities), equal)


def _solve(
    classes: Sequence[LoadClass], capacities: Mapping[str, float], allowed: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    program = LinearProgram()
    largest = program.variable(cost=1.0)
    share = {
        (item.name, backend): program.variable(upper=1.0)
        for item in classes
        for backend in allowed[item.name]
    }
    for item in classes:
        program.constraint({share[item.name, backend]: 1.0 for backend in allowed[item.name]}, 1.0, 1.0)
    for backend, capacity in capacities.items():
        used = {
            share[item.name, backend]: item.load / capacity
            for item in classes
            if (item.name, backend) in share
        }
        program.constraint({**used, largest: -1.0}, upper=0.0)
    values = program.solve().values
    shares = {}
    for item in classes:
        parts = {backend: max(values[share[item.name, backend]], 0.0) for backend in allowed[item.name]}
        total = sum(parts.values())
        shares[item.name] = {backend: part / total for backend, part in parts.items()}
    return shares


def _equal(backends: Sequence[str]) -> dict[str, float]:
    return {backend: 1 / len(backends) for backend in backends}


def _largest(
    shares: Mapping[str, Mapping[str, float]],
    classes: Sequence[LoadClass],
    capacities: Mapping[str, float],
) -> float:
    loads = dict.fromkeys(capacities, 0.0)
    for item in classes:
        for backend, part in shares[item.name].items():
            loads[backend] += part * item.load
    return max(loads[backend] / capacity for backend, capacity in capacities.items())


def _check(classes: Sequence[LoadClass], capacities: Mapping[str, float]) -> None:
    if not classes or not capacities:
        raise SlipwayError("there is nothing to route: name at least one class of load and one backend")
    for name, capacity in capacities.items():
        if not 0 < capacity < math.inf:
            raise SlipwayError(f"the capacity of backend {name} is {capacity}, but must be above 0")
    if len({item.name for item in classes}) < len(classes):
        raise SlipwayError("two classes of load have the same name: give each its own")
    for item in classes:
        if not 0 <= item.load < math.inf:
            raise SlipwayError(f"the load of class {item.name} is {item.load}, but must be a number from 0")
        if len(set(item.backends)) < len(item.backends):
            raise SlipwayError(f"class {item.name} names a backend twice: name it once")
        if unknown := [backend for backend in item.backends if backend not in capacities]:
            raise SlipwayError(
                f"class {item.name} names the backend {unknown[0]}, but the backends are"
                f" {', '.join(capacities)}"
            )
