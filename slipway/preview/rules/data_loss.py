"""What is kept, and will be gone."""

from collections.abc import Iterator

from slipway.preview.rules.model import RELEASE, Consequence, Level, Object, Situation, get, is_object, items
from slipway.preview.rules.quantities import amount
from slipway.preview.rules.workloads import Workload, restarting
from slipway.pulumi.changes import Change, Op

HOLDERS = {
    "PersistentVolumeClaim": "what is on its volume",
    "PersistentVolume": "what is on it",
    "StatefulSet": "its pods, and what they keep outside of claims that stay,",
    "Namespace": "everything in it, claims and volumes too,",
    "CustomResourceDefinition": "every object of its kind",
}
# Made again, these are as they were. All other kinds, and whatever is not Kubernetes, may hold something.
HARMLESS_KINDS = {
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "DaemonSet", "Deployment", "EndpointSlice",
    "Endpoints", "Gateway", "GatewayClass", "GRPCRoute", "HorizontalPodAutoscaler", "HTTPRoute", "Ingress",
    "IngressClass", "Job", "LimitRange", "MutatingWebhookConfiguration", "NetworkPolicy",
    "PodDisruptionBudget", "PriorityClass", "ReplicaSet", "ResourceQuota", "Role", "RoleBinding",
    "RuntimeClass", "Secret", "Service", "ServiceAccount", "StorageClass", "ValidatingWebhookConfiguration",
}  # fmt: skip
_HARMLESS_TYPES = ("pulumi:", "docker-build:", "docker:")


def losses(situation: Situation) -> Iterator[Consequence]:
    """Things that hold data and are deleted, replaced or not, and those that the program only lets go of."""
    for change in situation.changes:
        if change.op is Op.DELETE and change.retained and change.kind in HOLDERS and is_object(change.old):
            reason = f"{Object(change, change.old).label} stays in the cluster, but leaves the stack"
            yield Consequence(Level.SAFE, "data", reason, change.urn)
        if change.deletes and (what := _held(change)):
            verb = "is deleted and made again" if change.op is Op.REPLACE else "is deleted"
            name = (
                Object(change, change.old).label if is_object(change.old) else f"{change.kind} {change.name}"
            )
            yield Consequence(Level.DANGEROUS, "data", f"{name} {verb}: {what} may be lost", change.urn)


def _held(change: Change) -> str | None:
    if change.type == RELEASE:  # has rules of its own, which know what goes with it
        return None
    if not is_object(change.old):
        harmless = change.type.startswith(_HARMLESS_TYPES)
        return None if harmless else "what it holds"
    if change.kind in HOLDERS:
        return HOLDERS[change.kind]
    return None if change.kind in HARMLESS_KINDS else "what it holds or manages"


def restarts(situation: Situation) -> Iterator[Consequence]:
    """Members of a StatefulSet without a volume: what they keep goes with the pod."""
    for old, new in restarting(situation):
        if new.object.kind != "StatefulSet" or new.strategy == "OnDelete":
            continue
        if not _has_volume(old):
            yield _lost(new, "restarts without a volume: what its pods keep is gone")
        elif not _has_volume(new):
            yield _lost(new, "restarts without its volume: its new pods have none of what is on it")
    for before, after in situation.updates("StatefulSet"):
        replicas = [get(one.manifest, "spec", "replicas") for one in (before, after)]
        fewer = [amount(1 if one is None else one) for one in replicas]
        if fewer[1] < fewer[0] and not _has_volume(Workload(after, 0, 0)):
            yield _lost(Workload(after, 0, 0), "loses pods that have no volume: what they keep is gone")


def _lost(workload: Workload, reason: str) -> Consequence:
    return Consequence(
        Level.DANGEROUS, "data", f"{workload.object.label} {reason}", workload.object.change.urn
    )


def _has_volume(workload: Workload) -> bool:
    claims = items(get(workload.object.manifest, "spec", "volumeClaimTemplates"))
    lasting = ("persistentVolumeClaim", "nfs", "csi", "iscsi", "hostPath")
    return bool(claims) or any(
        set(lasting) & set(volume) for volume in items(get(workload.pod, "volumes")) if volume
    )


def claims(situation: Situation) -> Iterator[Consequence]:
    """Claims whose size changes, and StatefulSets that take their claims with them."""
    for old, new in situation.updates("PersistentVolumeClaim"):
        sizes = [get(one.manifest, "spec", "resources", "requests", "storage") for one in (old, new)]
        if sizes[0] != sizes[1] and new.change.op is Op.UPDATE:
            smaller = amount(sizes[1]) < amount(sizes[0])
            why = "volumes cannot shrink" if smaller else "only some storage classes can grow a volume"
            yield Consequence(
                Level.ATTENTION, "data", f"{new.label} asks for {sizes[1]} instead of {sizes[0]}: {why}",
                new.change.urn,
            )  # fmt: skip
    policy = ("spec", "persistentVolumeClaimRetentionPolicy")
    for old, new in situation.updates("StatefulSet"):
        for when in ("whenDeleted", "whenScaled"):
            kept = [get(one.manifest, *policy, when) or "Retain" for one in (old, new)]
            if kept[1] == "Delete" != kept[0]:
                yield Consequence(
                    Level.ATTENTION, "data", f"{new.label} deletes its claims from now on ({when})",
                    new.change.urn,
                )  # fmt: skip
