"""ConfigMaps and Secrets, and the pods that read them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.consequence import (
    Consequence,
    Level,
    Object,
    Situation,
    count,
    get,
    items,
    mapping,
)
from slipway.preview.rules.workloads import Workload, restarting, workloads
from slipway.pulumi.changes import Change, Hidden, Op

CONCERNS = {"ConfigMap": "configuration", "Secret": "secret"}
_CONTENT = ("data", "stringData", "binaryData")
_REFERENCES = {
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMap": "ConfigMap",
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
    "secret": "Secret",
}
"""Fields that refer to ConfigMaps and Secrets."""


ALL = "*"


@dataclass(frozen=True)
class Reference:
    """What a pod reads, or is pulled with: an object, and the key if it names one."""

    kind: str
    name: str
    key: str = ""
    """Empty for the object itself; ALL for all of its keys."""


def references(
    situation: Situation, workload: Workload, objects: tuple[Object, ...], *, optional: bool = False
) -> frozenset[Reference]:
    """Return what the pods of a workload need, or with `optional` all that they read; no unknown names."""
    side = "before" if objects is situation.before else "after"
    key = f"references {side} {optional} {workload.object.change.urn}"
    return situation.once(
        key, lambda: frozenset((*_references(workload.pod, optional), *_pulls(workload, objects)))
    )


def _pulls(workload: Workload, objects: tuple[Object, ...]) -> Iterator[Reference]:
    """Yield the Secrets that images are pulled with, also those of the ServiceAccount."""
    account = get(workload.pod, "serviceAccountName"), workload.object.namespace
    accounts = [item for item in objects if item.kind == "ServiceAccount"]
    sources = [workload.pod, *(item.manifest for item in accounts if (item.name, item.namespace) == account)]
    for source in sources:
        for secret in items(get(source, "imagePullSecrets")):
            if isinstance(name := get(secret, "name"), str):
                yield from (Reference("Secret", name, key) for key in ("", ALL))


def _references(value: Any, optional: bool) -> Iterator[Reference]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item, optional)
        return
    for field, item in mapping(value).items():
        kind = _REFERENCES.get(field)
        if kind and isinstance(item, dict) and (optional or not item.get("optional")):
            name = item.get("name") or item.get("secretName")
            keys = [item.get("key"), *(get(entry, "key") for entry in items(item.get("items")))]
            named = [key for key in keys if isinstance(key, str)] or [ALL]
            if isinstance(name, str):
                yield from (Reference(kind, name, key) for key in ("", *named))
        yield from _references(item, optional)


def values(situation: Situation) -> Iterator[Consequence]:
    """Yield ConfigMaps and Secrets whose content changes, and those that are deleted while pods need them."""
    for old, new in situation.updates(*CONCERNS):
        if _content_changes(situation, new.change):
            yield from _updated(situation, old, new)
    for old in situation.vanished(*CONCERNS):
        if doors := [
            item for item in situation.after if old.kind == "Secret" and old.name in _certificates(item)
        ]:
            reason = f"is deleted, but {', '.join(map(str, doors))} needs it for TLS"
            yield old.consequence(Level.DANGEROUS, "secret", reason)
        needed = readers(situation, old, situation.after, optional=False)
        if needed and all(item.key != old.key for item in situation.after):
            reason = f"is deleted, but {_names(needed)} still needs it: new pods cannot start"
            yield old.consequence(Level.DANGEROUS, CONCERNS[old.kind], reason)


def _certificates(door: Object) -> set[str]:
    """Return the names of the Secrets with certificates of an Ingress or a Gateway."""
    names = [get(entry, "secretName") for entry in items(get(door.manifest, "spec", "tls"))]
    listeners = items(get(door.manifest, "spec", "listeners"))
    names += [get(ref, "name") for item in listeners for ref in items(get(item, "tls", "certificateRefs"))]
    return {name for name in names if isinstance(name, str)}


def unfinished(situation: Situation) -> Iterator[Consequence]:
    """Yield objects that are updated without a difference: they were not ready after the last update."""
    for old, new in situation.updates():
        if new.change.op is Op.UPDATE and not new.change.properties and old.manifest == new.manifest:
            reason = "was not ready after the last update: Pulumi applies it again and waits for it"
            yield new.consequence(Level.ATTENTION, "configuration", reason)


def missing(situation: Situation) -> Iterator[Consequence]:
    """Yield the keys that pods need, and that a ConfigMap or Secret of the stack no longer has."""
    before = {
        (workload.object.change.urn, reference)
        for workload, reference, item in _read(situation, situation.before)
        if item and _lacks(item, reference)
    }
    for workload, reference, item in _read(situation, situation.after):
        if item and _lacks(item, reference) and (workload.object.change.urn, reference) not in before:
            reason = f"needs the key {reference.key}, which {item} does not have: new pods cannot start"
            yield workload.object.consequence(Level.DANGEROUS, CONCERNS[reference.kind], reason)
            if item.change.op is not Op.SAME:
                reason = f"does not have the key {reference.key}, which {workload.object} needs"
                yield item.consequence(Level.DANGEROUS, CONCERNS[reference.kind], reason)


def unlisted(situation: Situation) -> Iterator[Consequence]:
    """Yield what changed pods newly need, and the stack does not have."""
    for change in situation.changes:
        for workload, reference in outside(situation, change.urn):
            key = f"the key {reference.key} of " if reference.key else ""
            reason = f"newly needs {key}{reference.kind} {reference.name}, which is not part of this stack"
            yield workload.object.consequence(Level.ATTENTION, CONCERNS[reference.kind], reason)


def outside(situation: Situation, urn: str) -> Iterator[tuple[Workload, Reference]]:
    """Yield the objects, or the keys of objects, that pods newly need and the stack does not have."""
    before = [item for item in workloads(situation, situation.before) if item.object.change.urn == urn]
    known = {item for workload in before for item in references(situation, workload, situation.before)}
    names = situation.once("names", lambda: {item.key for item in situation.after if item.kind in CONCERNS})
    for workload in workloads(situation, situation.after):
        if workload.object.change.urn == urn:
            for reference in references(situation, workload, situation.after) - known:
                is_new = Reference(reference.kind, reference.name) not in known
                key = (reference.kind, workload.object.namespace, reference.name)
                if key not in names and is_new == (not reference.key) and reference.key != ALL:
                    yield workload, reference


def readers_restart(situation: Situation, item: Object, key: str) -> bool:
    """Return whether pods read an object, and all that read one of its keys restart with its change."""
    restarted = _restarted(situation)
    return bool(readers(situation, item, situation.after)) and all(
        reader.object.change.urn in restarted for reader in readers(situation, item, situation.after, key)
    )


def readers(
    situation: Situation, item: Object, objects: tuple[Object, ...], *keys: str, optional: bool = True
) -> list[Workload]:
    """Return the workloads among some objects that read a ConfigMap or Secret, or one of some keys of it.

    Without `optional`, only those that cannot start without it.
    """
    wanted = {Reference(item.kind, item.name, key) for key in ((*keys, ALL) if keys else ("",))}
    return [
        workload
        for workload in workloads(situation, objects)
        if workload.object.namespace == item.namespace
        and wanted & references(situation, workload, objects, optional=optional)
    ]


def _read(
    situation: Situation, objects: tuple[Object, ...]
) -> Iterator[tuple[Workload, Reference, Object | None]]:
    """Yield what each workload reads, and the object of the stack."""
    by_key = {item.key: item for item in objects if item.kind in CONCERNS}
    for workload in workloads(situation, objects):
        for reference in sorted(references(situation, workload, objects), key=str):
            yield workload, reference, by_key.get((reference.kind, workload.object.namespace, reference.name))


def keys(item: Object) -> set[str] | None:
    """Return the keys of a ConfigMap or Secret; None if they are hidden."""
    parts = [item.manifest.get(part) for part in _CONTENT]
    if any(isinstance(part, Hidden) for part in parts):
        return None
    return {key for part in parts for key in mapping(part)}


def _lacks(item: Object, reference: Reference) -> bool:
    known = keys(item)
    return reference.key not in ("", ALL) and known is not None and reference.key not in known


def _updated(situation: Situation, old: Object, new: Object) -> Iterator[Consequence]:
    concern, restarted = CONCERNS[new.kind], _restarted(situation)
    keys = [item.place[-1] for item in situation.differences(new.change) if item.place[0] in _CONTENT]
    found = readers(situation, new, situation.after, *keys)
    stale = [reader for reader in found if reader.object.change.urn not in restarted]
    renamed = new.name != old.name
    if stale and not renamed:
        reason = f"changes, but {_names(stale)} may use the old value until its pods restart"
        yield new.consequence(Level.ATTENTION, concern, reason)
    elif new.kind == "Secret":
        paths = {change.path for change in new.change.properties}
        number = count(sum(path.startswith(("data", "string")) for path in paths), "key")
        reason = f"is rotated ({number}): clients outside of this stack must get the new value"
        yield new.consequence(Level.ATTENTION, "secret", reason)
    elif new.change.op is Op.REPLACE and not renamed and new.change.deleted_first:
        reason = "is missing briefly while it is replaced: pods that start meanwhile fail"
        yield new.consequence(Level.ATTENTION, concern, reason)


def _restarted(situation: Situation) -> set[str]:
    return {new.object.change.urn for _, new in restarting(situation)}


def _content_changes(situation: Situation, change: Change) -> bool:
    return any(difference.place[0] in _CONTENT for difference in situation.differences(change))


def _names(found: Iterable[Workload]) -> str:
    return ", ".join(sorted(str(reader.object) for reader in found))
