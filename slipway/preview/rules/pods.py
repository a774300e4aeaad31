"""Which pods are made anew, and how."""

from collections.abc import Iterator

from slipway.preview.rules import quantities
from slipway.preview.rules.model import Consequence, Level, Situation, count, get
from slipway.preview.rules.workloads import Workload, kept, restarting, selects


def restarts(situation: Situation) -> Iterator[Consequence]:
    """Tell of each workload whose pods restart: one after another, or all at once."""
    for old, new in restarting(situation):
        level, reason = _how(old, new)
        yield Consequence(level, "pods", f"{new.object.label}: {reason}", new.object.change.urn)
        yield from _unready(situation, old, new)


def _how(old: Workload, new: Workload) -> tuple[Level, str]:
    pods = count(old.replicas, "pod")
    if new.strategy == "OnDelete":
        return Level.ATTENTION, f"{pods} stay as they are until somebody deletes them"
    if new.strategy == "Recreate":
        return Level.ATTENTION, f"{pods} stopped at once, then started anew"
    if new.object.kind == "DaemonSet":
        return Level.SAFE, f"its pods restart, {new.unavailable} node at a time"
    if new.object.kind == "StatefulSet":
        return Level.SAFE, "its pod restarts" if old.replicas == 1 else f"{pods} restart, one after another"
    extra = new.requests() * new.surge
    surge = (
        f"up to {new.surge} more meanwhile (CPU {quantities.cpu(extra.cpu)},"
        f" memory {quantities.memory(extra.memory)})"
    )
    if new.unavailable and new.unavailable * 2 >= new.replicas:
        return Level.ATTENTION, f"{pods} replaced, up to {new.unavailable} missing meanwhile"
    missing = f", up to {new.unavailable} missing" if new.unavailable else ", none missing"
    return Level.SAFE, f"{pods} replaced one after another, {surge}{missing}"


def _unready(situation: Situation, old: Workload, new: Workload) -> Iterator[Consequence]:
    """A rollout without a gap needs pods that tell when they are ready, and serve on when told to stop."""
    served = any(
        one.kind == "Service"
        and one.namespace == new.object.namespace
        and get(one.manifest, "spec", "selector")
        and selects(get(one.manifest, "spec", "selector"), new.labels)
        for one in situation.after
    )
    if not served:
        return
    urn, label = new.object.change.urn, new.object.label
    if not all(get(container, "readinessProbe") for container in new.containers):
        yield Consequence(
            Level.ATTENTION,
            "pods",
            f"{label}: without a readiness probe pods get requests before they can answer",
            urn,
        )
    if any(get(one, "lifecycle", "preStop") for one in old.containers) and not any(
        get(one, "lifecycle", "preStop") for one in new.containers
    ):
        yield Consequence(
            Level.ATTENTION,
            "pods",
            f"{label}: without preStop pods stop while requests are still sent to them",
            urn,
        )


def scaling(situation: Situation) -> Iterator[Consequence]:
    """Tell of workloads that get fewer pods, or whose number is given away."""
    for old, new in kept(situation):
        found = _fewer(old, new)
        if found and new.object.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
            yield Consequence(found[0], "downtime", f"{new.object.label} {found[1]}", new.object.change.urn)


def _fewer(old: Workload, new: Workload) -> tuple[Level, str] | None:
    fixed = get(old.object.manifest, "spec", "replicas") is not None
    if new.replicas == 0 and old.replicas:
        return Level.DANGEROUS, "gets no pod at all: what it serves is down"
    if fixed and get(new.object.manifest, "spec", "replicas") is None and old.replicas > 1:
        return (
            Level.ATTENTION,
            f"gives its number of replicas away: it may fall from {old.replicas} to 1 for a while",
        )
    if new.replicas == 1 and old.replicas > 1:
        return Level.ATTENTION, "may have a single pod: whenever that goes, nothing answers"
    if new.object.kind == "StatefulSet" and new.replicas < old.replicas:
        return Level.ATTENTION, f"gets fewer members: {old.replicas} → {new.replicas}"
    return None
