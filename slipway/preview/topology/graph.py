"""The graph of the system at one time: before or after the change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slipway.preview.rules import services as service_rules
from slipway.preview.rules.consequence import Object, get, items, mapping
from slipway.preview.topology.model import Layer
from slipway.preview.topology.pods import PodIndex, Pods
from slipway.pulumi.changes import Op

ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
OUTSIDE = "outside"
"""The key of the clients outside of the cluster."""


@dataclass(frozen=True)
class Box:
    """A node of the graph."""

    layer: Layer
    kind: str
    name: str
    namespace: str = ""
    facts: tuple[str, ...] = ()


@dataclass
class Graph:
    """Boxes by key, and the labels of edges by the keys of both ends.

    A key is the same before and after the change: the URN of the resource, with a suffix for its parts.
    """

    boxes: dict[str, Box] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)

    def connect(self, source: str, target: str, label: str = "") -> None:
        """Add an edge."""
        self.edges[source, target] = label

    def add_facts(self, key: str, facts: tuple[str, ...]) -> None:
        """Add facts to a box."""
        self.boxes[key] = replace(self.boxes[key], facts=(*self.boxes[key].facts, *facts))

    def enter(self, door: str, box: Box) -> None:
        """Add a door, and the clients outside of the cluster."""
        self.boxes[OUTSIDE] = Box(Layer.OUTSIDE, "clients", "outside")
        self.boxes[door] = box
        self.connect(OUTSIDE, door)


def draw(objects: Sequence[Object], index: PodIndex) -> Graph:
    """Return the graph of objects, without the traffic between pods."""
    graph = Graph()
    services = {(item.namespace, item.name): item for item in objects if item.kind == "Service"}
    for service in services.values():
        _service(graph, service, index)
    gateways = {(item.namespace, item.name): item for item in objects if item.kind == "Gateway"}
    for gateway in gateways.values():
        listeners = tuple(map(_listener, items(get(gateway.manifest, "spec", "listeners"))))
        graph.enter(_key(gateway), _box(gateway, Layer.GATEWAY, listeners))
    for route in objects:
        if route.kind == "Ingress":
            graph.enter(_key(route), _box(route, Layer.DOOR, tuple(dict.fromkeys(_ingress_facts(route)))))
            _backends(graph, route, services, _ingress_backends(route))
        elif route.kind in ROUTES:
            _route(graph, route, gateways, services)
    claims = {(item.namespace, item.name): item for item in objects if item.kind == "PersistentVolumeClaim"}
    for pods in index:
        _pods(graph, pods)
        _data(graph, pods, claims)
    for claim in claims.values():
        replaced = ("is replaced: starts empty",) if claim.change.op is Op.REPLACE else ()
        after = claim.manifest is claim.change.new
        graph.boxes[_key(claim)] = _box(claim, Layer.DATA, replaced if after else (), "claim")
    return graph


def _key(item: Object) -> str:
    return item.change.urn


def _box(item: Object, layer: Layer, facts: Iterable[str] = (), kind: str = "") -> Box:
    return Box(layer, kind or item.kind, item.name, item.namespace, tuple(facts))


def _service(graph: Graph, service: Object, index: PodIndex) -> None:
    spec, key = mapping(get(service.manifest, "spec")), _key(service)
    ports = [mapping(port) for port in items(spec.get("ports"))]
    facts = list(map(_forwarding, ports))
    facts += ["headless: no address of its own"] if spec.get("clusterIP") == "None" else []
    graph.boxes[key] = _box(service, Layer.SERVICE, facts)
    if (kind := spec.get("type")) in ("NodePort", "LoadBalancer"):
        field = "nodePort" if kind == "NodePort" else "port"
        opened = [f"port {port[field]}" for port in ports if port.get(field)]
        ranges = [f"only from {block}" for block in map(str, items(spec.get("loadBalancerSourceRanges")))]
        graph.enter(f"{key}#{kind}", _box(service, Layer.DOOR, (*opened, *ranges), kind))
        graph.connect(f"{key}#{kind}", key)
    if addresses := list(map(str, items(spec.get("externalIPs")))):
        graph.enter(f"{key}#addresses", _box(service, Layer.DOOR, addresses, "external address"))
        graph.connect(f"{key}#addresses", key)
    if kind == "ExternalName":
        host = str(spec.get("externalName"))
        graph.boxes[f"host {host}"] = Box(Layer.DATA, "external host", host)
        graph.connect(key, f"host {host}")
    selector = spec.get("selector")
    for pods in index.matching(selector, service.namespace) if selector else ():
        if pods.serving and _listens(pods, ports):
            graph.connect(key, pods.key)


def _listens(pods: Pods, ports: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether pods have a port for one of a Service's ports, or may have: a number needs no name."""
    names = [port.get("name") for port in pods.ports]
    targets = [service_rules.target(port) for port in ports]
    return not targets or any(not isinstance(target, str) or target in names for target in targets)


def _forwarding(port: Mapping[str, Any]) -> str:
    """Describe a Service's port: port 80 → http, port 53/UDP."""
    number, target, protocol = port.get("port"), service_rules.target(port), port.get("protocol", "TCP")
    listening = f"port {number}" if protocol == "TCP" else f"port {number}/{protocol}"
    return listening if target == number else f"{listening} → {target}"


