"""Interruptions of service, now or at a later rollout."""

from collections.abc import Iterator

from slipway.preview.rules import postgres
from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get, items
from slipway.preview.rules.ingresses import DOORS
from slipway.preview.rules.scheduling import may_run
from slipway.preview.rules.workloads import SERVING, Workload, has_service, persisting, restarting, share
from slipway.pulumi.changes import Op

ENTRANCES = ("Service", *DOORS)
"""Kinds with an address that clients use."""


def _downtime(level: Level, item: Object, reason: str) -> Consequence:
    return item.consequence(level, "downtime", reason)


def removals(situation: Situation) -> Iterator[Consequence]:
    """Yield workloads, and objects that lead to them, that are deleted for good."""
    for item in situation.removed(*SERVING):
        if not postgres.is_member(item.change):
            yield _downtime(Level.DANGEROUS, item, "is deleted with all its pods")
    for item in situation.removed(*ENTRANCES):
        yield _downtime(Level.DANGEROUS, item, "is deleted: requests to its address fail")
    for item in situation.removed("PodDisruptionBudget"):
        yield _downtime(Level.ATTENTION, item, "is deleted: draining a node may evict all pods at once")
    for item in situation.removed("CronJob", "Job"):
        yield _downtime(Level.ATTENTION, item, "is deleted: it stops running")


def replacements(situation: Situation) -> Iterator[Consequence]:
    """Yield workloads, and objects that lead to them, that are replaced."""
    for old, new in situation.replaced(*SERVING):
        if old.change.deleted_first or old.kind == "StatefulSet":
            yield _downtime(
                Level.DANGEROUS, old, "is deleted and recreated: requests fail until new pods are ready"
            )
        else:
            name = f" by {new.name}" if new.name != old.name else ""
            reason = f"is replaced{name}, the new one first: all pods change at once"
            yield _downtime(Level.ATTENTION, old, reason)
    for old, _ in situation.replaced(*ENTRANCES):
        yield _downtime(
            Level.DANGEROUS,
            old,
            "is deleted and recreated: requests fail meanwhile, and its address may change",
        )
    for old, new in situation.replaced("Job"):
        yield _rerun(old, new)


def _rerun(old: Object, new: Object) -> Consequence:
    """Return what the replacement of a Job runs, and what is left of the old Job."""
    if new.name == old.name:
        return _downtime(Level.ATTENTION, old, "is deleted and runs again from the start")
    if old.change.retained:
        return _downtime(Level.SAFE, new, f"runs once; {old} stays, with its logs")
    reason = f"is replaced by {new.name}, which runs once; its pods are deleted, with their logs"
    return _downtime(Level.ATTENTION, old, reason)


# The engine replaces objects for these; an update in place is refused.
_IMMUTABLE = {
    "Deployment,StatefulSet,DaemonSet:spec.selector.**": "downtime",
    "StatefulSet:spec.serviceName": "downtime",
    "StatefulSet:spec.podManagementPolicy": "downtime",
    "StatefulSet:spec.volumeClaimTemplates": "data",
    "PersistentVolumeClaim:spec.storageClassName": "data",
    "PersistentVolumeClaim:spec.accessModes": "data",
    "PersistentVolumeClaim:spec.volume*": "data",
    "PersistentVolumeClaim:spec.selector.**": "data",
    "Service:spec.clusterIP*": "downtime",
}


def immutable(situation: Situation) -> Iterator[Consequence]:
    """Yield objects that cannot change in place as they should."""
    for _, new in situation.updates():
        if new.change.op is Op.UPDATE:
            for difference in situation.differences(new.change):
                for pattern, concern in _IMMUTABLE.items():
                    if difference.matches(pattern):
                        reason = f"cannot change {difference} in place: it would have to be deleted first"
                        yield new.consequence(Level.DANGEROUS, concern, reason)


