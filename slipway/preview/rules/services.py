"""Services and routes: whether clients still reach pods, and which clients gain access."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Manifest, Object, Situation, get, items, mapping
from slipway.preview.rules.workloads import SERVING, selects, workloads
from slipway.pulumi.changes import Hidden

_CLIENTS = {
    "NodePort": "everyone who can reach a node",
    "LoadBalancer": "everyone who can reach its load balancer",
}
"""Types of Services that are open to clients outside of the cluster, and these clients."""


def reachability(situation: Situation) -> Iterator[Consequence]:
    """Yield ports that are removed or get another target, and selectors that match no pods any longer."""
    for old, new in situation.updates("Service"):
        yield from _ports(old, new)
    before = {item.change.urn for item in situation.before if _has_pods(situation, item, situation.before)}
    for item in situation.after:
        lost = item.change.urn in before and not _has_pods(situation, item, situation.after)
        if item.kind == "Service" and lost:
            reason = "loses all its pods: its selector matches no pods of this stack any longer"
            yield item.consequence(Level.DANGEROUS, "downtime", reason)


def _ports(old: Object, new: Object) -> Iterator[Consequence]:
    before, after = (_by_number(item) for item in (old, new))
    for number, port in before.items():
        if number not in after:
            reason = f'stops listening on port {number}: clients get "connection refused"'
            yield new.consequence(Level.DANGEROUS, "downtime", reason)
        elif (target := _target(port)) != _target(after[number]):
            reason = (
                f"forwards port {number} to {_target(after[number])} instead of {target} at once:"
                " requests fail until the pods listen there"
            )
            yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _by_number(service: Object) -> dict[Any, Mapping[str, Any]]:
    return {port.get("port"): port for port in items(get(service.manifest, "spec", "ports"))}


def _target(port: Mapping[str, Any]) -> Any:
    return port.get("targetPort", port.get("port"))


def _has_pods(situation: Situation, service: Object, objects: tuple[Object, ...]) -> bool:
    selector = get(service.manifest, "spec", "selector")
    if service.kind != "Service" or not isinstance(selector, Mapping) or not selector:
        return False
    return any(
        workload.object.kind in SERVING
        and workload.object.namespace == service.namespace
        and selects(selector, workload.labels)
        for workload in workloads(situation, objects)
    )


def exposure(situation: Situation) -> Iterator[Consequence]:
    """Yield Services, routes and ports that clients outside of the cluster gain access to."""
    for item in situation.created("Service"):
        yield from _opened(item, {})
    for old, new in situation.updates("Service"):
        yield from _opened(new, old.manifest)
    for item in situation.created("Ingress", "Gateway", "HTTPRoute", "TCPRoute", "TLSRoute", "GRPCRoute"):
        hosts = ", ".join(sorted(_hosts(item))) or "every host name"
        yield _exposed(item, f"opens {hosts} to clients outside of the cluster")
    for old, new in situation.updates("Ingress", "HTTPRoute"):
        if added := sorted(_hosts(new) - _hosts(old)):
            yield _exposed(new, f"also opens {', '.join(added)} to clients outside of the cluster")
        if removed := sorted(_hosts(old) - _hosts(new)):
            reason = f"stops serving {', '.join(removed)}"
            yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _exposed(item: Object, reason: str, level: Level = Level.DANGEROUS) -> Consequence:
    return item.consequence(level, "exposure", reason)


def _opened(service: Object, old: Manifest) -> Iterator[Consequence]:
    new = service.manifest
    before, after = (get(manifest, "spec", "type") or "ClusterIP" for manifest in (old, new))
    if after in _CLIENTS:
        ports = sorted({str(number) for number in _numbers(new)} - {str(number) for number in _numbers(old)})
        if before not in _CLIENTS:
            level = Level.ATTENTION if _internal(new) else Level.DANGEROUS
            yield _exposed(service, f"becomes a {after}: it is open to {_CLIENTS[after]}", level)
        else:
            if ports:
                yield _exposed(service, f"opens port {', '.join(ports)} to {_CLIENTS[after]}")
            yield from _widened(service, old, new)
    addresses = [items(get(manifest, "spec", "externalIPs")) for manifest in (old, new)]
    if added := [str(address) for address in addresses[1] if address not in addresses[0]]:
        yield _exposed(service, f"listens on the external address {', '.join(added)}")


def _widened(service: Object, old: Manifest, new: Manifest) -> Iterator[Consequence]:
    """Yield source addresses that a Service newly accepts."""
    before, after = (
        list(map(str, items(get(manifest, "spec", "loadBalancerSourceRanges")))) for manifest in (old, new)
    )
    if before and set(after) - set(before):
        yield _exposed(service, f"accepts clients from {', '.join(after)}")
    elif before and not after:
        yield _exposed(service, "accepts clients from every address")


def _numbers(manifest: Manifest) -> list[Any]:
    return [port.get("port") for port in items(get(manifest, "spec", "ports"))]


def _internal(manifest: Manifest) -> bool:
    """Return whether an annotation asks the cloud for a load balancer inside its network."""
    annotations = mapping(get(manifest, "metadata", "annotations"))
    return any(
        ("internal" in key.lower() and str(value).lower() in ("true", "0.0.0.0/0", "internal"))
        or str(value).lower() == "internal"
        for key, value in annotations.items()
        if "load-balancer" in key or "loadbalancer" in key.replace("-", "").lower()
    )


def _hosts(route: Object) -> set[str]:
    rules = [str(rule.get("host") or "*") for rule in items(get(route.manifest, "spec", "rules")) if rule]
    names = items(get(route.manifest, "spec", "hostnames"))
    return {name for name in (*rules, *map(str, names)) if not isinstance(name, Hidden)} - {"*"}
