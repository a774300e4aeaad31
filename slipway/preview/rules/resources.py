"""What is asked of the nodes in all, and whether they have it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slipway.preview.rules import quantities
from slipway.preview.rules.model import Cluster, Consequence, Level, Node, Situation, get, items
from slipway.preview.rules.quantities import amount
from slipway.preview.rules.workloads import SERVING, Compute, Workload, kept, restarting, workloads
from slipway.pulumi.changes import Op


@dataclass(frozen=True)
class Totals:
    """Requests and limits of all pods of a stack at their least number, and the requests at their most."""

    requests: Compute
    limits: Compute
    most: Compute


def totals(found: Iterable[Workload]) -> Totals:
    """Add up what workloads ask for."""
    found = tuple(found)
    return Totals(
        sum((one.requests() * one.replicas for one in found), Compute()),
        sum((one.limits() * one.replicas for one in found), Compute()),
        sum((one.requests() * one.most for one in found), Compute()),
    )


def sums(situation: Situation) -> Iterator[Consequence]:
    """How the totals change."""
    before = totals(workloads(situation, situation.before))
    after = totals(workloads(situation, situation.after))
    if before == after:
        return
    parts = [
        *_differences("requests", before.requests, after.requests),
        *_differences("limits", before.limits, after.limits),
        *(_differences("requests at most", before.most, after.most) if _scales(before, after) else ()),
    ]
    yield Consequence(Level.SAFE, "resources", f"All pods together: {', '.join(parts)}")


def _scales(before: Totals, after: Totals) -> bool:
    return (before.most, after.most) != (before.requests, after.requests)


def _differences(title: str, old: Compute, new: Compute) -> Iterator[str]:
    if old.cpu != new.cpu:
        yield f"{title} CPU {quantities.cpu(old.cpu)} → {quantities.cpu(new.cpu)}"
    if old.memory != new.memory:
        yield f"{title} memory {quantities.memory(old.memory)} → {quantities.memory(new.memory)}"


def limits(situation: Situation) -> Iterator[Consequence]:
    """Limits that go or shrink."""
    for old, new in kept(situation):
        urn, label = new.object.change.urn, new.object.label
        had, has = old.limits(), new.limits()
        if had.memory and not has.memory:
            yield Consequence(
                Level.ATTENTION, "resources", f"{label} loses its memory limit: it may starve its node", urn
            )
        elif has.memory < had.memory:
            sizes = f"{quantities.memory(had.memory)} → {quantities.memory(has.memory)}"
            yield Consequence(
                Level.ATTENTION,
                "resources",
                f"{label} gets less memory ({sizes}): above it, it is killed",
                urn,
            )


def capacity(situation: Situation) -> Iterator[Consequence]:
    """Whether nodes and quotas hold the pods that come, those of rollouts among them."""
    wanted = list(_additional(situation))
    if situation.cluster:
        yield from _on_nodes(situation.cluster, wanted)
        yield from _in_quotas(situation.cluster, wanted)
    for one in situation.removed("HorizontalPodAutoscaler"):
        yield Consequence(
            Level.ATTENTION,
            "capacity",
            f"{one.label} is deleted: more load gets no more pods",
            one.change.urn,
        )
    for one in (*situation.created("ResourceQuota"), *(new for _, new in situation.updates("ResourceQuota"))):
        yield Consequence(
            Level.ATTENTION, "capacity", f"{one.label} bounds what namespace {one.namespace} may ask for",
            one.change.urn,
        )  # fmt: skip


def _additional(situation: Situation) -> Iterator[tuple[Workload, int]]:
    """Workloads with the number of pods that have to find a place beside all that runs."""
    before = {one.object.change.urn: one for one in workloads(situation, situation.before)}
    restarted = {new.object.change.urn for _, new in restarting(situation)}
    for new in workloads(situation, situation.after):
        urn = new.object.change.urn
        old = before.get(urn)
        if new.object.kind not in SERVING or new.object.kind == "DaemonSet":
            continue
        kept = old.replicas if old and new.object.change.op is not Op.REPLACE else 0
        more = max(0, new.replicas - kept)
        yield new, more + (new.surge or 1 if urn in restarted else 0)


def _on_nodes(cluster: Cluster, wanted: Sequence[tuple[Workload, int]]) -> Iterator[Consequence]:
    free = {node.name: [node.cpu_free, node.memory_free] for node in cluster.nodes}
    for workload, number in wanted:
        need = workload.requests()
        placed = sum(_place(free, need) for _ in range(number))
        if placed == number or (workload.unavailable and placed):
            continue
        ever = any(_could_hold(node, need) for node in cluster.nodes)
        why = "the nodes have no room for it" if ever else "no node is that large"
        yield Consequence(
            Level.ATTENTION,
            "capacity",
            f"{workload.object.label} needs room for {number} more pods of CPU {quantities.cpu(need.cpu)} and"
            f" memory {quantities.memory(need.memory)}, {placed} fit: {why}, so they wait",
            workload.object.change.urn,
        )


def _place(free: dict[str, list[float]], need: Compute) -> bool:
    """Take room from the node that has most of it; whether there was enough."""
    best = max(free.values(), key=lambda left: left[0], default=None)
    for left in ([best] if best else []) + list(free.values()):
        if left[0] >= need.cpu and left[1] >= need.memory:
            left[0] -= need.cpu
            left[1] -= need.memory
            return True
    return False


def _could_hold(node: Node, need: Compute) -> bool:
    return node.cpu >= need.cpu and node.memory >= need.memory


def _in_quotas(cluster: Cluster, wanted: Sequence[tuple[Workload, int]]) -> Iterator[Consequence]:
    for quota in cluster.quotas:
        here = [(one, number) for one, number in wanted if one.object.namespace == quota.namespace]
        requests = sum((one.requests() * number for one, number in here), Compute())
        limit = sum((one.limits() * number for one, number in here), Compute())
        asked = {
            "pods": sum(number for _, number in here),
            "requests.cpu": requests.cpu, "cpu": requests.cpu,
            "requests.memory": requests.memory, "memory": requests.memory,
            "limits.cpu": limit.cpu, "limits.memory": limit.memory,
        }  # fmt: skip
        over = sorted(what for what, left in quota.left.items() if asked.get(what, 0) > left)
        if over:
            yield Consequence(
                Level.ATTENTION,
                "capacity",
                f"ResourceQuota {quota.name} has too little left of {', '.join(over)}: pods are refused",
            )


def free_of(nodes: Iterable[dict[str, object]], pods: Iterable[dict[str, object]]) -> tuple[Node, ...]:
    """Return what schedulable nodes have left, from what the API server says of nodes and pods."""
    used: dict[str, Compute] = {}
    for pod in pods:
        if get(pod, "status", "phase") in ("Succeeded", "Failed"):
            continue
        requests = [get(one, "resources", "requests") for one in items(get(pod, "spec", "containers"))]
        name = str(get(pod, "spec", "nodeName") or "")
        for one in requests:
            used[name] = used.get(name, Compute()) + Compute(
                amount(get(one, "cpu")), amount(get(one, "memory"))
            )
    found = []
    for node in nodes:
        name = str(get(node, "metadata", "name"))
        if get(node, "spec", "unschedulable"):
            continue
        has = Compute(*(amount(get(node, "status", "allocatable", what)) for what in ("cpu", "memory")))
        taken = used.get(name, Compute())
        found.append(Node(name, has.cpu, has.memory, has.cpu - taken.cpu, has.memory - taken.memory))
    return tuple(found)
