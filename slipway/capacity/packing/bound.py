"""A lower bound of the cost, and the mix of nodes that it needs: parts of pods on whole nodes.

docs/decisions/capacity.md has the formulation: variables, constraints and units.
"""

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from slipway.capacity.packing.model import Problem
from slipway.capacity.solver import LinearProgram, NoSolution

GAP = 5e-4
"""The share of the cost by which the mix of the bound may be above the cheapest."""
RATIOS = 16
"""The highest number of ratios of cores to bytes."""
Place = tuple[int, str]
"""A node type and a zone; the zone is empty where any zone will do."""
Part = tuple[frozenset[int], int]
"""The types that a pod fits on, and the number of a ratio of cores to bytes."""
Parts = Mapping[Part, float]
"""The amount of each part of a pod."""


@dataclass(frozen=True)
class Request:
    """What a mix of nodes must be like."""

    reserve: float = 0.0
    """The share of capacity to add, because whole pods never fill nodes completely."""
    smallest: float = 0.0
    """The cores below which types are left out, because whole pods leave less on large nodes."""
    divided: bool = True
    """Whether each type holds the parts of pods, and not only all types together the sum of requests."""
    gap: float = GAP
    """The share of the cost by which the mix may be above the cheapest; the bound stays a bound."""


@dataclass(frozen=True)
class Needs:
    """The cheapest nodes that hold all parts of pods, and the proven lower bound of their cost."""

    nodes: Mapping[Place, int]
    spare: int | None
    """The type of the node that may be lost, and is one of `nodes`."""
    bound: float
    amounts: Mapping[tuple[Part, int], float] = field(default_factory=dict)
    """The amount of each part on nodes of each type."""


