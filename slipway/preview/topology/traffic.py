"""The traffic that network policies allow, as edges between pods and as facts about pods."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.model import Object, get, items
from slipway.preview.rules.network_policies import Peer, policy_rules, port_text
from slipway.preview.rules.workloads import SERVING, Workload, selects
from slipway.preview.topology.graph import Box, Graph, container_ports, pods_key
from slipway.preview.topology.model import Layer

_ANYONE = Peer()
_DNS = {"53", "53/UDP"}
_NAME = "kubernetes.io/metadata.name"
"""The label with its own name that every namespace has."""
_PHRASES = {"Ingress": "accepts from", "Egress": "may reach"}
_EVERY_PORT = frozenset({""})


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
        return (
            isinstance(self.pods, Mapping) and bool(self.pods) and isinstance(self.namespaces, Mapping | None)
        )

    def selects(self, own: Workload, other: Workload, labels: Mapping[str, Mapping[str, Any]]) -> bool:
        """Return whether it selects the other workload's pods; `labels` has those of namespaces."""
        namespace = other.object.namespace
        if self.namespaces is None and self.pods is None:
            return False
        if self.namespaces is None:
            return namespace == own.object.namespace and selects(self.pods, other.labels)
        if not selects(self.namespaces, {**labels.get(namespace, {}), _NAME: namespace}):
            return False
        return self.pods is None or selects(self.pods, other.labels)


_Grants = Mapping[str, Sequence[_Grant] | None]
"""The grants of each direction; None if no policy restricts the direction."""


class _Network:
    """The workloads of a stack, and what policies grant each."""

    def __init__(self, objects: Sequence[Object], pods: Sequence[Workload]) -> None:
        self.pods = {pods_key(workload): workload for workload in pods}
        self.labels = {item.name: item.labels for item in objects if item.kind == "Namespace"}
        policies = [item for item in objects if item.kind == "NetworkPolicy"]
        self.grants: dict[str, _Grants] = {
            key: {direction: _grants(policies, workload, direction) for direction in _PHRASES}
            for key, workload in self.pods.items()
        }

    def selected(self, key: str, grant: _Grant) -> list[str]:
        """Return the keys of the workloads that a grant names."""
        if not grant.names_pods:
            return []
        own = self.pods[key]
        return [other for other, pods in self.pods.items() if grant.selects(own, pods, self.labels)]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield clients and servers of which one names the other."""
        for key, grants in self.grants.items():
            for grant in grants["Egress"] or ():
                yield from ((key, server) for server in self.selected(key, grant))
            for grant in grants["Ingress"] or ():
                yield from ((client, key) for client in self.selected(key, grant))

    def ports(self, key: str, other: str, direction: str) -> frozenset[str]:
        """Return the ports on which one side allows the other."""
        grants = self.grants[key][direction]
        if grants is None:
            return _EVERY_PORT
        own, pods = self.pods[key], self.pods[other]
        matching = [
            grant.ports for grant in grants if grant.peer == _ANYONE or grant.selects(own, pods, self.labels)
        ]
        return frozenset().union(*matching)


def add_traffic(graph: Graph, objects: Sequence[Object], pods: Sequence[Workload]) -> None:
    """Add to a graph what network policies allow.

    An edge between pods means that a policy selects the peer by labels, and that both directions allow it.
    """
    network = _Network(objects, pods)
    for client, server in dict.fromkeys(network.pairs()):
        out, into = network.ports(client, server, "Egress"), network.ports(server, client, "Ingress")
        ports = _common(out, into, network.pods[server])
        if ports and client != server:
            graph.connect(client, server, _list(ports))
    for key, grants in network.grants.items():
        box = graph.boxes[key]
        for direction in _PHRASES:
            if direction == "Egress" or box.kind in SERVING:
                _describe(graph, network, key, grants, direction)


def _describe(graph: Graph, network: _Network, key: str, grants: _Grants, direction: str) -> None:
    """Add the peers of pods that are no pods of the stack: as facts, or as boxes."""
    facts: dict[str, set[str]] = {}
    granted = grants[direction]
    if granted is None:
        facts["anyone"] = {""}
    for grant in granted or ():
        if grant.peer == _ANYONE:
            facts.setdefault("anyone", set()).update(grant.ports)
        elif direction == "Egress" and grant.ports <= _DNS:
            facts["DNS"] = {""}
        elif grant.pods == {} and grant.namespaces is None:
            facts.setdefault("all pods of its namespace", set()).update(grant.ports)
        elif not grant.peer.in_namespace and not network.selected(key, grant):
            _outer_peer(graph, key, grant, direction)
    lines = tuple(_with_ports(f"{_PHRASES[direction]} {peer}", ports) for peer, ports in facts.items())
    graph.add_facts(key, lines)


def _outer_peer(graph: Graph, key: str, grant: _Grant, direction: str) -> None:
    peer = f"{direction} {grant.peer}"
    kind = "addresses" if grant.peer.addresses else "peers"
    layer = Layer.OUTSIDE if direction == "Ingress" else Layer.DATA
    graph.boxes[peer] = Box(layer, kind, str(grant.peer))
    graph.connect(*((peer, key) if direction == "Ingress" else (key, peer)), _list(grant.ports))


def _grants(policies: Iterable[Object], workload: Workload, direction: str) -> list[_Grant] | None:
    rules = policy_rules(policies, (workload.object.namespace, workload.labels), direction)
    if rules is None:
        return None
    return [
        _Grant(
            Peer.parse(entry),
            get(entry, "podSelector"),
            get(entry, "namespaceSelector"),
            frozenset(port_text(port) for port in items(get(rule, "ports")) or [None]),
        )
        for rule in rules
        for entry in items(get(rule, "from") or get(rule, "to")) or [None]
    ]


def _common(out: frozenset[str], into: frozenset[str], server: Workload) -> frozenset[str]:
    """Return the ports that both sides allow; a named port is that of the server's containers."""
    numbers = {str(port.get("name")): str(port.get("containerPort")) for port in container_ports(server)}
    out, into = (frozenset(numbers.get(port, port) for port in ports) for ports in (out, into))
    if "" in out:
        return into
    ranges = any("-" in port for port in out | into)
    return out if "" in into or (ranges and into) else out & into


def _list(ports: Iterable[str]) -> str:
    return "" if "" in ports else ", ".join(sorted(ports))


def _with_ports(text: str, ports: Iterable[str]) -> str:
    return f"{text} on {numbers}" if (numbers := _list(ports)) else text
