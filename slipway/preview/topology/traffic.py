"""The traffic that network policies allow, as edges between pods and as facts about pods."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.consequence import Object, get, items
from slipway.preview.rules.network_policies import (
    ANYONE,
    ANYONE_BY_IPV4,
    Peer,
    directions,
    port_covers,
    port_text,
)
from slipway.preview.rules.workloads import selects
from slipway.preview.topology.graph import Box, Graph
from slipway.preview.topology.model import Layer
from slipway.preview.topology.pods import PodIndex, Pods

_DNS = {"53", "53/UDP"}
_NAME = "kubernetes.io/metadata.name"
"""The label with its own name that every namespace has."""
_PHRASES = {"Ingress": "accepts from", "Egress": "may reach"}
_EVERY_PORT = frozenset({""})
_EVERYONE = (ANYONE, ANYONE_BY_IPV4)
_FEW = 8
"""The largest number of workloads that a policy names with an edge for each."""


@dataclass(frozen=True)
class _Grant:
    """One entry of `from` or `to` of a rule, and the rule's ports."""

    peer: Peer
    pods: Any
    """The entry's pod selector."""
    namespaces: Any
    """The entry's namespace selector."""
    ports: frozenset[str]

    @property
    def names_pods(self) -> bool:
        """Whether it selects pods by labels, instead of addresses or whole namespaces."""
        return bool(get(self.pods, "matchLabels") or get(self.pods, "matchExpressions"))

    @property
    def is_namespace(self) -> bool:
        """Whether it selects all pods of the policy's namespace."""
        return self.pods is not None and not self.names_pods and self.namespaces is None


