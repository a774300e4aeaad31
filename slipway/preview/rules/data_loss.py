"""Data that a change may delete."""

from collections.abc import Iterator

from slipway.cluster.quantities import amount
from slipway.preview.rules import postgres
from slipway.preview.rules.consequence import (
    RELEASE,
    Consequence,
    Level,
    Object,
    Situation,
    get,
    is_object,
    items,
    mapping,
)
from slipway.preview.rules.workloads import Workload, restarting
from slipway.pulumi.changes import Change, Op

HOLDERS = {
    "PersistentVolumeClaim": "the data on its volume",
    "PersistentVolume": "the data on it",
    "StatefulSet": "data of its pods outside of retained volume claims",
    "Namespace": "everything in it, including volume claims,",
    "CustomResourceDefinition": "every object of its kind",
}
"""Kinds that hold data, and the data that is lost with them."""
# These hold no data: they are the same when they are recreated. All other kinds, and all resources outside of
# Kubernetes, may hold data.
HARMLESS_KINDS = {
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "DaemonSet", "Deployment", "EndpointSlice",
    "Endpoints", "Gateway", "GatewayClass", "GRPCRoute", "HorizontalPodAutoscaler", "HTTPRoute", "Ingress",
    "IngressClass", "Job", "LimitRange", "MutatingWebhookConfiguration", "NetworkPolicy",
    "PodDisruptionBudget", "PriorityClass", "ReplicaSet", "ResourceQuota", "Role", "RoleBinding",
    "RuntimeClass", "Secret", "Service", "ServiceAccount", "StorageClass", "ValidatingWebhookConfiguration",
}  # fmt: skip
_HARMLESS_TYPES = ("pulumi:", "docker-build:", "docker:")
_VOLUMES = {"persistentVolumeClaim", "nfs", "csi", "iscsi", "hostPath"}
"""Volumes that outlive a pod."""
_IDENTITIES = {
    "persistentVolumeClaim": ("claimName",),
    "nfs": ("server", "path"),
    "csi": ("driver",),
    "iscsi": ("targetPortal", "iqn", "lun"),
}
"""The fields that identify a volume of each kind."""


def deletions(situation: Situation) -> Iterator[Consequence]:
    """Yield data holders that are deleted or replaced, and those that only leave the stack."""
    for change in situation.changes:
        if change.op is Op.DELETE and change.retained and change.kind in HOLDERS and is_object(change.old):
            reason = "leaves the stack and stays in the cluster"
            yield Object(change, change.old).consequence(Level.SAFE, "data", reason)
        if change.deletes and not postgres.is_member(change) and (data := _data(change)):
            verb = "is deleted and recreated" if change.op is Op.REPLACE else "is deleted"
            name = (
                str(Object(change, change.old)) if is_object(change.old) else f"{change.kind} {change.name}"
            )
            yield Consequence(Level.DANGEROUS, "data", f"{name} {verb}: {data} may be lost", change.urn)


def safeguards(situation: Situation) -> Iterator[Consequence]:
    """Yield resources that Pulumi may delete from now on."""
    for change in (*situation.changes, *situation.unchanged):
        if change.safeguards_lost:
            options = " and ".join(change.safeguards_lost)
            reason = f"{change.kind} {change.name} loses {options}: a later update may delete it"
            yield Consequence(Level.ATTENTION, "data", reason, change.urn)


def _data(change: Change) -> str | None:
    if change.type == RELEASE:  # helm_releases.py has the rules for these
        return None
    if not is_object(change.old):
        return None if change.type.startswith(_HARMLESS_TYPES) else "the data in it"
    return HOLDERS.get(change.kind, None if change.kind in HARMLESS_KINDS else "the data in it")


