"""Network policies: the traffic of each workload that they allow, before and after a change.

Policies are additive: a selected pod accepts the union of their rules.
https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get, items
from slipway.preview.rules.workloads import persisting, selects, workloads
from slipway.pulumi.changes import Hidden

_IPV4, _IPV6 = "0.0.0.0/0", "::/0"
EVERYWHERE = {_IPV4, _IPV6}
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PEERS = {"Ingress": "from", "Egress": "to"}
_VERBS = {"Ingress": "be reached by", "Egress": "reach"}
_Group = tuple[str, Mapping[str, Any]]
"""Pods of one namespace with the same labels."""


@dataclass(frozen=True)
class Peer:
    """The other end of the traffic: addresses, or the pods that selectors match. Without a field: anyone."""

    addresses: str = ""
    """A CIDR block; for a kind of peer that is not part of the API yet, its JSON."""
    pods: str | None = None
    """A label selector; empty for all pods, None without a selector."""
    namespaces: str | None = None
    """Likewise, for namespaces; None for the policy's own namespace."""

    @classmethod
    def parse(cls, peer: Any) -> "Peer":
        """Read an entry of `from` or `to`."""
        if not peer:
            return ANYONE
        if block := get(peer, "ipBlock"):
            cidr, exceptions = str(get(block, "cidr")), ", ".join(map(str, items(get(block, "except"))))
            if cidr in EVERYWHERE and not exceptions:
                return ANYONE_BY_IPV4 if cidr == _IPV4 else ANYONE_BY_IPV6
            return cls(f"{cidr} except {exceptions}" if exceptions else cidr)
        pods, namespaces = get(peer, "podSelector"), get(peer, "namespaceSelector")
        if pods is None and namespaces is None:
            return cls(json.dumps(peer, default=str, sort_keys=True))
        return cls("", _selector(pods), _selector(namespaces))

    @property
    def in_namespace(self) -> bool:
        """Whether it is limited to pods of the policy's own namespace."""
        return self.pods is not None and self.namespaces is None

    def covers(self, other: "Peer") -> bool:
        """Return whether it contains the other peer; pods count as peers with an IPv4 address."""
        ipv6 = other == ANYONE_BY_IPV6 or ":" in other.addresses
        return self == other or self == (ANYONE_BY_IPV6 if ipv6 else ANYONE_BY_IPV4)

    def __str__(self) -> str:
        if self == ANYONE:
            return "anyone"
        pods = f"pods with {self.pods}" if self.pods else "all pods"
        if self.namespaces is None:
            return self.addresses or pods
        namespaces = f"namespaces with {self.namespaces}" if self.namespaces else "all namespaces"
        return f"{pods} in {namespaces}"


ANYONE = Peer()
ANYONE_BY_IPV4, ANYONE_BY_IPV6 = Peer("anyone over IPv4"), Peer("anyone over IPv6")
_PUBLIC = (ANYONE, ANYONE_BY_IPV4, ANYONE_BY_IPV6)


@dataclass(frozen=True)
class Traffic:
    """Traffic with one peer on one port, written as by port_text."""

    peer: Peer
    port: str

    def covers(self, other: "Traffic") -> bool:
        """Return whether it contains all of the other traffic."""
        return self.peer.covers(other.peer) and port_covers(self.port, other.port)

    def __str__(self) -> str:
        if self.port in _PROTOCOLS:
            return f"{self.peer} on every {self.port} port"
        return f"{self.peer} on {f'port {self.port}' if self.port else 'every port'}"


@dataclass(frozen=True)
class Permissions:
    """The sum of all policies for one group of pods in one direction."""

    restricted: bool
    """Whether a policy selects the pods; if none does, all traffic is allowed."""
    allowed: frozenset[Traffic]


