"""The number of replicas, or an autoscaler's bounds, of the workloads that serve requests.

docs/decisions/capacity.md has the formulation: variables, constraints and units.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from pydantic import BaseModel

from slipway.capacity.recommend import HOURS_A_MONTH, Recommendation, hourly
from slipway.capacity.schedule import Service, autoscale, cost
from slipway.capacity.sizing import Prices
from slipway.capacity.usage import Usage
from slipway.cluster.objects import StackObject
from slipway.cluster.rollout import selects
from slipway.preview.rules.workloads import selects as matches

SLOT_S = 300.0
"""The length of the slots whose load is added up over all pods."""
HEADROOM = 1.5
"""How far above the highest measured load an autoscaler may go, at least."""
KEPT = 2
"""The lowest number of replicas of a workload that has several, so that the loss of one stops nothing."""


class Scale(BaseModel):
    """The bounds of the replicas; both are the number if there is no autoscaler."""

    least: int
    most: int
    target: float | None = None
    """The autoscaler's target, as a share of the CPU request; None without an autoscaler."""

    def __str__(self) -> str:
        return f"{self.least}" if self.target is None else f"{self.least} to {self.most} at {self.target:.0%}"

    def settings(self) -> dict[tuple[str, ...], str]:
        """Return the settings of a web service in a stack file, by their paths."""
        if self.target is None:
            return {("replicas",): f"{self.least}"}
        return {
            ("autoscaling", "minReplicas"): f"{self.least}",
            ("autoscaling", "maxReplicas"): f"{self.most}",
        }


class Scaling(BaseModel):
    """The replicas that a workload needs, or why that is not known."""

    workload: str
    today: Scale
    proposed: Scale | None = None
    refused: str = ""
    """Why there is no proposal."""
    saved: float = 0.0
    """What the proposed requests of the replicas save in a month; negative if they cost more."""
    risks: tuple[str, ...] = ()


def scales(objects: Sequence[StackObject]) -> dict[str, tuple[Scale, int]]:
    """Return the replicas, and their lowest sensible number, of each Deployment that a Service selects."""
    found = {}
    for item in objects:
        if item.kind != "Deployment":
            continue
        template = item.manifest["spec"]["template"]
        near = [other for other in objects if other.namespace == item.namespace]
        if not any(other.kind == "Service" and selects(dict(other.manifest), template) for other in near):
            continue
        number = item.manifest["spec"].get("replicas")
        scale = Scale(least=1 if number is None else int(number), most=1 if number is None else int(number))
        if spec := autoscaler(item, objects):
            target = _target(spec)
            if target is None:
                continue
            least, most = bounds(spec)
            scale = Scale(least=least, most=most, target=target)
        labels = template["metadata"].get("labels") or {}
        budget = any(
            other.kind == "PodDisruptionBudget" and matches(other.manifest["spec"].get("selector"), labels)
            for other in near
        )
        found[item.name] = scale, KEPT if budget or scale.least >= KEPT else 1
    return found


def autoscaler(item: StackObject, objects: Sequence[StackObject]) -> Mapping[str, Any] | None:
    """Return the spec of the HorizontalPodAutoscaler of a workload; None without one."""
    for other in objects:
        if other.kind == "HorizontalPodAutoscaler" and other.namespace == item.namespace:
            spec: Mapping[str, Any] = other.manifest["spec"]
            target = spec["scaleTargetRef"]
            if (target.get("kind"), target.get("name")) == (item.kind, item.name):
                return spec
    return None


def bounds(spec: Mapping[str, Any]) -> tuple[int, int]:
    """Return the lowest and the highest number of replicas of an autoscaler."""
    return int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])


def _target(spec: Mapping[str, object]) -> float | None:
    """Return the target of an autoscaler that follows CPU, and nothing else; None of another."""
    metrics = spec.get("metrics")
    if not isinstance(metrics, list) or len(metrics) != 1:
        return None
    resource = metrics[0].get("resource") or {}
    percent = (resource.get("target") or {}).get("averageUtilization")
    return float(percent) / 100 if resource.get("name") == "cpu" and percent else None


