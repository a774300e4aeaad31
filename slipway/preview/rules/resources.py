"""Resource requests and limits, and the capacity of nodes and quotas for them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slipway.cluster import quantities
from slipway.cluster.capacity import Capacity, Node
from slipway.cluster.quantities import amount
from slipway.preview.rules.consequence import (
    Consequence,
    Level,
    Object,
    Situation,
    count,
    get,
    mapping,
)
from slipway.preview.rules.scheduling import may_run
from slipway.preview.rules.workloads import SERVING, Compute, Workload, persisting, restarting, workloads
from slipway.pulumi.changes import Op


@dataclass(frozen=True)
class Totals:
    """Requests and limits of a stack's pods at their lowest number, and requests at their highest."""

    requests: Compute
    limits: Compute
    most: Compute

    @classmethod
    def add(cls, pods: Iterable[Workload]) -> "Totals":
        """Add up the requests and limits of workloads."""
        pods = tuple(pods)
        return cls(
            sum((workload.requests() * workload.replicas for workload in pods), Compute()),
            sum((workload.limits() * workload.replicas for workload in pods), Compute()),
            sum((workload.requests() * workload.most for workload in pods), Compute()),
        )


def totals(situation: Situation) -> Iterator[Consequence]:
    """Yield the change of the stack's requests and limits."""
    before = Totals.add(workloads(situation, situation.before))
    after = Totals.add(workloads(situation, situation.after))
    if before == after:
        return
    scales = (before.most, after.most) != (before.requests, after.requests)
    parts = [
        *_differences("requests", before.requests, after.requests),
        *_differences("limits", before.limits, after.limits),
        *(_differences("requests at full scale", before.most, after.most) if scales else ()),
    ]
    yield Consequence(Level.SAFE, "resources", f"All pods together: {', '.join(parts)}")


def _differences(title: str, old: Compute, new: Compute) -> Iterator[str]:
    if old.cpu != new.cpu:
        yield f"{title} CPU {quantities.cpu(old.cpu)} → {quantities.cpu(new.cpu)}"
    if old.memory != new.memory:
        yield f"{title} memory {quantities.memory(old.memory)} → {quantities.memory(new.memory)}"


def limits(situation: Situation) -> Iterator[Consequence]:
    """Yield memory limits that are removed or lowered."""
    for old, new in persisting(situation):
        before, after = old.limits().memory, new.limits().memory
        if before and not after:
            reason = "loses its memory limit: it may use up the memory of its node"
            yield new.object.consequence(Level.ATTENTION, "resources", reason)
        elif after < before:
            sizes = f"{quantities.memory(before)} → {quantities.memory(after)}"
            reason = f"gets a lower memory limit ({sizes}): a pod that exceeds it is killed"
            yield new.object.consequence(Level.ATTENTION, "resources", reason)


def capacity(situation: Situation) -> Iterator[Consequence]:
    """Yield new pods, surge pods included, that nodes or quotas have no capacity for."""
    additional = list(_additional(situation))
    if situation.cluster:
        free = {node.name: [node.cpu_free, node.memory_free] for node in situation.cluster.nodes}
        yield from _on_each_node(situation, situation.cluster, free)
        yield from _on_nodes(situation.cluster, free, additional)
        yield from _in_quotas(situation.cluster, additional)
    for scaler in situation.removed("HorizontalPodAutoscaler"):
        reason = "is deleted: more load adds no pods any longer"
        yield scaler.consequence(Level.ATTENTION, "capacity", reason)
    updated = (new for old, new in situation.updates("ResourceQuota") if _is_stricter(old, new))
    for quota in (*situation.created("ResourceQuota"), *updated):
        reason = f"limits the resources that pods in namespace {quota.namespace} may request"
        yield quota.consequence(Level.ATTENTION, "capacity", reason)


def _is_stricter(old: Object, new: Object) -> bool:
    before, after = (mapping(get(item.manifest, "spec", "hard")) for item in (old, new))
    return any(key not in before or amount(after[key]) < amount(before[key]) for key in after)


def _additional(situation: Situation) -> Iterator[tuple[Workload, int]]:
    """Yield workloads with the number of pods that need capacity next to the running pods."""
    before = {workload.object.change.urn: workload for workload in workloads(situation, situation.before)}
    restarted = {new.object.change.urn for _, new in restarting(situation)}
    for new in workloads(situation, situation.after):
        if new.object.kind not in SERVING:
            continue
        urn = new.object.change.urn
        old = before.get(urn)
        if new.object.kind == "DaemonSet":
            nodes = situation.cluster.nodes if situation.cluster else ()
            yield new, sum(may_run(node, new.pod) and not _runs_on(node, old) for node in nodes)
            continue
        running = old.replicas if old and new.object.change.op is not Op.REPLACE else 0
        extra = _growth(old, new) + (new.surge or 1) if old and urn in restarted else 0
        yield new, max(0, new.replicas - running) + extra


