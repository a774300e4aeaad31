"""Disruption budgets: how many pods a drained node may stop."""

from collections.abc import Iterator
from dataclasses import dataclass

from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get
from slipway.preview.rules.workloads import selects, share, workloads


@dataclass(frozen=True)
class Budget:
    """The pods that a budget selects, and how many of them may be evicted at once."""

    pods: int
    allowed: int
    workloads: frozenset[str] = frozenset()
    """The workloads that the pods belong to."""

    @classmethod
    def from_object(cls, situation: Situation, budget: Object, objects: tuple[Object, ...]) -> "Budget":
        """Return what a PodDisruptionBudget means for the workloads among some objects."""
        spec = get(budget.manifest, "spec")
        selected = [
            workload
            for workload in workloads(situation, objects)
            if workload.object.namespace == budget.namespace
            and workload.object.kind != "DaemonSet"
            and get(spec, "selector") is not None
            and selects(get(spec, "selector"), workload.labels)
        ]
        pods = sum(workload.replicas for workload in selected)
        names = frozenset(workload.object.change.urn for workload in selected)
        unavailable, available = get(spec, "maxUnavailable"), get(spec, "minAvailable")
        if unavailable is not None:
            return cls(pods, min(pods, share(unavailable, pods, up=True)), names)
        return cls(pods, max(0, pods - share(1 if available is None else available, pods, up=True)), names)

    @property
    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if not self.pods:
            return "protects nothing: it selects no pods of this stack"
        if not self.allowed:
            return "allows no pod to be evicted: draining a node waits forever"
        if self.allowed >= self.pods > 1:
            return "protects nothing: all pods may be evicted at once"
        return ""


def changes(situation: Situation) -> Iterator[Consequence]:
    """Yield budgets that protect nothing or allow nothing, and did not before."""
    before = {
        item.change.urn: Budget.from_object(situation, item, situation.before)
        for item in situation.before
        if item.kind == "PodDisruptionBudget"
    }
    for item in situation.after:
        if item.kind == "PodDisruptionBudget":
            budget = Budget.from_object(situation, item, situation.after)
            old = before.get(item.change.urn)
            if budget.problem and (old is None or old.problem != budget.problem):
                yield item.consequence(Level.ATTENTION, "downtime", budget.problem)
