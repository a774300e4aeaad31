"""Ingresses, Gateways and routes: the hosts and paths that they open to the outside, and what serves them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get, items, mapping
from slipway.preview.rules.network_policies import EVERYWHERE
from slipway.preview.rules.services import Port, becomes_public, is_internal, ports
from slipway.pulumi.changes import Hidden

ROUTES = ("Ingress", "HTTPRoute")
DOORS = ("Ingress", "Gateway", "HTTPRoute", "TCPRoute", "TLSRoute", "GRPCRoute")
"""Kinds that open something to clients outside of the cluster."""
# Annotations of ingress controllers that decide who is let in.
GUARDS = re.compile(
    r"/.*(auth|whitelist|allow-?list|deny-?list|source-?range|middlewares|jwt|oidc|modsecurity|waf)", re.I
)
_OFF = {"", "0", "false", "none", "off", "optional", "optional_no_ca", "detectiononly"}
"""Values that switch such an annotation off."""
_CLASS = "kubernetes.io/ingress.class"


@dataclass(frozen=True)
class Route:
    """A host and a path that a door opens."""

    host: str
    path: str
    exact: bool = False
    conditions: str = ""
    """Further conditions, such as headers, as JSON."""

    def covers(self, other: "Route") -> bool:
        """Return whether every request for the other route also matches this one."""
        if self == other:
            return True
        prefix = other.path == self.path or other.path.startswith(self.path.rstrip("/") + "/")
        return self.host in (other.host, "*") and not self.conditions and not self.exact and prefix

    def __str__(self) -> str:
        return f"{'every host' if self.host == '*' else self.host}{self.path}"


@dataclass(frozen=True)
class Backend:
    """What a door leads to: a port of a Service, by name or number."""

    service: str
    port: str

    def __str__(self) -> str:
        return f"Service {self.service} port {self.port}"


def changes(situation: Situation) -> Iterator[Consequence]:
    """Yield what doors open and close, and what stops serving behind them, whether they change or not."""
    for item in situation.created(*DOORS):
        hosts = ", ".join(sorted(_hosts(item))) or "every host name"
        reason = f"opens {hosts} to clients outside of the cluster"
        yield item.consequence(Level.DANGEROUS, "exposure", reason)
    before = {item.change.urn: item for item in situation.before if item.kind in DOORS}
    for new in situation.after:
        if old := before.get(new.change.urn):
            if new.kind in ROUTES:
                yield from _served(situation, old, new)
            if new.change.properties or old.manifest != new.manifest:
                yield from _guarded(old, new)
                yield from _listeners(old, new)
                yield from _moved(old, new)


def leads_to_the_same(situation: Situation, old: Object, new: Object) -> bool:
    """Return whether two versions of a door differ only in the form of ports of the same Services."""
    before, after = routes(old), routes(new)
    forms = [text(_without_ports(get(item.manifest, "spec", "rules"))) for item in (old, new)]
    return forms[0] == forms[1] and all(
        _resolved(before[route], old, situation.before) == _resolved(backends, new, situation.after)
        and not any(isinstance(port, str) for port in _resolved(backends, new, situation.after))
        for route, backends in after.items()
    )


def _without_ports(value: Any, parent: str = "") -> Any:
    """Return rules without the ports of their backends; a redirect to another port is another rule."""
    if isinstance(value, list):
        return sorted((_without_ports(item, parent) for item in value), key=text)
    if isinstance(value, Mapping):
        backend = parent in ("service", "backendRefs")
        return {key: _without_ports(item, key) for key, item in value.items() if not backend or key != "port"}
    return value


def routes(door: Object) -> dict[Route, tuple[Backend, ...]]:
    """Return what a door opens, and what it leads to."""
    found: dict[Route, tuple[Backend, ...]] = {}
    names = [str(name) for name in items(get(door.manifest, "spec", "hostnames"))] or ["*"]
    for rule in items(get(door.manifest, "spec", "rules")):
        if door.kind == "Ingress":
            for path in items(get(rule, "http", "paths")):
                exact = get(path, "pathType") == "Exact"
                route = Route(str(get(rule, "host") or "*"), str(get(path, "path") or "/"), exact)
                found[route] = (_ingress_backend(get(path, "backend")),)
            continue
        backends = tuple(
            Backend(str(get(backend, "name")), str(get(backend, "port")))
            for backend in items(get(rule, "backendRefs"))
        )
        for name in names:
            for match in items(get(rule, "matches")) or [{}]:
                rest = {key: value for key, value in mapping(match).items() if key != "path"}
                path = str(get(match, "path", "value") or "/")
                exact = get(match, "path", "type") == "Exact"
                found[Route(name, path, exact, text(rest) if rest else "")] = backends
    if default := get(door.manifest, "spec", "defaultBackend"):
        found.setdefault(Route("*", "/"), (_ingress_backend(default),))
    return found


def text(value: Any) -> str:
    """Return a value as JSON."""
    return json.dumps(value, default=str, sort_keys=True)


def _ingress_backend(backend: Any) -> Backend:
    port = get(backend, "service", "port")
    return Backend(str(get(backend, "service", "name")), str(get(port, "name") or get(port, "number")))


def _served(situation: Situation, old: Object, new: Object) -> Iterator[Consequence]:
    before, after = routes(old), routes(new)
    for route, backends in before.items():
        now = after.get(route) or next((after[other] for other in after if other.covers(route)), None)
        if now is None:
            yield new.consequence(Level.DANGEROUS, "downtime", f"no longer serves {route}")
            continue
        then = _resolved(backends, old, situation.before)
        targets = _resolved(now, new, situation.after)
        problems = [target for target in targets if isinstance(target, str)]
        if targets == then and (backends == now or not problems):
            continue
        if problems and not all(isinstance(target, str) for target in then):
            reason = f"no longer serves {route}: {', '.join(problems)}"
            yield new.consequence(Level.DANGEROUS, "downtime", reason)
        elif then != targets or backends != now:
            reason = f"leads {route} to {', '.join(map(str, now))} instead of {', '.join(map(str, backends))}"
            yield new.consequence(Level.ATTENTION, "downtime", reason)
    hosts = {route.host for route in before}
    for route in after:
        if not any(other.covers(route) for other in before):
            known = route.host in hosts or "*" in hosts
            level = Level.ATTENTION if known else Level.DANGEROUS
            yield new.consequence(level, "exposure", f"also opens {route} to clients outside of the cluster")


def _resolved(backends: tuple[Backend, ...], door: Object, objects: tuple[Object, ...]) -> list[Port | str]:
    """Return the port of each backend, or in a text why it does not exist."""
    found: list[Port | str] = []
    for backend in backends:
        key = ("Service", door.namespace, backend.service)
        service = next((item for item in objects if item.key == key), None)
        if service is None:
            found.append(f"the stack has no Service {backend.service}")
            continue
        numbers = [
            (backend.service, number, protocol)
            for (number, protocol), port in ports(service).items()
            if backend.port in (str(number), str(get(port, "name")))
        ]
        found.append(numbers[0] if numbers else f"Service {backend.service} has no port {backend.port}")
    return found


def _guarded(old: Object, new: Object) -> Iterator[Consequence]:
    """Yield logins, allowed addresses, TLS and classes that a door loses."""
    before, after = (mapping(get(item.manifest, "metadata", "annotations")) for item in (old, new))
    for key in sorted(filter(GUARDS.search, before)):
        values = set(str(after.get(key)).lower().replace(" ", "").split(","))
        opened = values & (EVERYWHERE | _OFF) and str(before[key]).lower() not in _OFF
        if key not in after or (opened and before[key] != after[key]):
            reason = f"loses {key}: it may let in clients that it refused"
            yield new.consequence(Level.DANGEROUS, "exposure", reason)
    open_hosts = {route.host for route in routes(new)} | _hosts(new)
    if lost := sorted((_encrypted(old) - _encrypted(new)) & (open_hosts | {"*"})):
        reason = f"no longer has TLS for {', '.join(lost)}: requests travel in the clear, or fail"
        yield new.consequence(Level.DANGEROUS, "exposure", reason)
    classes = [str(get(item.manifest, "spec", "ingressClassName") or "") for item in (old, new)]
    classes = [
        name or str(annotations.get(_CLASS, ""))
        for name, annotations in zip(classes, (before, after), strict=True)
    ]
    if classes[0] != classes[1]:
        names = " to ".join(name or "default" for name in classes)
        reason = f"moves from class {names}: another address serves it"
        yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _listeners(old: Object, new: Object) -> Iterator[Consequence]:
    before, after = (
        {
            f"port {get(listener, 'port')} ({get(listener, 'protocol')})"
            for listener in items(get(gate.manifest, "spec", "listeners"))
        }
        for gate in (old, new)
    )
    for port in sorted(before - after):
        yield new.consequence(Level.DANGEROUS, "downtime", f"stops listening on {port}")
    for port in sorted(after - before):
        reason = f"also listens on {port}, for clients outside of the cluster"
        yield new.consequence(Level.DANGEROUS, "exposure", reason)


def _moved(old: Object, new: Object) -> Iterator[Consequence]:
    """Yield the gateways that a route leaves or joins, and moves into or out of the cloud's network."""
    before, after = (_parents(route) for route in (old, new))
    for name in sorted(before - after):
        reason = f"is no longer attached to {name}: requests that arrive there fail"
        yield new.consequence(Level.DANGEROUS, "downtime", reason)
    for name in sorted(after - before):
        reason = f"is also attached to {name}: its clients reach it"
        yield new.consequence(Level.DANGEROUS, "exposure", reason)
    if becomes_public(old.manifest, new.manifest):
        reason = "leaves the cloud's network: it is open to every address"
        yield new.consequence(Level.DANGEROUS, "exposure", reason)
    elif is_internal(new.manifest) and not is_internal(old.manifest):
        reason = "moves into the cloud's network: clients outside of it do not reach it"
        yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _parents(route: Object) -> set[str]:
    """Return the gateways of a route, with the listener if it names one."""
    return {_parent(route, parent) for parent in items(get(route.manifest, "spec", "parentRefs"))}


def _parent(route: Object, parent: Any) -> str:
    namespace = get(parent, "namespace") or route.namespace
    place = "" if namespace == route.namespace else f" in namespace {namespace}"
    listener = get(parent, "sectionName") or get(parent, "port")
    part = f", listener {listener}" if listener else ""
    return f"{get(parent, 'kind') or 'Gateway'} {get(parent, 'name')}{place}{part}"


def _encrypted(door: Object) -> set[str]:
    return {
        str(host)
        for entry in items(get(door.manifest, "spec", "tls"))
        for host in (items(get(entry, "hosts")) or ["*"])
    }


def _hosts(door: Object) -> set[str]:
    rules = [str(get(rule, "host") or "*") for rule in items(get(door.manifest, "spec", "rules")) if rule]
    names: list[Any] = items(get(door.manifest, "spec", "hostnames"))
    return {str(name) for name in (*rules, *names) if not isinstance(name, Hidden)} - {"*"}
