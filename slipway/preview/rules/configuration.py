"""ConfigMaps and Secrets, and the pods that read them."""

from collections.abc import Iterable, Iterator
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Object, Situation, count, items, mapping
from slipway.preview.rules.workloads import Workload, restarting, workloads
from slipway.pulumi.changes import Change, Op

_CONCERNS = {"ConfigMap": "configuration", "Secret": "secret"}
_REFERENCES = {
    "ConfigMap": ("configMapKeyRef", "configMapRef", "configMap"),
    "Secret": ("secretKeyRef", "secretRef", "secret"),
}


def values(situation: Situation) -> Iterator[Consequence]:
    """Yield ConfigMaps and Secrets whose content changes, and those that are deleted while pods need them."""
    restarted = {new.object.change.urn for _, new in restarting(situation)}
    after = tuple(workloads(situation, situation.after))
    for old, new in situation.updates(*_CONCERNS):
        if _content_changes(new.change):
            yield from _updated(old, new, after, restarted)
    for old in situation.removed(*_CONCERNS):
        readers = _readers(old, after)
        if readers and all(item.key != old.key for item in situation.after):
            reason = f"is deleted, but {_names(readers)} still needs it: new pods cannot start"
            yield old.consequence(Level.DANGEROUS, _CONCERNS[old.kind], reason)


def unfinished(situation: Situation) -> Iterator[Consequence]:
    """Yield objects that are updated without a difference: they were not ready after the last update."""
    for _, new in situation.updates():
        if new.change.op is Op.UPDATE and not new.change.properties:
            reason = "was not ready after the last update: Pulumi applies it again and waits for it"
            yield new.consequence(Level.ATTENTION, "configuration", reason)


def _updated(
    old: Object, new: Object, after: tuple[Workload, ...], restarted: set[str]
) -> Iterator[Consequence]:
    concern = _CONCERNS[new.kind]
    stale = [reader for reader in _readers(new, after) if reader.object.change.urn not in restarted]
    renamed = new.name != old.name
    if stale and not renamed:
        reason = f"changes, but {_names(stale)} may use the old value until its pods restart"
        yield new.consequence(Level.ATTENTION, concern, reason)
    elif new.kind == "Secret":
        paths = {change.path for change in new.change.properties}
        keys = count(sum(path.startswith(("data", "string")) for path in paths), "key")
        reason = f"is rotated ({keys}): clients outside of this stack must get the new value"
        yield new.consequence(Level.ATTENTION, "secret", reason)
    elif new.change.op is Op.REPLACE and not renamed and new.change.deleted_first:
        reason = "is missing briefly while it is replaced: pods that start meanwhile fail"
        yield new.consequence(Level.ATTENTION, concern, reason)


def _content_changes(change: Change) -> bool:
    return any(
        difference.path.split(".")[0].split("[")[0] in ("data", "stringData", "binaryData", "spec")
        for difference in change.properties
    )


def _readers(item: Object, pods: Iterable[Workload]) -> list[Workload]:
    return [
        workload
        for workload in pods
        if workload.object.namespace == item.namespace
        and item.name in set(_references(workload.pod, _REFERENCES[item.kind]))
    ]


def _references(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    """Yield the names that a pod's spec refers to under some keys, without optional references."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item, keys)
        return
    for key, item in mapping(value).items():
        if key in keys and not mapping(item).get("optional"):
            name = mapping(item).get("name") or mapping(item).get("secretName")
            if name is not None:
                yield str(name)
        yield from _references(item, keys)
    if "secretRef" in keys:
        secrets = items(mapping(value).get("imagePullSecrets"))
        yield from (str(secret["name"]) for secret in secrets if "name" in secret)


def _names(readers: Iterable[Workload]) -> str:
    return ", ".join(sorted(str(reader.object) for reader in readers))
