"""The packing problem: pods, node types with prices, and losses that the rest must absorb."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from slipway.errors import SlipwayError

Loss = Literal["none", "node", "zone"]
Vector = tuple[float, float, float]
"""Cores, bytes, pods."""
TOLERANCE = 1e-6
"""The share of a node that rounding may overdraw."""


@dataclass(frozen=True)
class NodeType:
    """A kind of node that can be rented."""

    name: str
    cpu: float
    """Allocatable cores."""
    memory: float
    """Allocatable bytes."""
    price: float
    """Per hour, in any currency."""
    pods: int = 110
    zones: tuple[str, ...] = ("",)
    most: int | None = None
    """The highest number of nodes of the type; None for any."""


@dataclass(frozen=True)
class Workload:
    """Equal pods."""

    name: str
    cpu: float
    """The requests of one pod, in cores."""
    memory: float
    """The requests of one pod, in bytes."""
    replicas: int = 1
    per_node: int | None = None
    """The highest number of its pods on a node; 1 is an anti-affinity to itself."""
    spread: bool = False
    """Whether a zone has at most its share of the pods, rounded up."""
    apart: frozenset[str] = frozenset()
    """The workloads that may not share a node with it."""

    @property
    def pod(self) -> Vector:
        """The request of one pod."""
        return self.cpu, self.memory, 1.0


@dataclass(frozen=True)
class Problem:
    """What to place, on what, and what may be lost."""

    workloads: tuple[Workload, ...]
    types: tuple[NodeType, ...]
    daemons: tuple[Vector, ...] = ()
    """The requests of the daemon sets, which run one pod on every node."""
    loss: Loss = "none"
    """What may be lost at once, so that its pods still fit on the other nodes, without moving other pods."""

    def __post_init__(self) -> None:
        _check(self)

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """The zones of all types."""
        return tuple(sorted({zone for kind in self.types for zone in kind.zones}))

    @cached_property
    def free(self) -> tuple[Vector, ...]:
        """What a node of each type has free for the workloads."""
        used = [sum(daemon[axis] for daemon in self.daemons) for axis in range(3)]
        return tuple((kind.cpu - used[0], kind.memory - used[1], kind.pods - used[2]) for kind in self.types)

    @cached_property
    def apart(self) -> tuple[frozenset[int], ...]:
        """For each workload, the numbers of those that may not share a node with it."""
        numbers = {item.name: number for number, item in enumerate(self.workloads)}
        pairs = {
            (number, numbers[other]) for number, item in enumerate(self.workloads) for other in item.apart
        }
        both = pairs | {(second, first) for first, second in pairs}
        return tuple(
            frozenset(second for first, second in both if first == number) if both else frozenset()
            for number in range(len(self.workloads))
        )

    def fits(self, workload: Workload, kind: int) -> bool:
        """Return whether a pod fits on an empty node of a type."""
        pairs = zip(workload.pod, self.free[kind], strict=True)
        return all(need <= free + TOLERANCE * abs(free) for need, free in pairs)

    def at_most(self, workload: Workload) -> int:
        """Return the highest number of the workload's pods on a node."""
        return min(workload.per_node or workload.replicas, workload.replicas)

    def in_zone(self, workload: Workload) -> int:
        """Return the highest number of the workload's pods in a zone."""
        share = math.ceil(workload.replicas / len(self.zones))
        return share if workload.spread else workload.replicas


@dataclass
class Node:
    """A node of a placement, and the number of pods of each workload on it."""

    kind: int
    """The number of its type."""
    zone: str
    pods: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class Placement:
    """Nodes with all pods."""

    nodes: tuple[Node, ...]
    cost: float

    @classmethod
    def of(cls, problem: Problem, nodes: Sequence[Node]) -> "Placement":
        """Return the placement of these nodes, with their price."""
        return cls(tuple(nodes), sum(problem.types[node.kind].price for node in nodes))


def _check(problem: Problem) -> None:
    if not problem.workloads or not problem.types:
        raise SlipwayError("there is nothing to place: give at least one workload and one node type")
    for items in (problem.workloads, problem.types):
        names = Counter(item.name for item in items)
        if twice := [name for name, count in names.items() if count > 1]:
            raise SlipwayError(f"{twice[0]} is there twice: give each its own name")
    for kind in problem.types:
        _check_type(kind)
    for workload in problem.workloads:
        _check_workload(problem, workload)
    if problem.loss == "zone" and len(problem.zones) < 2:
        raise SlipwayError("the loss of a zone needs at least two zones: give the node types `zones`")


def _check_type(kind: NodeType) -> None:
    for key in ("cpu", "memory", "price", "pods"):
        if not 0 < (value := getattr(kind, key)) < math.inf:
            raise SlipwayError(f"node type {kind.name}: {key} is {value}, but must be a number above 0")
    if not kind.zones:
        raise SlipwayError(f"node type {kind.name}: zones is empty, but must name at least one")


def _check_workload(problem: Problem, workload: Workload) -> None:
    for key in ("cpu", "memory"):
        if not 0 <= (value := getattr(workload, key)) < math.inf:
            raise SlipwayError(f"workload {workload.name}: {key} is {value}, but must be a number from 0")
    for key in ("replicas", "per_node"):
        if (value := getattr(workload, key)) is not None and value < 1:
            raise SlipwayError(f"workload {workload.name}: {key} is {value}, but must be at least 1")
    names = {item.name for item in problem.workloads}
    if unknown := sorted(workload.apart - names):
        raise SlipwayError(
            f"workload {workload.name}: apart names {unknown[0]}, but the workloads are"
            f" {', '.join(sorted(names))}"
        )
    if not any(problem.fits(workload, kind) for kind in range(len(problem.types))):
        raise SlipwayError(
            f"a pod of {workload.name} ({workload.cpu:g} cores, {workload.memory / 2**20:.0f} MiB) fits on no"
            " node type: add a larger type, or lower its requests"
        )