def _growth(old: Workload, new: Workload) -> int:
    """Return the number of pods whose capacity the running pods need more, once they are replaced."""
    before, after = old.requests(), new.requests()
    shares = [
        1 - was / now for was, now in ((before.cpu, after.cpu), (before.memory, after.memory)) if now > was
    ]
    return math.ceil(max(shares, default=0) * min(old.replicas, new.replicas))


def _on_each_node(
    situation: Situation, cluster: Capacity, free: dict[str, list[float]]
) -> Iterator[Consequence]:
    """Yield DaemonSets whose pods are new or larger on nodes without capacity for them."""
    before = {workload.object.change.urn: workload for workload in workloads(situation, situation.before)}
    for new in workloads(situation, situation.after):
        if new.object.kind != "DaemonSet" or new.object.change.op is Op.SAME:
            continue
        old = None if new.object.change.op is Op.REPLACE else before.get(new.object.change.urn)
        nodes = [node for node in cluster.nodes if may_run(node, new.pod)]
        full = [node.name for node in nodes if not _take(free[node.name], _more_on(node, old, new))]
        if full:
            size = _size(_more_on(next(node for node in nodes if node.name == full[0]), old, new))
            reason = (
                f"needs {size} more on each of {count(len(nodes), 'node')}, but {', '.join(full)}"
                f" {'has' if len(full) == 1 else 'have'} too little free capacity:"
                f" {count(len(full), 'pod')} will stay pending"
            )
            yield new.object.consequence(Level.ATTENTION, "capacity", reason)


def _more_on(node: Node, old: Workload | None, new: Workload) -> Compute:
    """Return what a pod of a DaemonSet needs more than the pod that it replaces on a node."""
    before, after = old.requests() if old and _runs_on(node, old) else Compute(), new.requests()
    if old and old.template != new.template and new.surge:
        return after
    return Compute(max(0, round(after.cpu - before.cpu, 6)), max(0, after.memory - before.memory))


def _runs_on(node: Node, workload: Workload | None) -> bool:
    """Return whether a DaemonSet has a pod on a node."""
    return workload is not None and may_run(node, workload.pod)


def _take(free: list[float], need: Compute) -> bool:
    """Take capacity from a node; return whether it had enough."""
    if any(wanted > max(0, left) for wanted, left in zip((need.cpu, need.memory), free, strict=True)):
        return False
    free[0] -= need.cpu
    free[1] -= need.memory
    return True


def _size(need: Compute) -> str:
    return f"CPU {quantities.cpu(need.cpu)}, memory {quantities.memory(need.memory)}"


def _on_nodes(
    cluster: Capacity, free: dict[str, list[float]], additional: Sequence[tuple[Workload, int]]
) -> Iterator[Consequence]:
    for workload, number in additional:
        if workload.object.kind == "DaemonSet":
            continue
        need = workload.requests()
        suitable = {node.name: free[node.name] for node in cluster.nodes if may_run(node, workload.pod)}
        placed = sum(_place(suitable, need) for _ in range(number))
        if placed == number or (workload.unavailable and placed):
            continue
        nodes = [node for node in cluster.nodes if node.name in suitable]
        fits = any(_could_hold(node, need) for node in nodes)
        problem = "the nodes have too little free capacity" if fits else "no node is large enough"
        problem = problem if nodes else "no node has its labels, or a taint that it tolerates"
        reason = (
            f"needs capacity for {count(number, 'additional pod')} ({_size(need)}), but {problem}:"
            f" {count(number - placed, 'pod')} will stay pending"
        )
        yield workload.object.consequence(Level.ATTENTION, "capacity", reason)


def _place(free: dict[str, list[float]], need: Compute) -> bool:
    """Place a pod, by preference on the node with the most free CPU; return whether it fits on a node."""
    best = max(free.values(), key=lambda left: left[0], default=None)
    return any(_take(left, need) for left in ([best] if best else []) + list(free.values()))


def _could_hold(node: Node, need: Compute) -> bool:
    return node.cpu >= need.cpu and node.memory >= need.memory


def _in_quotas(cluster: Capacity, additional: Sequence[tuple[Workload, int]]) -> Iterator[Consequence]:
    for quota in cluster.quotas:
        pods = [(pod, number) for pod, number in additional if pod.object.namespace == quota.namespace]
        requests = sum((pod.requests() * number for pod, number in pods), Compute())
        limit = sum((pod.limits() * number for pod, number in pods), Compute())
        needs = {
            "pods": sum(number for _, number in pods),
            "requests.cpu": requests.cpu, "cpu": requests.cpu,
            "requests.memory": requests.memory, "memory": requests.memory,
            "limits.cpu": limit.cpu, "limits.memory": limit.memory,
        }  # fmt: skip
        if exceeded := sorted(key for key, left in quota.left.items() if needs.get(key, 0) > left):
            yield Consequence(
                Level.ATTENTION,
                "capacity",
                f"ResourceQuota {quota.name} has too little left of {', '.join(exceeded)}:"
                " new pods are rejected",
            )
