"""LimitRanges of the stack and of the cluster: pods that they refuse, and limits that they give to pods.

https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cluster.quantities import amount
from slipway.preview.rules.consequence import (
    Consequence,
    Level,
    Manifest,
    Object,
    Situation,
    get,
    items,
    mapping,
)
from slipway.preview.rules.workloads import Workload, restarting, workloads
from slipway.pulumi.changes import Hidden, Op

_PARTS = ("requests", "limits")


@dataclass(frozen=True)
class Range:
    """One entry of a LimitRange."""

    name: str
    namespace: str
    entry: Manifest
    of_the_stack: bool = True

    def value(self, bound: str, key: str) -> Any:
        """Return a bound, or the default that the API server sets: the maximum, for requests the minimum."""
        rest = {"default": ("max",), "defaultRequest": ("default", "max", "min")}.get(bound, ())
        values = (get(self.entry, part, key) for part in (bound, *rest))
        return next((value for value in values if value is not None), None)

    def resources(self) -> set[str]:
        """Return the resources that it is about: cpu, memory."""
        return {key for bounds in self.entry.values() for key in mapping(bounds)}

    def __str__(self) -> str:
        return f"LimitRange {self.name}"


def changes(situation: Situation) -> Iterator[Consequence]:
    """Yield workloads whose new pods a LimitRange refuses, and those to which it gives other limits."""
    before = {(item.object.change.urn, text) for item, _, text in _effects(situation, situation.before)}
    new = {item.object.change.urn for _, item in restarting(situation)}
    new |= {change.urn for change in situation.changes if change.op in (Op.CREATE, Op.REPLACE)}
    for workload, bounds, text in _effects(situation, situation.after):
        urn = workload.object.change.urn
        # A LimitRange from outside of the stack applies to the stack's pods when they start the next time.
        refuses_now = text.endswith(_REFUSED) and not bounds.of_the_stack and urn in new
        if (urn, text) not in before or refuses_now:
            yield workload.object.consequence(Level.ATTENTION, "capacity", text)


_REFUSED = "its new pods are refused"


def _effects(situation: Situation, objects: tuple[Object, ...]) -> Iterator[tuple[Workload, Range, str]]:
    ranges = list(_ranges(situation, objects))
    for workload in workloads(situation, objects) if ranges else ():
        containers = [mapping(get(container, "resources")) for container in workload.containers]
        own = [item for item in ranges if item.namespace == workload.object.namespace]
        for item in own:
            if item.entry.get("type") == "Container":
                texts = [text for container in containers for text in _of_container(item, container)]
                yield from ((workload, item, text) for text in texts)
        for item in own:
            if item.entry.get("type") == "Pod":
                defaults = [bounds for bounds in own if bounds.entry.get("type") == "Container"]
                whole = _sums([_effective(defaults, container) for container in containers])
                yield from ((workload, item, text) for text in _beyond(item, whole))


def _ranges(situation: Situation, objects: tuple[Object, ...]) -> Iterator[Range]:
    """Yield the stack's entries, and those of the cluster that are not of the stack."""
    for item in objects:
        if item.kind == "LimitRange":
            for entry in items(get(item.manifest, "spec", "limits")):
                yield Range(item.name, item.namespace, mapping(entry))
    own = {item.key for item in (*situation.before, *situation.after)}
    for found in situation.cluster.limit_ranges if situation.cluster else ():
        name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
        if ("LimitRange", namespace, name) not in own:
            for entry in items(get(found, "spec", "limits")):
                yield Range(name, namespace, mapping(entry), of_the_stack=False)


def _of_container(item: Range, resources: Manifest) -> Iterator[str]:
    effective = _effective([item], resources)
    yield from _beyond(item, effective)
    for key in sorted(item.resources()):
        limit, request = (get(effective, part, key) for part in reversed(_PARTS))
        if get(resources, "limits", key) is not None or limit is None:
            continue
        if request is not None and amount(request) > amount(limit):
            yield f"requests more {key} than the default limit {limit} of {item}: {_REFUSED}"
        else:
            yield f"gets the {key} limit {limit} from {item}, because it has none"


def _effective(ranges: Iterable[Range], resources: Manifest) -> dict[str, dict[str, Any]]:
    """Return requests and limits with the defaults of LimitRanges; a limit is also the default request."""
    limits, requests = dict(mapping(resources.get("limits"))), dict(mapping(resources.get("requests")))
    requests = {**limits, **requests}
    for item in ranges:
        for key in item.resources():
            for part, bound in ((limits, "default"), (requests, "defaultRequest")):
                if (value := item.value(bound, key)) is not None:
                    part.setdefault(key, value)
    return {"requests": requests, "limits": limits}


def _sums(containers: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Add up the requests and limits of a pod's containers; what a container lacks is unknown."""
    found: dict[str, dict[str, Any]] = {}
    for part in _PARTS:
        values = [container[part] for container in containers]
        keys = set.intersection(*map(set, values)) if values else set()
        found[part] = {key: sum(amount(item[key]) for item in values) for key in keys}
    return found


def _beyond(item: Range, resources: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for bound, sign in (("max", 1), ("min", -1)):
        for key, allowed in mapping(item.entry.get(bound)).items():
            for part in reversed(_PARTS):
                value = get(resources, part, key)
                if (
                    value is not None
                    and not isinstance(value, Hidden)
                    and (amount(value) - amount(allowed)) * sign > 0
                ):
                    yield f"has {part} of {key} beyond the {bound} {allowed} of {item}: {_REFUSED}"
    for key, ratio in mapping(item.entry.get("maxLimitRequestRatio")).items():
        limit, request = (amount(get(resources, part, key)) for part in reversed(_PARTS))
        if request and limit / request > amount(ratio):
            yield f"has a {key} limit of more than {ratio} times its request, against {item}: {_REFUSED}"