def providers(situation: Situation) -> Iterator[Consequence]:
    """Yield providers that lead to another cluster or namespace."""
    for change in situation.changes:
        if change.type.startswith("pulumi:providers:") and change.old and change.new:
            places = [
                key
                for key in ("context", "cluster", "namespace")
                if change.old.get(key) != change.new.get(key)
            ]
            if places:
                reason = f"Provider {change.name} changes its {' and '.join(places)}: its objects move there"
                yield Consequence(Level.DANGEROUS, "downtime", reason, change.urn)


def outages(situation: Situation) -> Iterator[Consequence]:
    """Yield workloads whose restart leaves too few pods to serve requests."""
    for old, new in restarting(situation):
        if new.strategy == "OnDelete" or not old.replicas:
            continue
        if new.object.kind == "DaemonSet":
            yield from _on_all_nodes(situation, new)
        elif new.strategy == "Recreate":
            reason = "stops all its pods before it starts new ones (strategy Recreate)"
            yield _downtime(Level.DANGEROUS, new.object, reason)
        elif new.object.kind == "StatefulSet" and new.replicas == 1:
            reason = "stops its only pod before it starts the new one"
            yield _downtime(Level.DANGEROUS, new.object, reason)
        elif new.object.kind == "StatefulSet" and new.unavailable < new.replicas:
            number = "one" if new.unavailable == 1 else new.unavailable
            verb = "is" if new.unavailable == 1 else "are"
            reason = f"restarts its pods {number} at a time: {number} {verb} always missing meanwhile"
            yield _downtime(Level.ATTENTION, new.object, reason)
        elif new.unavailable >= new.replicas > 0:
            pods = "its only pod" if new.replicas == 1 else f"all {new.replicas} pods"
            reason = f"may stop {pods} before new ones are ready"
            yield _downtime(Level.DANGEROUS, new.object, reason)


def _on_all_nodes(situation: Situation, new: Workload) -> Iterator[Consequence]:
    """Yield a DaemonSet that may stop on all nodes at once; one pod of one node matters only to clients."""
    limit = get(new.object.manifest, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable")
    several, all_at_once = True, limit == "100%"
    if situation.cluster:
        nodes = sum(may_run(node, new.pod) for node in situation.cluster.nodes)
        several = nodes > 1
        all_at_once = 0 < nodes <= max(1, share(1 if limit is None else limit, nodes, up=True))
    ports = [port for container in new.containers for port in items(get(container, "ports"))]
    served = has_service(situation, new) or any(get(port, "hostPort") for port in ports)
    if all_at_once and not new.surge and (served or several):
        reason = "may stop its pods on all nodes before new ones are ready"
        yield _downtime(Level.DANGEROUS if served else Level.ATTENTION, new.object, reason)


def later_outages(situation: Situation) -> Iterator[Consequence]:
    """Yield changes that have no effect now, but at the next rollout or schedule."""
    restarted = {new.object.change.urn for _, new in restarting(situation)}
    for old, new in situation.updates("Deployment"):
        strategies = [get(item.manifest, "spec", "strategy", "type") for item in (old, new)]
        if strategies[1] == "Recreate" != strategies[0] and new.change.urn not in restarted:
            reason = "will stop all its pods at once in the next rollout (strategy Recreate)"
            yield _downtime(Level.ATTENTION, new, reason)
    for before, after in persisting(situation):
        rolls = after.object.kind == "Deployment" and after.strategy == "RollingUpdate"
        loses = after.unavailable >= after.replicas > 0 and after.unavailable > before.unavailable
        if rolls and loses and after.object.change.urn not in restarted:
            reason = f"may stop all its pods at once in the next rollout ({after.unavailable} unavailable)"
            yield _downtime(Level.ATTENTION, after.object, reason)
    for old, new in situation.updates("CronJob"):
        if get(new.manifest, "spec", "suspend") and not get(old.manifest, "spec", "suspend"):
            yield _downtime(Level.ATTENTION, new, "is suspended: it stops running")
