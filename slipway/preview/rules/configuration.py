"""What objects are configured with: who reads the new value, who keeps the old one, who finds none."""

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
    """Changed content, and objects that are gone while pods need them."""
    restarted = {new.object.change.urn for _, new in restarting(situation)}
    after = tuple(workloads(situation, situation.after))
    for old, new in situation.updates(*_CONCERNS):
        if _content_changes(new.change):
            yield from _changed(old, new, after, restarted)
    for old in situation.removed(*_CONCERNS):
        readers = _readers(old, after)
        if readers and not _there(old, situation.after):
            yield Consequence(
                Level.DANGEROUS,
                _CONCERNS[old.kind],
                f"{old.label} is deleted, but {_names(readers)} needs it: new pods cannot start",
                old.change.urn,
            )


def unfinished(situation: Situation) -> Iterator[Consequence]:
    """Objects that are updated though nothing of them changes: the engine knows that they never got ready."""
    for _, new in situation.updates():
        if new.change.op is Op.UPDATE and not new.change.properties:
            reason = "was not ready when its last update ended: it is applied again, and waited for"
            yield Consequence(Level.ATTENTION, "configuration", f"{new.label} {reason}", new.change.urn)


def _changed(
    old: Object, new: Object, after: tuple[Workload, ...], restarted: set[str]
) -> Iterator[Consequence]:
    concern = _CONCERNS[new.kind]
    stale = [one for one in _readers(new, after) if one.object.change.urn not in restarted]
    renamed = new.name != old.name
    if stale and not renamed:
        yield Consequence(
            Level.ATTENTION,
            concern,
            f"{new.label} changes, but {_names(stale)} may keep the old value until it restarts",
            new.change.urn,
        )
    elif new.kind == "Secret":
        keys = sorted(
            {str(one.path) for one in new.change.properties if one.path.startswith(("data", "string"))}
        )
        yield Consequence(
            Level.ATTENTION,
            "secret",
            f"{new.label} is rotated ({count(len(keys), 'key')}): whoever else uses it is locked out",
            new.change.urn,
        )
    elif new.change.op is Op.REPLACE and not renamed and new.change.deleted_first:
        yield Consequence(
            Level.ATTENTION,
            concern,
            f"{new.label} is missing for a moment: pods that start meanwhile fail",
            new.change.urn,
        )


def _content_changes(change: Change) -> bool:
    return any(
        one.path.split(".")[0].split("[")[0] in ("data", "stringData", "binaryData", "spec")
        for one in change.properties
    )


def _readers(one: Object, pods: Iterable[Workload]) -> list[Workload]:
    return [
        workload
        for workload in pods
        if workload.object.namespace == one.namespace
        and one.name in set(_referred(workload.pod, _REFERENCES[one.kind]))
    ]


def _referred(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    """Names in what a pod reads from; what is optional need not be there."""
    if isinstance(value, list):
        for item in value:
            yield from _referred(item, keys)
        return
    for key, item in mapping(value).items():
        if key in keys and not mapping(item).get("optional"):
            name = mapping(item).get("name") or mapping(item).get("secretName")
            if name is not None:
                yield str(name)
        yield from _referred(item, keys)
    if "secretRef" in keys:
        yield from (
            str(one["name"]) for one in items(mapping(value).get("imagePullSecrets")) if "name" in one
        )


def _there(one: Object, objects: Iterable[Object]) -> bool:
    wanted = (one.kind, one.namespace, one.name)
    return any((other.kind, other.namespace, other.name) == wanted for other in objects)


def _names(readers: Iterable[Workload]) -> str:
    return ", ".join(sorted(one.object.label for one in readers))