def traffic(situation: Situation) -> Iterator[Consequence]:
    """Yield the traffic that policies newly allow or forbid, for each workload that stays."""
    if not any(change.kind == "NetworkPolicy" for change in situation.changes):
        return
    yield from _unknown(situation)
    for label, urn, old, new in _groups(situation):
        for direction in _PEERS:
            before = _permissions(situation.before, old, direction)
            after = _permissions(situation.after, new, direction)
            for level, concern, reason in _compare(before, after, direction):
                yield Consequence(level, concern, f"{label} {reason}", urn)
            # Policies change at once, pods with other labels only as the rollout proceeds.
            meanwhile = _permissions(situation.after, old, direction)
            if meanwhile not in (before, after):
                for level, concern, reason in _compare(before, meanwhile, direction):
                    yield Consequence(level, concern, f"{label}, until its pods are replaced, {reason}", urn)


def _unknown(situation: Situation) -> Iterator[Consequence]:
    """Yield policies that are for other pods than those of the stack."""
    for change in situation.changes:
        if change.kind == "NetworkPolicy":
            policies = [Object(change, manifest) for manifest in (change.old, change.new) if manifest]
            empty = {item.name for item in situation.created("Namespace")}
            if not selects_workloads(situation, *policies) and policies[-1].namespace not in empty:
                reason = (
                    "is for pods that are not part of this stack: what changes for them is not known here"
                )
                yield policies[-1].consequence(Level.ATTENTION, "exposure", reason)


def selects_workloads(situation: Situation, *policies: Object) -> bool:
    """Return whether each version of a policy selects pods that `traffic` compares."""
    return all(
        any(
            group[0] == policy.namespace and selects(get(policy.manifest, "spec", "podSelector"), group[1])
            for group in (
                *(group for _, _, *both in _groups(situation) for group in both),
                *((pod.object.namespace, pod.labels) for pod in workloads(situation, situation.before)),
                *((pod.object.namespace, pod.labels) for pod in workloads(situation, situation.after)),
            )
        )
        for policy in policies
    )


def _groups(situation: Situation) -> Iterator[tuple[str, str, _Group, _Group]]:
    for old, new in persisting(situation):
        if new.labels:
            before, after = ((workload.object.namespace, workload.labels) for workload in (old, new))
            yield str(new.object), new.object.change.urn, before, after
    empty = {namespace.name for namespace in situation.created("Namespace")}
    for change in situation.changes:
        selectors = [get(manifest, "spec", "podSelector") for manifest in (change.old, change.new)]
        namespace = str(get(change.new or change.old, "metadata", "namespace") or "")
        if change.kind == "NetworkPolicy" and {} in selectors and namespace not in empty:
            group = (namespace, {"": "any other pod"})
            yield f"Any other pod in namespace {namespace}", change.urn, group, group


def _permissions(objects: Iterable[Object], group: _Group, direction: str) -> Permissions:
    namespace, labels = group
    policies = [
        item.manifest
        for item in objects
        if item.kind == "NetworkPolicy"
        and item.namespace == namespace
        and direction in directions(item.manifest)
        and selects(get(item.manifest, "spec", "podSelector"), labels)
    ]
    rules = [rule for policy in policies for rule in items(get(policy, "spec", direction.lower()))]
    allowed = frozenset(part for rule in rules for part in _allowed(rule, _PEERS[direction]))
    return Permissions(bool(policies), allowed)


def directions(manifest: Mapping[str, Any]) -> list[Any]:
    """Return the directions that a policy restricts: Ingress, Egress or both."""
    types = items(get(manifest, "spec", "policyTypes"))
    return types or ["Ingress", *(["Egress"] if get(manifest, "spec", "egress") else [])]


def _allowed(rule: Any, key: str) -> Iterator[Traffic]:
    for entry in items(get(rule, key)) or [None]:
        peer = Peer.parse(entry)
        for port in items(get(rule, "ports")) or [None]:
            for part in (ANYONE_BY_IPV4, ANYONE_BY_IPV6) if peer == ANYONE else (peer,):
                yield Traffic(part, port_text(port))


def _selector(selector: Any) -> str | None:
    if selector is None or isinstance(selector, Hidden):
        return None if selector is None else str(selector)
    labels, expressions = get(selector, "matchLabels"), get(selector, "matchExpressions")
    if labels and not isinstance(labels, Mapping):
        return str(labels)
    text = ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))
    return text + (json.dumps(expressions, default=str, sort_keys=True) if expressions else "")


