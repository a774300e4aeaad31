"""Network policies: who may talk to whom now, and who no longer.

Policies only ever add: pods that one selects for a direction are closed but for what all of them allow
together. So what counts is each workload's sum, before and after.
https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Object, Situation, get, items
from slipway.preview.rules.workloads import kept, selects
from slipway.pulumi.changes import Hidden

_ANY = "anyone"
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_PEERS = {"Ingress": "from", "Egress": "to"}
_WORDS = {"Ingress": "be reached by", "Egress": "reach"}


@dataclass(frozen=True)
class Allowed:
    """One peer on one port; both may be anything."""

    peer: str
    port: str

    def covers(self, other: "Allowed") -> bool:
        """Whether this allows all that the other does."""
        return self.peer in (_ANY, other.peer) and self.port in ("", other.port)

    def __str__(self) -> str:
        return f"{self.peer} on {f'port {self.port}' if self.port else 'every port'}"


@dataclass(frozen=True)
class Direction:
    """What policies make of one group of pods in one direction."""

    closed: bool
    """Whether a policy selects the pods at all; if not, everything is allowed."""
    allowed: frozenset[Allowed]


def policies(situation: Situation) -> Iterator[Consequence]:
    """Tell what is opened and what is cut off, for each workload that stays."""
    if not any(change.kind == "NetworkPolicy" for change in situation.changes):
        return
    for label, urn, old, new in _groups(situation):
        for direction in ("Ingress", "Egress"):
            before = _side(situation.before, old, direction)
            after = _side(situation.after, new, direction)
            for level, concern, reason in _compare(before, after, direction):
                yield Consequence(level, concern, f"{label} {reason}", urn)


_Group = tuple[str, Mapping[str, Any]]


def _groups(situation: Situation) -> Iterator[tuple[str, str, _Group, _Group]]:
    for old, new in kept(situation):
        if new.labels:
            before, after = ((one.object.namespace, one.labels) for one in (old, new))
            yield new.object.label, new.object.change.urn, before, after
    empty = {one.name for one in situation.created("Namespace")}
    for change in situation.changes:
        selectors = [get(one, "spec", "podSelector") for one in (change.old, change.new)]
        namespace = str(get(change.new or change.old, "metadata", "namespace") or "")
        if change.kind == "NetworkPolicy" and {} in selectors and namespace not in empty:
            group = (namespace, {"": "any other pod"})
            yield f"Any other pod of namespace {namespace}", change.urn, group, group


def _side(objects: Iterable[Object], group: _Group, direction: str) -> Direction:
    namespace, labels = group
    selecting = [
        one.manifest
        for one in objects
        if one.kind == "NetworkPolicy"
        and one.namespace == namespace
        and direction in _directions(one.manifest)
        and selects(get(one.manifest, "spec", "podSelector"), labels)
    ]
    rules = [rule for one in selecting for rule in items(get(one, "spec", direction.lower()))]
    return Direction(
        bool(selecting), frozenset(one for rule in rules for one in _allowed(rule, _PEERS[direction]))
    )


def _directions(manifest: Mapping[str, Any]) -> list[Any]:
    types = items(get(manifest, "spec", "policyTypes"))
    return types or ["Ingress", *(["Egress"] if get(manifest, "spec", "egress") else [])]


def _allowed(rule: Any, key: str) -> Iterator[Allowed]:
    for peer in items(get(rule, key)) or [None]:
        for port in items(get(rule, "ports")) or [None]:
            yield Allowed(_peer(peer), _port(port))


def _peer(peer: Any) -> str:
    if not peer:
        return _ANY
    block = get(peer, "ipBlock")
    if block and not get(block, "except"):
        return _ANY if get(block, "cidr") in _EVERYWHERE else str(get(block, "cidr"))
    pods, namespaces = get(peer, "podSelector"), get(peer, "namespaceSelector")
    return " ".join(
        f"{what} {'any' if not selector else _labels(selector)}"
        for what, selector in (("pods", pods), ("namespaces", namespaces))
        if selector is not None
    ) or json.dumps(peer, default=str, sort_keys=True)


def _labels(selector: Any) -> str:
    if isinstance(selector, Hidden):
        return str(selector)
    labels = get(selector, "matchLabels")
    rest = get(selector, "matchExpressions")
    text = ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))
    return text + (json.dumps(rest, default=str, sort_keys=True) if rest else "")


def _port(port: Any) -> str:
    if not port or port.get("port") is None:
        return "" if not port or port.get("protocol", "TCP") == "TCP" else str(port["protocol"])
    last = f"-{port['endPort']}" if port.get("endPort") else ""
    protocol = "" if port.get("protocol", "TCP") == "TCP" else f"/{port['protocol']}"
    return f"{port['port']}{last}{protocol}"


def _compare(before: Direction, after: Direction, direction: str) -> Iterator[tuple[Level, str, str]]:
    may = _WORDS[direction]
    inward = direction == "Ingress"
    if before.closed and not after.closed:
        level = Level.DANGEROUS if inward else Level.ATTENTION
        yield level, "exposure", f"may {may} anyone: no network policy holds for it any more"
        return
    if not before.closed and not after.closed:
        return
    if not before.closed:
        kept = "; ".join(sorted(map(str, after.allowed)))
        yield (
            Level.ATTENTION if kept else Level.DANGEROUS,
            "downtime",
            f"may {may} only {kept}" if kept else f"may no longer {may} anyone",
        )
        return
    added = [one for one in after.allowed if not any(old.covers(one) for old in before.allowed)]
    lost = [one for one in before.allowed if not any(new.covers(one) for new in after.allowed)]
    for one in sorted(added, key=str):
        level = _level_of_opening(one, inward)
        yield level, "exposure", f"may {may} {one}"
    for one in sorted(lost, key=str):
        yield Level.DANGEROUS, "downtime", f"may no longer {may} {one}: what used that is cut off"


def _level_of_opening(one: Allowed, inward: bool) -> Level:
    if one.peer == _ANY:
        return Level.DANGEROUS if inward else Level.ATTENTION
    if one.peer.startswith("pods") and "namespaces" not in one.peer:
        return Level.SAFE
    return Level.ATTENTION