class Relaxation:
    """A packing problem whose pods are divisible.

    Divisible pods with one ratio of cores to bytes can replace each other, so the size of the program does
    not depend on the number of workloads. A pod between two of the ratios is the sum of two parts.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.kinds = [
            frozenset(number for number in range(len(problem.types)) if problem.fits(item, number))
            for item in problem.workloads
        ]
        pods = np.array([item.pod[:2] for item in problem.workloads], dtype=float)
        total = np.array([item.replicas for item in problem.workloads]) @ pods
        total[total == 0] = 1.0
        self._free = np.array(problem.free)[:, :2] / total
        pods /= total
        angles = np.arctan2(pods[:, 1], pods[:, 0])
        ratios = np.unique(angles.round(9))
        if len(ratios) > RATIOS:
            ratios = np.unique(np.quantile(ratios, np.linspace(0, 1, RATIOS)))
        self._ratios = np.stack([np.cos(ratios), np.sin(ratios)], axis=1)
        self.parts: list[Parts] = []
        """The amount of each part of a pod, for each workload."""
        for kinds, size, angle in zip(self.kinds, np.hypot(*pods.T), angles, strict=True):
            low = max(min(int(np.searchsorted(ratios, angle, "right")) - 1, len(ratios) - 2), 0)
            width = ratios[low + 1] - ratios[low] if len(ratios) > 1 else 1.0
            above = min(max(angle - ratios[low], 0.0), width)
            sides = ((low, width - above), (low + 1, above)) if len(ratios) > 1 else ((low, width),)
            amounts = {(kinds, side): float(size * math.sin(part) / math.sin(width)) for side, part in sides}
            self.parts.append({part: amount for part, amount in amounts.items() if amount > 0})
        self._total: defaultdict[Part, float] = defaultdict(float)
        for item, parts in zip(problem.workloads, self.parts, strict=True):
            for part, amount in parts.items():
                self._total[part] += amount * item.replicas
        self._pods = 2 * sum(item.replicas for item in problem.workloads)
        """More nodes than any placement needs of a type: one for each pod, before and after a loss."""
        self._sets = {kinds: self._own(kinds) for kinds in set(self.kinds)}

    def _own(self, kinds: frozenset[int]) -> tuple[list[float], int]:
        """Return the requests of the pods that fit on no other types, and the nodes that they need."""
        pairs = zip(self.problem.workloads, self.kinds, strict=True)
        own = [item for item, fitting in pairs if fitting <= kinds]
        least = max(math.ceil(item.replicas / self.problem.at_most(item)) for item in own)
        return [sum(item.pod[axis] * item.replicas for item in own) for axis in range(3)], least

    def mix(self, request: Request, *, time_limit_s: float) -> Needs:
        """Return the cheapest nodes that hold all parts of pods.

        Every placement satisfies these constraints, so the bound of the default request holds for every
        placement. If a node may be lost, there is a case for each type that may be the used one with the most
        cores: one node of it is spare. The cases are solved in the order of their relaxations, until no other
        can be cheaper.

        Args:
            request: what the mix must be like.
            time_limit_s: seconds after which the best mix found is returned.

        Raises:
            NoSolution: the types do not have the capacity.
        """
        deadline = time.monotonic() + time_limit_s
        first = self._solve(request, None)
        relaxed = {}
        for spare in self._cases(request):
            if spare is None or time.monotonic() > deadline:
                relaxed[spare] = first  # without a spare node, the bound holds for every case
                continue
            with suppress(NoSolution):
                relaxed[spare] = self._solve(request, spare)
        if not relaxed:
            raise NoSolution("nothing has the capacity after a loss")
        best: Needs | None = None
        bound = math.inf
        for spare in sorted(relaxed, key=lambda case: relaxed[case].bound):
            least = relaxed[spare].bound
            left = deadline - time.monotonic()
            if left <= 0 or (best and least >= best.bound):
                bound = min(bound, least)
                break
            try:
                found = self._solve(request, spare, left)
            except NoSolution as error:
                bound = min(bound, max(least, error.bound) if math.isfinite(error.bound) else least)
                continue
            bound = min(bound, max(found.bound, least))
            if best is None or found.bound < best.bound:
                best = found
        chosen = best or min(relaxed.values(), key=lambda item: item.bound)
        return Needs(chosen.nodes, chosen.spare, bound, chosen.amounts)

    def _kinds(self, request: Request) -> list[int]:
        return [number for number, kind in enumerate(self.problem.types) if kind.cpu >= request.smallest]

    def _cases(self, request: Request) -> Sequence[int | None]:
        return self._kinds(request) if self.problem.loss == "node" else [None]

    def _solve(self, request: Request, spare: int | None, whole_s: float | None = None) -> Needs:
        """Return the cheapest nodes for one case: whole ones found in `whole_s`, or parts, rounded up."""
        problem, allowed = self.problem, self._kinds(request)
        program = LinearProgram()
        places = [place for place in self._places() if place[0] in allowed]
        if spare is not None:
            places = [place for place in places if problem.types[place[0]].cpu <= problem.types[spare].cpu]
        count = {
            place: program.variable(
                cost=problem.types[place[0]].price,
                lower=float(place[0] == spare),
                integer=whole_s is not None,
            )
            for place in places
        }
        for number, kind in enumerate(problem.types):
            own = {count[place]: 1.0 for place in places if place[0] == number}
            if kind.most is not None and own:
                program.constraint(own, upper=kind.most)
        if spare is not None and whole_s is not None:
            self._lose(program, count, spare, request.reserve)
        held: dict[tuple[Part, Place], int] = {}
        for zone in problem.zones if problem.loss == "zone" else ("nothing is lost",):
            left = {place: variable for place, variable in count.items() if place[1] != zone}
            held = self._cover(program, left, spare, request)
        solution = program.solve(time_limit_s=math.inf if whole_s is None else whole_s, gap=request.gap)
        nodes = {place: math.ceil(solution.values[count[place]] - 1e-6) for place in places}
        amounts: defaultdict[tuple[Part, int], float] = defaultdict(float)
        for (part, place), variable in held.items():
            amounts[part, place[0]] += self._total[part] * solution.values[variable]
        return Needs(
            {place: number for place, number in nodes.items() if number}, spare, solution.bound, amounts
        )

    def _places(self) -> list[Place]:
        """Return types and zones; one zone stands for all, unless a zone may be lost."""
        types = enumerate(self.problem.types)
        if self.problem.loss == "zone":
            return [(number, zone) for number, kind in types for zone in kind.zones]
        return [(number, "") for number, _ in types]

    def _lose(self, program: LinearProgram, count: Mapping[Place, int], spare: int, reserve: float) -> None:
        """Let the nodes hold all bytes also after the loss of a node that has more of them than the spare."""
        for place, nodes in count.items():
            unused = self._free[place[0]][1]
            if unused > self._free[spare][1]:
                used = program.variable(upper=1.0, integer=True)
                program.constraint({nodes: 1.0, used: -float(self._pods)}, upper=0.0)
                row = {variable: self._free[kind][1] for (kind, _), variable in count.items()}
                program.constraint({**row, used: -unused}, lower=1 + reserve)

    def _cover(
        self, program: LinearProgram, count: Mapping[Place, int], spare: int | None, request: Request
    ) -> dict[tuple[Part, Place], int]:
        """Let the nodes that are left after a loss hold all parts; return the variables of their shares."""
        parts = self._total if request.divided else ()
        held = {(part, place): program.variable() for part in parts for place in count if place[0] in part[0]}
        for part in parts:
            row = {variable: 1.0 for (own, _), variable in held.items() if own == part}
            program.constraint(row, lower=1 + request.reserve)
        for place, nodes in count.items():
            for axis, free in enumerate(self._free[place[0]]):
                row = {
                    variable: self._total[part] * self._ratios[part[1]][axis]
                    for (part, where), variable in held.items()
                    if where == place
                }
                if any(row.values()):
                    program.constraint({**row, nodes: -free}, upper=-free * (place[0] == spare))
        for kinds, (needs, least) in self._sets.items():
            own = [place for place in count if place[0] in kinds]
            for axis in range(3):
                if need := needs[axis]:
                    unused = (
                        self.problem.free[spare][axis] / need if spare is not None and spare in kinds else 0.0
                    )
                    row = {count[place]: self.problem.free[place[0]][axis] / need for place in own}
                    program.constraint(row, lower=1 + request.reserve + unused)
            alone = 1 if self.problem.loss == "node" else 0
            program.constraint({count[place]: 1.0 for place in own}, lower=least + alone)
        return held