def restarts(situation: Situation) -> Iterator[Consequence]:
    """Yield StatefulSets whose pods stop without a volume: their data is lost with the pods."""
    for old, new in restarting(situation):
        if new.object.kind != "StatefulSet" or new.strategy == "OnDelete":
            continue
        if not has_volume(old):
            yield _lost(new.object, "restarts without a volume: the data in its pods is lost")
        elif not has_volume(new):
            yield _lost(new.object, "restarts without its volume: its new pods start without the data on it")
    for before, after in situation.updates("StatefulSet"):
        replicas = [get(item.manifest, "spec", "replicas") for item in (before, after)]
        numbers = [amount(1 if number is None else number) for number in replicas]
        if numbers[1] < numbers[0] and not has_volume(Workload(after, 0, 0)):
            yield _lost(after, "removes pods without a volume: the data in them is lost")


def _lost(item: Object, reason: str) -> Consequence:
    return item.consequence(Level.DANGEROUS, "data", reason)


def has_volume(workload: Workload) -> bool:
    """Return whether pods have a volume that outlives them."""
    claims = items(get(workload.object.manifest, "spec", "volumeClaimTemplates"))
    volumes = items(get(workload.pod, "volumes"))
    return bool(claims) or any(_VOLUMES & set(mapping(volume)) for volume in volumes)


def unmounted(situation: Situation) -> Iterator[Consequence]:
    """Yield workloads whose new pods lack a volume with data, or have it under another path."""
    for old, new in restarting(situation):
        after = dict(_mounts(new))
        for volume, paths in _mounts(old):
            if volume not in after:
                reason = f"no longer mounts {volume}: its new pods start without the data on it"
                yield _lost(new.object, reason)
            elif lost := sorted(paths - after[volume]):
                reason = f"no longer has {volume} at {', '.join(lost)}: what was there looks empty"
                yield _lost(new.object, reason)


def _mounts(workload: Workload) -> Iterator[tuple[str, set[str]]]:
    """Yield the volumes that outlive the pods, by what they are, and where they are mounted."""
    mounts = [mount for item in workload.containers for mount in items(get(item, "volumeMounts"))]
    for volume in items(get(workload.pod, "volumes")):
        paths = {
            str(get(mount, "mountPath")) for mount in mounts if get(mount, "name") == get(volume, "name")
        }
        for kind in sorted(_IDENTITIES.keys() & set(volume or {})):
            parts = (str(get(volume, kind, key)) for key in _IDENTITIES[kind])
            if paths:
                yield f"{kind} {' '.join(parts)}", paths


def claims(situation: Situation) -> Iterator[Consequence]:
    """Yield volume claims whose size changes, and StatefulSets that start to delete their claims."""
    for old, new in situation.updates("PersistentVolumeClaim"):
        sizes = [get(item.manifest, "spec", "resources", "requests", "storage") for item in (old, new)]
        if sizes[0] != sizes[1] and new.change.op is Op.UPDATE:
            smaller = amount(sizes[1]) < amount(sizes[0])
            if smaller and postgres.is_part(new.change):
                continue
            rule = "volumes cannot shrink" if smaller else "only some storage classes can grow a volume"
            reason = f"requests {sizes[1]} instead of {sizes[0]}: {rule}"
            yield new.consequence(Level.ATTENTION, "data", reason)
    for old, new in situation.updates("PersistentVolume"):
        reclaim = [get(item.manifest, "spec", "persistentVolumeReclaimPolicy") for item in (old, new)]
        if reclaim[1] == "Delete" != reclaim[0]:
            reason = "will be deleted with its data when its claim is deleted (reclaim policy Delete)"
            yield new.consequence(Level.ATTENTION, "data", reason)
    policy = ("spec", "persistentVolumeClaimRetentionPolicy")
    for old, new in situation.updates("StatefulSet"):
        for key in ("whenDeleted", "whenScaled"):
            retention = [get(item.manifest, *policy, key) or "Retain" for item in (old, new)]
            if retention[1] == "Delete" != retention[0]:
                event = "when it is deleted" if key == "whenDeleted" else "when it is scaled down"
                reason = f"will delete its volume claims {event} ({key}: Delete)"
                yield new.consequence(Level.ATTENTION, "data", reason)