def _listener(listener: Any) -> str:
    host = get(listener, "hostname") or "every host"
    return f"{host}, {get(listener, 'protocol')} port {get(listener, 'port')}"


def _ingress_facts(ingress: Object) -> Iterator[str]:
    spec = get(ingress.manifest, "spec")
    secured = [host for entry in items(get(spec, "tls")) for host in items(get(entry, "hosts")) or ["*"]]
    for rule in items(get(spec, "rules")):
        host = get(rule, "host") or "*"
        scheme = "https" if host in secured or "*" in secured else "http"
        for path in items(get(rule, "http", "paths")) or [{}]:
            yield f"{scheme}://{host}{get(path, 'path') or '/'}"
    if get(spec, "defaultBackend"):
        yield f"{'https' if '*' in secured else 'http'}://*/"
    if name := get(spec, "ingressClassName"):
        yield f"class {name}"
    for key, value in mapping(get(ingress.manifest, "metadata", "annotations")).items():
        _, _, option = key.rpartition("/")
        if option.startswith("auth-"):
            yield f"login: {option}"
        elif option in ("whitelist-source-range", "allowlist-source-range"):
            yield f"only from {value}"


def _ingress_backends(ingress: Object) -> Iterator[tuple[Any, Any]]:
    spec = get(ingress.manifest, "spec")
    paths = [path for rule in items(get(spec, "rules")) for path in items(get(rule, "http", "paths"))]
    for backend in (get(spec, "defaultBackend"), *(get(path, "backend") for path in paths)):
        port = get(backend, "service", "port")
        yield get(backend, "service", "name"), get(port, "number") or get(port, "name")


def _backends(
    graph: Graph, route: Object, services: Mapping[Any, Object], backends: Iterable[tuple[Any, Any]]
) -> None:
    """Connect a route with the Services of its namespace that listen on the port that it names."""
    for name, port in backends:
        service = services.get((route.namespace, str(name)))
        ports = items(get(service.manifest, "spec", "ports")) if service else []
        known = [value for entry in ports for value in (get(entry, "port"), get(entry, "name"))]
        if service and (port is None or port in known):
            graph.connect(_key(route), _key(service))


def _route(
    graph: Graph, route: Object, gateways: Mapping[Any, Object], services: Mapping[Any, Object]
) -> None:
    spec = get(route.manifest, "spec")
    rules = items(get(spec, "rules"))
    matches = [match for rule in rules for match in items(get(rule, "matches"))]
    paths = [str(path) for match in matches if (path := get(match, "path", "value"))]
    hosts = [str(host) for host in items(get(spec, "hostnames"))] or ["every host"]
    parents = [
        gateways.get((str(get(parent, "namespace") or route.namespace), str(get(parent, "name"))))
        for parent in items(get(spec, "parentRefs"))
    ]
    facts = (*hosts, *(f"path {path}" for path in dict.fromkeys(paths)))
    graph.boxes[_key(route)] = _box(route, Layer.DOOR, facts)
    for parent in parents:
        if parent:
            graph.connect(_key(parent), _key(route))
    if None in parents:
        graph.enter(_key(route), graph.boxes[_key(route)])
    backends = [backend for rule in rules for backend in items(get(rule, "backendRefs"))]
    _backends(graph, route, services, ((get(entry, "name"), get(entry, "port")) for entry in backends))


def _pods(graph: Graph, pods: Pods) -> None:
    item = pods.workload.object
    none = pods.serving and pods.workload.most == 0
    graph.boxes[pods.key] = _box(item, Layer.PODS, ["no pods"] if none else [])
    opened = [f"port {port['hostPort']}" for port in pods.ports if port.get("hostPort")]
    if get(pods.workload.pod, "hostNetwork") is True:
        opened.append("every port of the pods")
    if opened:
        graph.enter(f"{pods.key}#host", _box(item, Layer.DOOR, opened, "port of the node"))
        graph.connect(f"{pods.key}#host", pods.key)


def _data(graph: Graph, pods: Pods, claims: Mapping[Any, Object]) -> None:
    item, key = pods.workload.object, pods.key
    for template in items(get(item.manifest, "spec", "volumeClaimTemplates")):
        name = str(get(template, "metadata", "name"))
        graph.boxes[f"{key}#{name}"] = Box(Layer.DATA, "claim of each pod", name, item.namespace)
        graph.connect(key, f"{key}#{name}")
    for volume in items(get(pods.workload.pod, "volumes")):
        if name := get(volume, "persistentVolumeClaim", "claimName"):
            claim = claims.get((item.namespace, str(name)))
            target = _key(claim) if claim else f"claim {item.namespace}/{name}"
            graph.boxes[target] = Box(Layer.DATA, "claim", str(name), item.namespace)
            graph.connect(key, target)
        elif path := get(volume, "hostPath", "path"):
            graph.boxes[f"path {path}"] = Box(Layer.DATA, "directory of the node", str(path))
            graph.connect(key, f"path {path}")
