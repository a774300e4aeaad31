"""A lower bound of the cost, and mixes of nodes to fill: parts of pods on whole nodes.

docs/decisions/capacity.md has the formulation: variables, constraints and units.
"""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from slipway.capacity.packing.model import Problem, Workload
from slipway.capacity.solver import LinearProgram, NoSolution

GAP = 5e-4
"""The share of the cost by which the mix of the bound may be above the cheapest."""
ROUGH = 1e-3
"""The share of the cost by which a mix that is filled may be above the cheapest."""
RATIOS = 16
"""The highest number of ratios of cores to bytes."""


NODES = (1, 2, 3, 5)
"""The numbers of nodes that differ: how many nodes of any size a workload needs."""


def _nodes(number: float) -> int:
    return max(least for least in NODES if least <= number)


@dataclass(frozen=True)
class Mix:
    """Nodes that hold all parts of pods, by their types, and the proven lower bound of their cost."""

    nodes: Mapping[int, int]
    spare: int | None
    """The type of the node that may be lost, and is one of `nodes`."""
    bound: float
    amounts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """The amount of each part of a pod on nodes of each type."""


@dataclass(frozen=True)
class _Case:
    """A program to solve."""

    kinds: Sequence[int]
    """The types that may be used."""
    spare: int | None = None
    """The type of a node that holds nothing."""
    rest: float = 0.0
    """The pods of mean size for which each node has no capacity, because whole pods never fill it."""
    used: int = 1
    """The nodes of each unit that hold pods, where nodes come in units of equal ones."""
    unit: int = 1
    """The nodes of each unit."""


