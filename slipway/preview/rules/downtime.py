"""What stops answering, for a moment or for good."""

from collections.abc import Iterator

from slipway.preview.rules.model import Consequence, Level, Object, Situation, get
from slipway.preview.rules.workloads import SERVING, restarting


def _consequence(level: Level, one: Object, reason: str) -> Consequence:
    return Consequence(level, "downtime", f"{one.label} {reason}", one.change.urn)


def removals(situation: Situation) -> Iterator[Consequence]:
    """Workloads and what leads to them, when they go for good."""
    for one in situation.removed(*SERVING):
        yield _consequence(Level.DANGEROUS, one, "is deleted with all its pods")
    for one in situation.removed("Service", "Ingress", "Gateway", "HTTPRoute"):
        yield _consequence(Level.DANGEROUS, one, "is deleted: who uses its address gets no answer")
    for one in situation.removed("PodDisruptionBudget"):
        yield _consequence(Level.ATTENTION, one, "is deleted: a node's drain may take all pods at once")
    for one in situation.removed("CronJob", "Job"):
        yield _consequence(Level.ATTENTION, one, "is deleted: it runs no more")


def replacements(situation: Situation) -> Iterator[Consequence]:
    """Workloads and Services that are deleted and made again."""
    for old, new in situation.replaced(*SERVING):
        if old.change.deleted_first or old.kind == "StatefulSet":
            yield _consequence(
                Level.DANGEROUS, old, "is deleted and made again: nothing answers until new pods are ready"
            )
        else:
            renamed = f" under the name {new.name}" if new.name != old.name else ""
            yield _consequence(
                Level.ATTENTION, old, f"is made again{renamed} before it is deleted: all pods change at once"
            )
    for old, _ in situation.replaced("Service", "Ingress", "Gateway", "HTTPRoute"):
        yield _consequence(
            Level.DANGEROUS, old, "is deleted and made again: its address may change, and fails meanwhile"
        )
    for old, _ in situation.replaced("Job"):
        yield _consequence(Level.ATTENTION, old, "is deleted and runs again from the start")


def restarts(situation: Situation) -> Iterator[Consequence]:
    """Restarts that leave no pod to answer."""
    for old, new in restarting(situation):
        if new.strategy == "OnDelete" or not old.replicas or new.object.kind == "DaemonSet":
            continue
        if new.strategy == "Recreate":
            yield _consequence(
                Level.DANGEROUS, new.object, "stops all its pods before it starts new ones (Recreate)"
            )
        elif new.object.kind == "StatefulSet" and new.replicas == 1:
            yield _consequence(
                Level.DANGEROUS, new.object, "has one pod, which is stopped before the new one starts"
            )
        elif new.object.kind == "StatefulSet":
            yield _consequence(Level.ATTENTION, new.object, "restarts its members, one missing at a time")
        elif new.unavailable >= new.replicas > 0:
            yield _consequence(
                Level.DANGEROUS, new.object, f"may stop all {new.replicas} pods before new ones are ready"
            )


def later(situation: Situation) -> Iterator[Consequence]:
    """What changes nothing now, but at the next rollout, schedule or rush."""
    restarted = {new.object.change.urn for _, new in restarting(situation)}
    for old, new in situation.updates("Deployment"):
        strategies = [get(one.manifest, "spec", "strategy", "type") for one in (old, new)]
        if strategies[1] == "Recreate" != strategies[0] and new.change.urn not in restarted:
            yield _consequence(Level.ATTENTION, new, "will stop all its pods at once in the next rollout")
    for old, new in situation.updates("CronJob"):
        if get(new.manifest, "spec", "suspend") and not get(old.manifest, "spec", "suspend"):
            yield _consequence(Level.ATTENTION, new, "is suspended: it runs no more")