def port_text(port: Any) -> str:
    """Format a port of a rule: 80, 53/UDP, 80-90; UDP for all of a protocol, empty for every port.

    A rule without ports allows every protocol, an entry without a protocol only TCP.
    """
    if port is None:
        return ""
    number, protocol = get(port, "port"), str(get(port, "protocol") or "TCP")
    if number is None:
        return protocol
    last = f"-{get(port, 'endPort')}" if get(port, "endPort") else ""
    return f"{number}{last}" + ("" if protocol == "TCP" else f"/{protocol}")


def port_covers(port: str, other: str) -> bool:
    """Return whether one port of a rule, as by port_text, contains another one."""
    if port in ("", other) or not other:
        return port in ("", other)
    (numbers, protocol), (inner, inner_protocol) = _numbers(port), _numbers(other)
    if protocol != inner_protocol or inner is None:
        return False
    return numbers is None or (inner[0] in numbers and inner[-1] in numbers)


def _numbers(port: str) -> tuple[Sequence[Any] | None, str]:
    """Return the numbers, or the name, of a port, and its protocol; None for all ports of the protocol."""
    if port in _PROTOCOLS:
        return None, port
    text, _, protocol = port.partition("/")
    first, _, last = text.partition("-")
    numeric = first.isdigit() and (last or first).isdigit()
    return range(int(first), int(last or first) + 1) if numeric else (text,), protocol or "TCP"


def _compare(before: Permissions, after: Permissions, direction: str) -> Iterator[tuple[Level, str, str]]:
    verb, inward = _VERBS[direction], direction == "Ingress"
    if not after.restricted:
        if before.restricted:
            level = Level.DANGEROUS if inward else Level.ATTENTION
            yield level, "exposure", f"can {verb} anyone: no NetworkPolicy restricts it any longer"
    elif not before.restricted:
        rest = "; ".join(map(str, _merged(after.allowed)))
        reason = f"can only {verb} {rest}" if rest else f"can no longer {verb} anyone"
        yield Level.ATTENTION if rest else Level.DANGEROUS, "downtime", reason
    else:
        for part in _uncovered(after, before):
            yield _opening(part, before, inward), "exposure", f"can now {verb} {part}"
        for part in _uncovered(before, after):
            reason = f"can no longer {verb} {part}: that traffic is blocked"
            yield _blocking(part, before, after), "downtime", reason


def _uncovered(these: Permissions, those: Permissions) -> list[Traffic]:
    return _merged(part for part in these.allowed if not any(other.covers(part) for other in those.allowed))


def _merged(parts: Iterable[Traffic]) -> list[Traffic]:
    """Return traffic with anyone over IPv4 and over IPv6 as traffic with anyone."""
    merged = set(parts)
    for part in [part for part in merged if part.peer == ANYONE_BY_IPV4]:
        both = {part, Traffic(ANYONE_BY_IPV6, part.port)}
        if both <= merged:
            merged = merged - both | {Traffic(ANYONE, part.port)}
    return sorted(merged, key=str)


def _blocking(blocked: Traffic, before: Permissions, after: Permissions) -> Level:
    """Return the level of lost traffic; most clusters only use IPv4, and there anyone over IPv6 is no one."""
    kept = Traffic(ANYONE_BY_IPV4, blocked.port)
    stays = all(any(part.covers(kept) for part in these.allowed) for these in (before, after))
    return Level.ATTENTION if blocked.peer == ANYONE_BY_IPV6 and stays else Level.DANGEROUS


def _opening(opened: Traffic, before: Permissions, inward: bool) -> Level:
    """Return the level of new traffic; anyone by one version of addresses is the public of the other too."""
    if inward and opened.peer in _PUBLIC:
        known = (other for other in before.allowed if other.peer in _PUBLIC)
        public = any(port_covers(other.port, opened.port) for other in known)
        return Level.ATTENTION if public else Level.DANGEROUS
    return Level.SAFE if opened.peer.in_namespace else Level.ATTENTION