class Relaxation:
    """A packing problem whose pods are divisible.

    Divisible pods with one ratio of cores to bytes can replace each other, so the size of the program does
    not depend on the number of workloads. A pod between two of the ratios is the sum of two parts.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        fitting = [
            frozenset(number for number in range(len(problem.types)) if problem.fits(item, number))
            for item in problem.workloads
        ]
        pods = np.array([item.pod[:2] for item in problem.workloads], dtype=float)
        replicas = np.array([item.replicas for item in problem.workloads])
        total = replicas @ pods
        total[total == 0] = 1.0
        self._free = np.array(problem.free)[:, :2] / total
        pods /= total
        self._mean = replicas @ pods / replicas.sum()
        angles = np.arctan2(pods[:, 1], pods[:, 0])
        ratios = np.unique(angles.round(9))
        if len(ratios) > RATIOS:
            ratios = np.unique(np.quantile(ratios, np.linspace(0, 1, RATIOS)))
        self._ratios = np.stack([np.cos(ratios), np.sin(ratios)], axis=1)
        low = np.clip(np.searchsorted(ratios, angles, "right") - 1, 0, max(len(ratios) - 2, 0))
        high = np.minimum(low + 1, len(ratios) - 1)
        width = np.where(high > low, ratios[high] - ratios[low], 1.0)
        above = np.clip(angles - ratios[low], 0.0, width)
        limits = [_nodes(item.replicas / self._on_node(item)) for item in problem.workloads]
        groups = sorted(
            set(zip(fitting, limits, strict=True)), key=lambda group: (sorted(group[0]), group[1])
        )
        self._groups = [group for group in groups for _ in ratios]
        """The types that each part fits on, and the nodes that it needs, because of limits on a node."""
        first = np.array([groups.index(key) * len(ratios) for key in zip(fitting, limits, strict=True)])
        self.parts = np.zeros((len(pods), len(self._groups)))
        """The amount of each part of a pod of each workload."""
        rows = np.arange(len(pods))
        scale = np.hypot(*pods.T) / np.sin(width)
        self.parts[rows, first + low] += scale * np.sin(width - above)
        self.parts[rows, first + high] += scale * np.sin(above)
        self._total = replicas @ self.parts
        self._pods = 2 * int(replicas.sum())
        """More nodes than any placement needs of a type: one for each pod, before and after a loss."""
        self._sets = {kinds: self._own(kinds, fitting) for kinds in set(fitting)}

    def _on_node(self, item: Workload) -> int:
        """Return the highest number of pods on a node; without losses, a node has no more than its zone."""
        most = self.problem.at_most(item)
        return min(most, self.problem.in_zone(item)) if self.problem.loss == "none" else most

    def _own(self, kinds: frozenset[int], fitting: Sequence[frozenset[int]]) -> tuple[list[float], int]:
        """Return the requests of the pods that fit on no other types, and the nodes that they need."""
        pairs = zip(self.problem.workloads, fitting, strict=True)
        own = [item for item, fits in pairs if fits <= kinds]
        least = max(math.ceil(item.replicas / self.problem.at_most(item)) for item in own)
        return [sum(item.pod[axis] * item.replicas for item in own) for axis in range(3)], least

    def bound(self, *, time_limit_s: float) -> float:
        """Return a cost that no placement is below.

        Every placement satisfies the constraints. If a node may be lost, there is a case for each type that
        may be the used one with the most cores: one node of it is spare. If a zone may be lost, the nodes
        outside each zone hold all pods, and every node is outside of all zones but its own.

        Raises:
            NoSolution: the types do not have the capacity.
        """
        problem, deadline = self.problem, time.monotonic() + time_limit_s
        everything = range(len(problem.types))
        if problem.loss == "node":
            return self._cheapest([self._lost(spare) for spare in everything], GAP, deadline).bound
        if problem.loss == "none":
            return self._cheapest([_Case(everything)], GAP, deadline).bound
        outside = {
            zone: tuple(number for number in everything if set(problem.types[number].zones) - {zone})
            for zone in problem.zones
        }
        bounds = {
            kinds: self._cheapest([_Case(kinds)], GAP, deadline).bound for kinds in set(outside.values())
        }
        return sum(bounds[kinds] for kinds in outside.values()) / (len(problem.zones) - 1)

    def mix(self, rest: float, *, time_limit_s: float) -> Mix:
        """Return a cheap mix of nodes whose loss is simple to absorb.

        If a node may be lost, the spare node has at least the size of every other. If a zone may be lost,
        there are as many nodes of each type in each zone, and the nodes of a zone may stay empty.

        Args:
            rest: the pods of mean size for which each node has no capacity, because whole pods never fill it.
            time_limit_s: seconds after which the best mix found is returned.

        Raises:
            NoSolution: there is none, or none was found in time.
        """
        problem, deadline = self.problem, time.monotonic() + time_limit_s
        kinds = [
            number
            for number in range(len(problem.types))
            if (self._free[number] > rest * self._mean).all()
            and (problem.loss != "zone" or len(problem.types[number].zones) == len(problem.zones))
        ]
        if problem.loss == "node":
            cases = [
                _Case([number for number in kinds if self._dominates(spare, number)], spare, rest)
                for spare in kinds
            ]
        else:
            zones = len(problem.zones) if problem.loss == "zone" else 2
            cases = [_Case(kinds, None, rest, zones - 1, zones if problem.loss == "zone" else 1)]
        return self._cheapest(cases, ROUGH, deadline)

    def _lost(self, spare: int) -> _Case:
        """Return the case in which a type is the used one with the most cores."""
        types = self.problem.types
        return _Case([number for number, kind in enumerate(types) if kind.cpu <= types[spare].cpu], spare)

    def _dominates(self, first: int, second: int) -> bool:
        pairs = zip(self.problem.free[first], self.problem.free[second], strict=True)
        return all(size >= other for size, other in pairs)

    def _cheapest(self, cases: Sequence[_Case], gap: float, deadline: float) -> Mix:
        """Return the cheapest mix of all cases, with the lowest bound of them.

        The cases are solved in the order of their relaxations, until no other can be cheaper.
        """
        relaxed: list[tuple[float, _Case]] = []
        for given in cases:
            case, late = given, given.spare is not None and time.monotonic() > deadline
            if late:  # without a spare node, the bound holds for every case
                case = replace(case, kinds=range(len(self.problem.types)), spare=None)
            with suppress(NoSolution):
                relaxed.append((self._solve(case).bound, case))
            if late:
                break
        relaxed.sort(key=lambda item: item[0])
        best: Mix | None = None
        lowest, bound = math.inf, math.inf
        for least, case in relaxed:
            left = deadline - time.monotonic()
            if left <= 0 or least >= lowest:
                bound = min(bound, least)
                break
            try:
                found = self._solve(case, left, gap)
            except NoSolution as error:
                bound = min(bound, max(least, error.bound) if math.isfinite(error.bound) else least)
                continue
            bound = min(bound, max(found.bound, least))
            cost = self.cost(found)
            if cost < lowest:
                best, lowest = found, cost
        if not math.isfinite(bound):
            raise NoSolution("nothing has the capacity")
        return replace(best or Mix({}, None, bound), bound=bound)

    def cost(self, mix: Mix) -> float:
        """Return the price of the nodes of a mix."""
        return sum(self.problem.types[kind].price * number for kind, number in mix.nodes.items())

    def _solve(self, case: _Case, whole_s: float | None = None, gap: float = 0.0) -> Mix:
        """Return the cheapest nodes of a case: whole ones found in `whole_s`, or parts, rounded up."""
        if not case.kinds:
            raise NoSolution("no type has the capacity")
        types, program, whole = self.problem.types, LinearProgram(), whole_s is not None
        units = {
            kind: program.variable(
                cost=types[kind].price * case.unit,
                lower=float(kind == case.spare),
                upper=math.inf if (most := types[kind].most) is None else most // case.unit,
                integer=whole,
            )
            for kind in case.kinds
        }
        if case.spare is not None and whole:
            self._lose(program, units, case.spare)
        held = self._cover(program, units, case)
        solution = program.solve(time_limit_s=math.inf if whole_s is None else whole_s, gap=gap)
        nodes = {kind: math.ceil(solution.values[unit] - 1e-6) * case.unit for kind, unit in units.items()}
        amounts = np.zeros((len(self._total), len(types)))
        for (part, kind), variable in held.items():
            amounts[part, kind] = self._total[part] * solution.values[variable]
        used = {kind: number for kind, number in nodes.items() if number}
        return Mix(used, case.spare, solution.bound, amounts)

    def _lose(self, program: LinearProgram, nodes: Mapping[int, int], spare: int) -> None:
        """Let the nodes hold all bytes also after the loss of a node that has more of them than the spare."""
        for kind, count in nodes.items():
            unused = self._free[kind][1]
            if unused > self._free[spare][1]:
                used = program.variable(upper=1.0, integer=True)
                program.constraint({count: 1.0, used: -float(self._pods)}, upper=0.0)
                row = {variable: self._free[other][1] for other, variable in nodes.items()}
                program.constraint({**row, used: -unused}, lower=1.0)

    def _cover(
        self, program: LinearProgram, units: Mapping[int, int], case: _Case
    ) -> dict[tuple[int, int], int]:
        """Let the nodes hold all parts; return the variables of the share of each part on each type."""
        parts = [int(part) for part in np.flatnonzero(self._total)]
        held = {
            (part, kind): program.variable()
            for part in parts
            for kind in units
            if kind in self._groups[part][0]
        }
        for part in parts:
            program.constraint({item: 1.0 for (own, _), item in held.items() if own == part}, lower=1.0)
        for kind, unit in units.items():
            for axis, free in enumerate(self._free[kind] - case.rest * self._mean):
                row = {
                    variable: self._total[part] * self._ratios[part % len(self._ratios)][axis]
                    for (part, where), variable in held.items()
                    if where == kind
                }
                if any(row.values()):
                    program.constraint({**row, unit: -free * case.used}, upper=-free * (kind == case.spare))
        for (part, kind), item in held.items():
            if (nodes := self._groups[part][1]) > 1:
                row = {item: float(nodes), units[kind]: -float(case.used)}
                program.constraint(row, upper=-float(kind == case.spare))
        for kinds, (needs, least) in self._sets.items():
            own = [kind for kind in units if kind in kinds]
            for axis, need in enumerate(needs):
                if need:
                    free = {kind: self.problem.free[kind][axis] / need for kind in own}
                    row = {units[kind]: size * case.used for kind, size in free.items()}
                    unused = 0.0 if case.spare is None else free.get(case.spare, 0.0)
                    program.constraint(row, lower=1 + unused)
            alone = 1 if self.problem.loss == "node" else 0
            program.constraint({units[kind]: float(case.used) for kind in own}, lower=least + alone)
        return held
