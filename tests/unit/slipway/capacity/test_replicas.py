"""The replicas, or the autoscaler's bounds, of workloads that serve requests."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.capacity.recommend import Amounts, Recommendation
from slipway.capacity.replicas import Scale, Scaling, loads, rescale, scales
from slipway.capacity.sizing import Prices
from slipway.capacity.usage import Sample, Usage
from slipway.cli.capacity.pack import of_stack
from slipway.cli.capacity.recommend import _write
from slipway.cluster.objects import StackObject
from slipway.pulumi.stack_file import StackFile
from tests.unit.slipway.preview.rules.test_rules import workload

GIB = 2.0**30
BOX = Recommendation(
    workload="web",
    container="web",
    replicas=6,
    today=Amounts(),
    proposed=Amounts(cpu_request=0.5, memory_request=GIB),
)
SIX = Scale(least=6, most=6)


def usage(totals: list[float], pods: int = 2) -> Usage:
    samples = [
        Sample(slot * 300.0, f"web-{pod}", total / pods, GIB)
        for slot, total in enumerate(totals, 1)
        for pod in range(pods)
    ]
    return Usage("web", "web", tuple(samples))


def rescaled(totals: list[float], today: Scale = SIX, floor: int = 2, **prices: float) -> Scaling:
    return rescale(BOX, usage(totals), today, floor, Prices(**prices))


def test_the_load_is_the_sum_of_the_means_of_all_pods() -> None:
    samples = (
        Sample(310, "a", 1, 1),
        Sample(320, "a", 3, 1),
        Sample(330, "b", 0.5, 1),
        Sample(600, "b", 4, 1),
    )
    assert loads(Usage("web", "web", samples)) == [2.5, 4.0]


def test_as_many_pods_remain_as_their_requests_hold_the_load() -> None:
    found = rescaled([1.4] * 100)
    assert found.proposed == Scale(least=3, most=3)
    assert found.saved == pytest.approx(3 * 730 * (0.5 * 0.03 + 0.004))
    assert found.risks == (
        "with 3 replicas, their CPU requests were below the load in 0.0% of the time",
        "a pod gets up to 2.0 times the load of today: its memory was measured with less",
    )


def test_a_load_above_all_pods_costs_more() -> None:
    found = rescaled([4.0] * 100)
    assert found.proposed == Scale(least=8, most=8)
    assert found.saved < 0


def test_an_idle_workload_keeps_two_pods() -> None:
    found = rescaled([0.01] * 100)
    assert found.proposed == Scale(least=2, most=2)
    assert "with one pod lost, a single one serves all requests" in found.risks


def test_a_single_replica_is_left_to_its_author() -> None:
    found = rescaled([4.0] * 100, today=Scale(least=1, most=1), floor=1)
    assert (found.proposed, found.refused.startswith("it has a single replica")) == (None, True)


def test_the_minimum_of_an_autoscaler_pays_where_it_is_too_late() -> None:
    today = Scale(least=2, most=4, target=0.5)
    steady = rescaled([0.5] * 200, today)
    jumping = rescaled(([0.5] * 5 + [5.0] * 5) * 20, today, throttled_hour=10)
    assert steady.proposed == Scale(least=2, most=4, target=0.5)
    assert jumping.proposed
    assert jumping.proposed.least >= 10
    assert jumping.proposed.most == 30  # 1.5 times what the highest load needs at the target


@given(st.lists(st.floats(0.01, 20), min_size=1, max_size=50), st.integers(2, 9), st.floats(0.01, 50))
def test_the_number_has_the_lowest_cost(totals: list[float], floor: int, price: float) -> None:
    found = rescaled(totals, floor=floor, throttled_hour=price)
    assert found.proposed
    assert found.proposed.least >= floor

    def costs(number: int) -> float:
        missing = sum(max(total - number * 0.5, 0) for total in totals) / len(totals)
        return number * (0.5 * 0.03 + 0.004) + price * missing

    numbers = range(floor, max(math.ceil(max(totals) / 0.5), floor) + 2)
    assert costs(found.proposed.least) == pytest.approx(min(map(costs, numbers)))


def stack_object(kind: str, name: str, spec: dict[str, Any]) -> StackObject:
    return StackObject("urn", "v1", kind, "shop", name, {"kind": kind, "spec": spec})


WEB = StackObject("urn", "apps/v1", "Deployment", "shop", "web", workload())
SERVICE = stack_object("Service", "web", {"selector": {"app": "web"}})
BUDGET = stack_object("PodDisruptionBudget", "web", {"selector": {"matchLabels": {"app": "web"}}})


def autoscaler(resource: str) -> StackObject:
    metric = {"type": "Resource", "resource": {"name": resource, "target": {"averageUtilization": 70}}}
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "minReplicas": 3, "maxReplicas": 9, "metrics": [metric],
    }  # fmt: skip
    return stack_object("HorizontalPodAutoscaler", "web", spec)


def test_only_what_a_service_selects_is_scaled() -> None:
    assert scales([WEB]) == {}
    assert scales([WEB, SERVICE]) == {"web": (Scale(least=2, most=2), 2)}
    assert scales([WEB, SERVICE, autoscaler("memory")]) == {}
    assert scales([WEB, SERVICE, autoscaler("cpu")]) == {"web": (Scale(least=3, most=9, target=0.7), 2)}


@pytest.mark.parametrize(("highest", "pods"), [(True, 9), (False, 3)])
def test_a_workload_with_an_autoscaler_is_packed_by_its_bounds(highest: bool, pods: int) -> None:
    other = StackObject("urn", "apps/v1", "StatefulSet", "shop", "web", workload(replicas=1))
    scaled = replace(other, kind="Deployment", manifest={**other.manifest, "kind": "Deployment"})
    for resource in ("cpu", "memory"):
        objects = [scaled, autoscaler(resource)]
        [found] = of_stack(objects, "dev", highest=highest)[0]
        assert (found.name, found.replicas) == ("dev/web", pods)
    [alone] = of_stack([other, autoscaler("cpu")], "dev", highest=highest)[0]
    assert alone.replicas == 1, "the autoscaler is that of a Deployment"


def test_a_disruption_budget_keeps_two_pods() -> None:
    alone = StackObject("urn", "apps/v1", "Deployment", "shop", "web", workload(replicas=1))
    assert scales([alone, SERVICE])["web"][1] == 1
    assert scales([alone, SERVICE, BUDGET])["web"][1] == 2


@pytest.mark.parametrize(
    ("scale", "before", "after"),
    [
        (Scale(least=3, most=3), "    replicas: 6 # six\n", "    replicas: 3 # six\n"),
        (
            Scale(least=4, most=9, target=0.7),
            "    autoscaling: # bounds\n      minReplicas: 3 # low\n      maxReplicas: 8\n",
            "    autoscaling: # bounds\n      minReplicas: 4 # low\n      maxReplicas: 9\n",
        ),
    ],
)
def test_write_changes_the_setting_and_keeps_comments(
    tmp_path: Path, scale: Scale, before: str, after: str
) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(f"config:\n  slipway:web:\n{before}")
    run = SimpleNamespace(failure_reason=None)
    snapshot: Any = SimpleNamespace(
        project="slipway",
        file=StackFile(path, "slipway:image"),
        stack=SimpleNamespace(preview=lambda: run),
    )
    scaling = Scaling(workload="web", today=SIX, proposed=scale)
    _write(snapshot, [BOX], {"web": scaling}, {"web": ("web", "resources")})
    assert path.read_text().startswith(f"config:\n  slipway:web:\n{after}")


@pytest.mark.parametrize("proposed", [Amounts(memory_request=GIB), BOX.proposed])
def test_without_a_measured_cpu_there_is_no_number(proposed: Amounts) -> None:
    box = BOX.model_copy(update={"proposed": proposed})
    samples = tuple(Sample(slot * 300.0, "web-1", None, GIB) for slot in range(9))
    found = rescale(box, Usage("web", "web", samples), SIX, 2, Prices())
    assert (found.proposed, found.refused) == (None, "its CPU was not measured")


def test_measured_requests_are_shared_by_the_replicas() -> None:
    measured = replace(usage([1.0] * 20), requests=120.0)
    found = rescale(BOX, measured, SIX, 2, Prices())
    assert found.proposed
    share = 120 / found.proposed.least
    assert f"at most 120.0 requests a second came: {share:.1f} for each" in found.risks[-1]
    assert not any("requests a second" in risk for risk in rescale(BOX, usage([1.0]), SIX, 2, Prices()).risks)