class _Network:
    """The pods of a stack, and what policies grant them."""

    def __init__(self, objects: Sequence[Object], index: PodIndex) -> None:
        self.index = index
        labels = {item.name: item.labels for item in objects if item.kind == "Namespace"}
        self.labels = {name: {**labels.get(name, {}), _NAME: name} for name in index.namespaces}
        self.grants: dict[str, dict[str, list[_Grant]]] = {key: {} for key in index.by_key}
        """What policies grant, by key and direction; a direction that no policy restricts is missing."""
        self._selected: dict[tuple[str, int], frozenset[str]] = {}
        for policy in objects:
            if policy.kind == "NetworkPolicy":
                self._add(policy)

    def _add(self, policy: Object) -> None:
        for direction in map(str, directions(policy.manifest)):
            grants = list(_grants(policy, direction))
            for pods in self.index.matching(get(policy.manifest, "spec", "podSelector"), policy.namespace):
                self.grants[pods.key].setdefault(direction, []).extend(grants)

    def selected(self, own: Pods, grant: _Grant) -> frozenset[str]:
        """Return the keys of the pods that a grant selects."""
        key = own.namespace, id(grant)
        if key not in self._selected:
            self._selected[key] = frozenset(self._select(own, grant))
        return self._selected[key]

    def _select(self, own: Pods, grant: _Grant) -> Iterator[str]:
        if grant.namespaces is None:
            yield from (pods.key for pods in self.index.matching(grant.pods, own.namespace))
        elif isinstance(grant.namespaces, Mapping):
            selector = {} if grant.pods is None else grant.pods
            for namespace, labels in self.labels.items():
                if selects(grant.namespaces, labels):
                    yield from (pods.key for pods in self.index.matching(selector, namespace))

    def named(self, own: Pods, grant: _Grant) -> frozenset[str]:
        """Return the keys of the few pods that a grant names by labels; of many, a picture shows nothing."""
        keys = self.selected(own, grant) if grant.names_pods else frozenset()
        return keys if len(keys) <= _FEW else frozenset()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of a client and a server in which one names the other."""
        for own in self.index:
            for direction, grants in self.grants[own.key].items():
                for other in sorted(key for grant in grants for key in self.named(own, grant)):
                    yield (own.key, other) if direction == "Egress" else (other, own.key)

    def ports(self, key: str, other: str, direction: str) -> frozenset[str]:
        """Return the ports on which one side allows the other."""
        grants = self.grants[key].get(direction)
        if grants is None:
            return _EVERY_PORT
        own = self.index.by_key[key]
        allowed = [
            grant.ports for grant in grants if grant.peer in _EVERYONE or other in self.selected(own, grant)
        ]
        return frozenset().union(*allowed)


def add_traffic(graph: Graph, objects: Sequence[Object], index: PodIndex) -> None:
    """Add to a graph what network policies allow.

    An edge between pods means that a policy selects the peer by labels, and that both directions allow it.
    """
    network = _Network(objects, index)
    for client, server in dict.fromkeys(network.pairs()):
        out, into = network.ports(client, server, "Egress"), network.ports(server, client, "Ingress")
        ports = _common(out, into, index.by_key[server])
        if ports and client != server:
            graph.connect(client, server, _list(ports))
    for pods in index:
        for direction in _PHRASES:
            if direction == "Egress" or pods.serving:
                _describe(graph, network, pods, direction)


def _describe(graph: Graph, network: _Network, pods: Pods, direction: str) -> None:
    """Add the peers of pods that are outside of the stack: as facts, or as boxes."""
    facts: dict[str, set[str]] = {}
    granted = network.grants[pods.key].get(direction)
    if granted is None:
        facts["anyone"] = {""}
    for grant in granted or ():
        if grant.peer in _EVERYONE:
            facts.setdefault("anyone", set()).update(grant.ports)
        elif direction == "Egress" and grant.ports <= _DNS:
            facts["DNS"] = {""}
        elif grant.is_namespace:
            facts.setdefault("all pods of its namespace", set()).update(grant.ports)
        elif grant.names_pods and (selected := network.selected(pods, grant)):
            if len(selected) > _FEW:
                facts.setdefault(str(grant.peer), set()).update(grant.ports)
        elif not grant.peer.in_namespace:
            _outer_peer(graph, pods.key, grant, direction)
    lines = tuple(_with_ports(f"{_PHRASES[direction]} {peer}", ports) for peer, ports in facts.items())
    graph.add_facts(pods.key, lines)


def _outer_peer(graph: Graph, key: str, grant: _Grant, direction: str) -> None:
    peer, outer = grant.peer, f"{direction} {grant.peer}"
    layer = Layer.OUTSIDE if direction == "Ingress" else Layer.DATA
    if peer.addresses:
        graph.boxes[outer] = Box(layer, "addresses", peer.addresses)
    else:
        facts = (f"pods with {peer.pods}",) if peer.pods else ()
        graph.boxes[outer] = Box(layer, "namespaces", peer.namespaces or "every namespace", "", facts)
    graph.connect(*((outer, key) if direction == "Ingress" else (key, outer)), _list(grant.ports))


def _grants(policy: Object, direction: str) -> Iterator[_Grant]:
    for rule in items(get(policy.manifest, "spec", direction.lower())):
        ports = frozenset(port_text(port) for port in items(get(rule, "ports")) or [None])
        for entry in items(get(rule, "from") or get(rule, "to")) or [None]:
            selectors = get(entry, "podSelector"), get(entry, "namespaceSelector")
            yield _Grant(Peer.parse(entry), *selectors, ports)


def _common(out: frozenset[str], into: frozenset[str], server: Pods) -> frozenset[str]:
    """Return the ports that both sides allow; a named port is that of the server's containers."""
    numbers = {str(port.get("name")): str(port.get("containerPort")) for port in server.ports}
    out, into = (frozenset(numbers.get(port, port) for port in ports) for ports in (out, into))
    return frozenset(
        port
        for ports, others in ((out, into), (into, out))
        for port in ports
        if any(port_covers(other, port) for other in others)
    )


def _list(ports: Iterable[str]) -> str:
    return "" if "" in ports else ", ".join(sorted(ports))


def _with_ports(text: str, ports: Iterable[str]) -> str:
    return f"{text} on {numbers}" if (numbers := _list(ports)) else text
