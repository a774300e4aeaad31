"""The mix of nodes and the lower bound on their cost that a placement starts from."""

import math
import random
from collections import Counter

import pytest

from benchmarks.capacity_packing import problem as benchmark_problem
from slipway.capacity.packing.bound import Relaxation
from slipway.capacity.packing.greedy import fill
from slipway.capacity.packing.model import Loss, NodeType, Problem, Workload

CHANCE = random.Random(0)  # noqa: S311 - not for secrets


@pytest.mark.parametrize("loss", ["none", "node", "zone"])
def test_a_mix_of_cpu_and_memory_nodes_is_filled_in_both(loss: Loss) -> None:
    large = benchmark_problem(0, 300, 20, loss)
    relaxation = Relaxation(large)
    mix = relaxation.mix(0.4, time_limit_s=300)
    filled = fill(large, mix, relaxation.parts, math.inf, CHANCE)
    assert filled is not None
    assert filled.cost <= relaxation.cost(mix) + 1e-9
    assert filled.cost < 1.03 * relaxation.bound(time_limit_s=300)
    used = Counter(w for node in filled.nodes for w in node.pods.elements())
    assert used == {number: item.replicas for number, item in enumerate(large.workloads)}


def test_each_node_has_a_node_that_takes_its_pods_when_its_zone_is_lost() -> None:
    problem = benchmark_problem(0, 100, 20, "zone")
    relaxation = Relaxation(problem)
    mix = relaxation.mix(0.2, time_limit_s=300)
    filled = fill(problem, mix, relaxation.parts, math.inf, CHANCE)
    assert filled is not None
    for zone in problem.zones:
        lost = Counter(node.kind for node in filled.nodes if node.zone == zone and node.pods)
        waiting = Counter(node.kind for node in filled.nodes if node.zone != zone and not node.pods)
        assert lost <= waiting


def test_the_bound_knows_that_pods_exclude_each_other() -> None:
    """Without the limits on a node, one node for memory and two for cores hold everything, for 3."""
    alone, rest = Workload("alone", 1, 8, replicas=3, per_node=1), Workload("rest", 1, 0.5, replicas=32)
    types = (NodeType("memory", 3, 24, 1.0), NodeType("cores", 16, 8, 1.0))
    assert Relaxation(Problem((alone, rest), types)).bound(time_limit_s=300) >= 4.0 - 1e-6


def test_a_bound_without_time_is_a_bound() -> None:
    types = (NodeType("small", 2, 2, 5.0), NodeType("large", 8, 8, 1.0))
    relaxation = Relaxation(Problem((Workload("web", 1, 1, replicas=8),), types, loss="node"))
    assert relaxation.bound(time_limit_s=300) == pytest.approx(2.0)
    assert relaxation.bound(time_limit_s=0) <= 2.0 + 1e-6
