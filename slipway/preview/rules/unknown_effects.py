"""Changes whose effect is unknown: no rule reports them, and they are not in the list of harmless properties.

They need attention. A rule that is silent about a property knows nothing about it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from slipway.preview.rules import configuration
from slipway.preview.rules.consequence import RELEASE, Consequence, Level, Object, Situation, get, is_object
from slipway.preview.rules.differences import Difference
from slipway.preview.rules.docker import ENGINE
from slipway.preview.rules.harmless import CREATED, TYPES, is_harmless
from slipway.preview.rules.harmless_conditions import Context
from slipway.preview.rules.workloads import workloads
from slipway.pulumi.changes import Change, Op

REPORTED: tuple[tuple[str, str], ...] = (
    ("metadata.name", "downtime data identity"),
    ("metadata.namespace", "downtime data identity"),
    ("metadata.annotations.*", "exposure downtime"),
    ("Namespace:metadata.labels.*", "privilege"),
    ("pod.*ontainers.*.image", "image"),
    ("pod.*ontainers.*.securityContext.**", "privilege"),
    ("pod.securityContext.**", "privilege"),
    ("pod.hostNetwork", "privilege"),
    ("pod.hostPID", "privilege"),
    ("pod.hostIPC", "privilege"),
    ("pod.hostUsers", "privilege"),
    ("pod.automountServiceAccountToken", "privilege"),
    ("pod.*ontainers.*.ports.**", "downtime exposure"),
    ("pod.*ontainers.*.env.**", "configuration secret"),
    ("pod.*ontainers.*.envFrom", "configuration secret"),
    ("pod.*ontainers.*.resources.**", "resources capacity"),
    ("pod.*ontainers.*.*Probe.**", "pods"),
    ("pod.*ontainers.*.lifecycle.**", "pods"),
    ("pod.*ontainers.*.volumeMounts.**", "data"),
    ("pod.volumes.**", "data privilege configuration secret"),
    ("pod.imagePullSecrets.**", "secret"),
    ("pod.nodeSelector.*", "capacity"),
    ("template.labels.*", "downtime"),
    ("spec.replicas", "downtime capacity"),
    ("spec.strategy.**", "downtime pods"),
    ("spec.suspend", "downtime"),
    ("spec.selector.**", "downtime"),
    ("Service:spec.**", "downtime exposure"),
    ("Ingress,HTTPRoute,Gateway:spec.**", "downtime exposure"),
    ("NetworkPolicy:spec.**", "downtime exposure"),
    ("ConfigMap,Secret:data.**", "configuration secret"),
    ("ConfigMap,Secret:binaryData.**", "configuration secret"),
    ("ConfigMap,Secret:stringData.**", "configuration secret"),
    ("PersistentVolumeClaim:spec.**", "data"),
    ("PersistentVolume:spec.persistentVolumeReclaimPolicy", "data"),
    ("StatefulSet:spec.serviceName", "downtime"),
    ("StatefulSet:spec.volumeClaimTemplates", "downtime data"),
    ("StatefulSet:spec.persistentVolumeClaimRetentionPolicy.*", "data"),
    ("HorizontalPodAutoscaler:spec.*Replicas", "downtime capacity"),
    ("PodDisruptionBudget:spec.**", "downtime"),
    ("ResourceQuota,LimitRange:spec.**", "capacity"),
    ("Role,ClusterRole:rules", "privilege"),
    ("RoleBinding,ClusterRoleBinding:**", "privilege"),
    ("Container:ports.**", "downtime exposure"),
    ("Container:privileged", "privilege"),
    ("Container:capabilities.adds", "privilege"),
    ("Container:*Mode", "privilege"),
    ("Container:mounts.**", "privilege"),
    ("Container:volumes.**", "privilege"),
    ("Container:devices.**", "privilege"),
    ("Network:internal", "exposure"),
    ("Volume:**", "data"),
)
"""Properties, and the concerns of the rules that report their change."""

KINDS = {
    *CREATED, "ResourceQuota", "LimitRange", "PersistentVolume", "StorageClass", "PriorityClass",
}  # fmt: skip
"""Kinds whose properties are reported one by one; others are reported as a whole."""
_MOST = 4
# Values that cannot be secrets: short words and numbers, outside of properties with content of users.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9%./-]{0,39}")
_CONTENT = {
    "env", "data", "stringData", "binaryData", "annotations", "args", "command", "httpHeaders", "parameters",
    "volumeAttributes", "options",
}  # fmt: skip


def changes(situation: Situation, found: Iterable[Consequence]) -> Iterator[Consequence]:
    """Yield the changes with an unknown effect; `found` are the consequences of all other rules."""
    reported: dict[str, set[str]] = {}
    for consequence in found:
        if consequence.level > Level.SAFE:
            reported.setdefault(consequence.urn, set()).add(consequence.concern)
    for change in situation.changes:
        concerns = reported.get(change.urn, set())
        match change.op:
            case Op.CREATE | Op.IMPORT:
                yield from _created(change, concerns)
            case Op.DELETE:
                yield from _deleted(situation, change, concerns)
            case _:
                yield from _changed(situation, change, concerns)


def _created(change: Change, concerns: set[str]) -> Iterator[Consequence]:
    known = change.kind in CREATED and is_object(change.new)
    if not known and not concerns and not change.type.startswith(tuple(TYPES)):
        yield _attention(change, "is new; the effect of this kind of resource is not known here")


def _deleted(situation: Situation, change: Change, concerns: set[str]) -> Iterator[Consequence]:
    if change.retained or concerns or change.type.startswith(tuple(TYPES)):
        return
    if not (is_object(change.old) and _was_last_used(situation, Object(change, change.old))):
        yield _attention(change, "is deleted; what uses it is not known here")


def _was_last_used(situation: Situation, item: Object) -> bool:
    """Return whether pods of the stack used a deleted object, and no longer do."""
    if item.kind == "ServiceAccount":
        before, after = (
            any(
                get(workload.pod, "serviceAccountName") == item.name
                and workload.object.namespace == item.namespace
                for workload in workloads(situation, objects)
            )
            for objects in (situation.before, situation.after)
        )
        return before and not after
    if item.kind not in configuration.CONCERNS or item.change.op is not Op.DELETE:
        return False
    return bool(configuration.readers(situation, item, situation.before)) and not configuration.readers(
        situation, item, situation.after
    )


def _changed(situation: Situation, change: Change, concerns: set[str]) -> Iterator[Consequence]:
    built = change.type.startswith("docker-build:")
    if change.type == RELEASE or built or (not change.old and not change.new):
        return
    left = [
        item for item in situation.differences(change) if not _is_known(situation, change, item, concerns)
    ]
    if not left:
        return
    if not is_object(change.new) or change.kind not in KINDS:
        paths = tuple(str(item) for item in left)
        yield _attention(change, f"changes ({', '.join(paths[:_MOST])}); the effect is not known here", paths)
        return
    name = Object(change, change.new)
    for item in left[:_MOST]:
        reason = f"{item} of {name} {_words(item)}; its effect is not known here"
        yield Consequence(Level.ATTENTION, "configuration", reason, change.urn)
    if more := tuple(f"{item} {_words(item)}" for item in left[_MOST:]):
        yield _attention(change, f"changes in {len(more)} more ways; their effect is not known here", more)


def _is_known(situation: Situation, change: Change, item: Difference, concerns: set[str]) -> bool:
    for pattern, rules in REPORTED:
        if item.matches(pattern) and concerns & set(rules.split()):
            return True
    engine = change.type.startswith(ENGINE)
    if not engine and not (is_object(change.new) and is_object(change.old)):
        return False
    return is_harmless(Context(situation, Object(change, change.old), Object(change, change.new), item))


def _words(item: Difference) -> str:
    old, new = (_shown(item, value) for value in (item.old, item.new))
    if item.old is None or item.new is None:
        verb, value = ("is set", new) if item.old is None else ("is removed", old)
        return f"{verb} ({value})" if value else verb
    return f"changes from {old} to {new}" if old and new else "changes"


def _shown(item: Difference, value: Any) -> str:
    if isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and not _CONTENT & set(item.place)
    return str(value) if plain else ""


def _attention(change: Change, reason: str, details: tuple[str, ...] = ()) -> Consequence:
    manifest = change.new or change.old
    name = str(Object(change, manifest)) if is_object(manifest) else f"{change.kind} {change.name}"
    return Consequence(Level.ATTENTION, "configuration", f"{name} {reason}", change.urn, details)
