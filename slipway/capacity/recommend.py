"""Recommendations: requests and limits of containers, with what they cost, their risk and their evidence."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slipway.capacity.sizing import Prices, cpu_limit, cpu_size, is_measured, memory_size
from slipway.capacity.usage import Usage, full_name, refusal
from slipway.cluster.objects import WORKLOADS
from slipway.cluster.quantities import amount, memory

GIB = 2.0**30
MIB = 2.0**20
LEAST_CPU = 0.01
LEAST_MEMORY = 16 * MIB
KILLED = 1.2
"""How far above the limit at which a container was killed the next limit lies, at least."""
NEAR = 0.95
"""The share of the limit above which a peak may have been cut off by the limit."""
HOURS_A_MONTH = 730


class Amounts(BaseModel):
    """Amounts of CPU and memory, in cores and bytes; None if not set."""

    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory_request: float | None = None
    memory_limit: float | None = None


@dataclass(frozen=True)
class Container:
    """A container of a workload as it is deployed."""

    workload: str
    name: str
    replicas: int
    today: Amounts


class Recommendation(BaseModel):
    """What a container needs, or why that is not known."""

    workload: str
    container: str
    replicas: int
    today: Amounts
    proposed: Amounts | None = None
    refused: str = ""
    """Why there is no proposal."""
    saved: float = 0.0
    """What the requests of all replicas save in a month; negative if they cost more."""
    risks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    history_s: float = 0.0
    cpu_quantile: float = 0.0
    memory_quantile: float = 0.0
    cpu_peak: float = 0.0
    memory_peak: float = 0.0

    @property
    def name(self) -> str:
        """Workload and container, or one of them if they are the same."""
        return full_name(self.workload, self.container)


def containers(manifests: Sequence[Mapping[str, Any]]) -> Iterator[Container]:
    """Yield the containers of the workloads among manifests."""
    for manifest in manifests:
        if manifest["kind"] not in WORKLOADS:
            continue
        spec = manifest["spec"]
        for container in spec["template"]["spec"]["containers"]:
            resources = container.get("resources") or {}
            values = {
                f"{key}_{side}": amount(resources[f"{side}s"][key])
                for side in ("request", "limit")
                for key in ("cpu", "memory")
                if key in (resources.get(f"{side}s") or {})
            }
            replicas = spec.get("replicas")
            count = 1 if replicas is None else int(replicas)
            yield Container(manifest["metadata"]["name"], container["name"], count, Amounts(**values))


def recommend(
    container: Container, usage: Usage | None, prices: Prices, *, budget: float, least_s: float
) -> Recommendation:
    """Return what a container needs.

    Args:
        container: the container as it is deployed.
        usage: its measured use, cleaned; None if it was not measured.
        prices: of slack and of shortages.
        budget: the share of time that the CPU limit may throttle it.
        least_s: the seconds that the history must cover.
    """
    result = Recommendation(
        workload=container.workload,
        container=container.name,
        replicas=container.replicas,
        today=container.today,
    )
    reason = refusal(usage, least_s) if usage else "it was not measured: `slipway capacity measure` does"
    if usage is None or reason:
        return result.model_copy(update={"refused": reason, "notes": usage.notes if usage else ()})
    found = {"notes": usage.notes, "history_s": usage.span_s}
    if (leak := usage.leak()) is not None:
        text = (
            f"its memory grows by {memory(leak)} an hour without an end: repair the leak, no size is enough"
        )
        return result.model_copy(update={**found, "refused": text})
    today = container.today
    cores = cpu_size(usage.cpu, prices.core_hour, prices.throttled_hour)
    request = max(_up(cores.amount, 0.001), LEAST_CPU)
    throttled = usage.throttled_by_limit()
    measured = today.cpu_limit is not None and is_measured(today.cpu_limit, usage.throttled_by_limit(least_s))
    limit = cpu_limit(
        usage.cpu, request, budget, throttled=throttled, measured=measured, today=today.cpu_limit
    )
    space = memory_size(usage.peaks(), prices.gib_hour / GIB, prices.kill, most=_most(usage, today))
    size = max(_up(_with_floor(space.amount, usage, today), MIB), LEAST_MEMORY)
    proposed = Amounts(
        cpu_request=request,
        cpu_limit=_up(limit, 0.001) if limit is not None else today.cpu_limit,
        memory_request=size,
        memory_limit=size if today.memory_limit is not None else None,
    )
    return result.model_copy(
        update={
            **found,
            "proposed": proposed,
            "saved": container.replicas * HOURS_A_MONTH * (hourly(today, prices) - hourly(proposed, prices)),
            "risks": (
                *_risks(usage, cores.quantile, space.quantile, proposed),
                *_unmeasured(usage, budget, measured, today),
            ),
            "cpu_quantile": cores.quantile,
            "memory_quantile": space.quantile,
            "cpu_peak": cores.peak,
            "memory_peak": space.peak,
        }
    )


def _most(usage: Usage, today: Amounts) -> float:
    """Return the limit of today if it, or one as low, never came near to cutting the use off."""
    limit = today.memory_limit
    if limit is None:
        return math.inf
    killed = any(at is None or at > NEAR * limit for at in usage.kills)
    return math.inf if killed or max(usage.peaks()) > NEAR * limit else limit


def _with_floor(size: float, usage: Usage, today: Amounts) -> float:
    """Return a size that is enough for what no sample shows: what a kill cut off.

    The floor follows from the limit at the kill, so it stays the same when it is applied. After a kill at an
    unknown limit, the limit of today stays at least.
    """
    if today.memory_limit is None:
        return size
    return max([size, *(today.memory_limit if at is None else KILLED * at for at in usage.kills)])


def _up(value: float, step: float) -> float:
    return math.ceil(value / step - 1e-9) * step


def hourly(amounts: Amounts, prices: Prices) -> float:
    """Return the price of the requests of a pod for an hour."""
    cores, size = amounts.cpu_request or 0, amounts.memory_request or 0
    return cores * prices.core_hour + size / GIB * prices.gib_hour


def _risks(usage: Usage, cpu_covered: float, memory_covered: float, proposed: Amounts) -> Iterator[str]:
    if cpu_covered < 1:
        yield f"in {1 - cpu_covered:.1%} of the samples it used more CPU: it then depends on its node"
    if memory_covered < 1:
        yield f"in {1 - memory_covered:.1%} of the intervals it used more memory: it is killed then"
    else:
        spare = (proposed.memory_request or 0) / max(max(usage.peaks()), 1) - 1
        yield f"it is killed if it needs {spare:.0%} more memory than ever measured"
    for at, count in usage.kills.items():
        limit = "an unknown limit" if at is None else f"a limit of {memory(at)}"
        yield f"it was killed for lack of memory {count} times, at {limit}: the measured memory is cut off"


def _unmeasured(usage: Usage, budget: float, measured: bool, today: Amounts) -> Iterator[str]:
    """Yield why the CPU limit is not lowered, or not raised, if throttling under it is unknown."""
    for item in usage.throttling:
        if item.limit is None and item.throttled > budget * item.periods:
            share = item.throttled / item.periods
            yield f"it was throttled in {share:.0%} of its periods, under an unknown limit"
    if usage.throttled is None:
        yield "throttling was not measured, so the CPU limit is not lowered"
    elif today.cpu_limit is not None and not measured:
        yield "throttling was not measured long enough under the CPU limit of today, so that is not lowered"


def as_quantities(amounts: Amounts) -> dict[tuple[str, str], str]:
    """Return amounts as Kubernetes writes them: {("requests", "cpu"): "250m"}."""
    found: dict[tuple[str, str], str] = {}
    for side in ("request", "limit"):
        cores, size = getattr(amounts, f"cpu_{side}"), getattr(amounts, f"memory_{side}")
        if cores is not None:
            found[f"{side}s", "cpu"] = f"{math.ceil(cores * 1000 - 1e-6)}m"
        if size is not None:
            found[f"{side}s", "memory"] = f"{math.ceil(size / MIB)}Mi"
    return found