def loads(usage: Usage) -> list[float]:
    """Return the cores of all pods together in each slot that has samples, in the order of time."""
    slots: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in usage.samples:
        if sample.cpu is not None:
            slots[int(sample.time // SLOT_S)][sample.pod].append(sample.cpu)
    return [sum(sum(values) / len(values) for values in pods.values()) for _, pods in sorted(slots.items())]


def rescale(
    container: Recommendation, usage: Usage | None, today: Scale, floor: int, prices: Prices
) -> Scaling:
    """Return the replicas with the lowest cost for the measured load of all pods together.

    A replica serves its proposed CPU request. Its price is that of its proposed requests, and the price of a
    missing core is that of the container's size.

    Args:
        container: the recommendation for the only container of the workload.
        usage: its measured use, cleaned.
        today: the replicas as they are deployed.
        floor: the lowest number that makes sense.
        prices: of slack and of shortages.
    """
    result = Scaling(workload=container.workload, today=today)
    if container.proposed is None or usage is None:
        return result.model_copy(update={"refused": container.refused or "it was not measured"})
    if today.most < KEPT and floor < KEPT:
        reason = "it has a single replica: whether it may have several, only its author knows"
        return result.model_copy(update={"refused": reason})
    demand = loads(usage)
    request = container.proposed.cpu_request or 0.0
    if not demand or not request:
        return result.model_copy(update={"refused": "its CPU was not measured"})
    price = hourly(container.proposed, prices)
    needed = math.ceil(HEADROOM * max(demand) / (request * (today.target or 1.0)))
    service = Service(
        load=request,
        price=price,
        unmet=prices.throttled_hour * request,
        delay=1 if today.target else 0,
        least=floor,
        most=max(needed, today.most, floor),
    )
    best = min(range(floor, service.most + 1), key=lambda least: _cost(least, demand, service, today.target))
    before, after = (_running(least, demand, service, today.target) for least in (today.least, best))
    most = best if today.target is None else max(needed, today.most)
    return result.model_copy(
        update={
            "proposed": Scale(least=best, most=most, target=today.target),
            "saved": (mean(before) - mean(after)) * price * HOURS_A_MONTH,
            "risks": (*_risks(best, after, demand, request, today), *_served(usage, best)),
        }
    )


def _running(least: int, demand: Sequence[float], service: Service, target: float | None) -> Sequence[int]:
    """Return the replicas in each slot, with a fixed number or with an autoscaler's lowest number."""
    if target is None:
        return [least] * len(demand)
    return autoscale(demand, service, target, minimum=[least] * len(demand))


def _cost(least: int, demand: Sequence[float], service: Service, target: float | None) -> tuple[float, int]:
    """Return the cost of the measured time; of equal costs, more replicas are better."""
    running = _running(least, demand, service, target)
    return cost(running, [[load] for load in demand], service), -least


def _served(usage: Usage, replicas: int) -> Iterator[str]:
    if usage.requests is not None:
        share = usage.requests / replicas
        yield f"at most {usage.requests:.1f} requests a second came: {share:.1f} for each of {replicas}"


def _risks(
    best: int, running: Sequence[int], demand: Sequence[float], request: float, today: Scale
) -> Iterator[str]:
    short = sum(load > number * request for number, load in zip(running, demand, strict=True)) / len(demand)
    name = "replicas" if today.target is None else "replicas at least"
    yield f"with {best} {name}, their CPU requests were below the load in {short:.1%} of the time"
    if best < today.least:
        share = today.least / best
        yield f"a pod gets up to {share:.1f} times the load of today: its memory was measured with less"
    if best == KEPT < today.least:
        yield "with one pod lost, a single one serves all requests"
