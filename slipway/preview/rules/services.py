"""Services: whether those who call them still find somebody, and who else may call them now."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Object, Situation, get, items, mapping
from slipway.preview.rules.workloads import SERVING, selects, workloads
from slipway.pulumi.changes import Hidden

_OUTSIDE = ("NodePort", "LoadBalancer")


def reachability(situation: Situation) -> Iterator[Consequence]:
    """Ports that go or lead elsewhere, and selectors that find no pod."""
    for old, new in situation.updates("Service"):
        yield from _ports(old, new)
    before = {one.change.urn: _finds(situation, one, situation.before) for one in situation.before}
    for one in situation.after:
        if (
            one.kind == "Service"
            and before.get(one.change.urn)
            and not _finds(situation, one, situation.after)
        ):
            yield Consequence(
                Level.DANGEROUS,
                "downtime",
                f"{one.label} finds no pods any more: its selector matches none of this stack's",
                one.change.urn,
            )


def _ports(old: Object, new: Object) -> Iterator[Consequence]:
    before, after = (_by_number(one) for one in (old, new))
    for number, port in before.items():
        if number not in after:
            yield Consequence(
                Level.DANGEROUS,
                "downtime",
                f"{new.label} answers no more on port {number}: who calls it there is refused",
                new.change.urn,
            )
        elif (target := _target(port)) != _target(after[number]):
            yield Consequence(
                Level.DANGEROUS,
                "downtime",
                f"{new.label} sends port {number} to {_target(after[number])} instead of {target} at once,"
                " whether or not the pods listen there yet",
                new.change.urn,
            )


def _by_number(service: Object) -> dict[Any, Mapping[str, Any]]:
    return {port.get("port"): port for port in items(get(service.manifest, "spec", "ports"))}


def _target(port: Mapping[str, Any]) -> Any:
    return port.get("targetPort", port.get("port"))


def _finds(situation: Situation, service: Object, objects: tuple[Object, ...]) -> bool:
    selector = get(service.manifest, "spec", "selector")
    if service.kind != "Service" or not isinstance(selector, Mapping) or not selector:
        return False
    return any(
        one.object.kind in SERVING
        and one.object.namespace == service.namespace
        and selects(selector, one.labels)
        for one in workloads(situation, objects)
    )


def exposure(situation: Situation) -> Iterator[Consequence]:
    """Services, routes and ports that are reached from outside the cluster, and were not."""
    for one in situation.created("Service"):
        yield from _opened(one, {}, one.manifest)
    for old, new in situation.updates("Service"):
        yield from _opened(new, old.manifest, new.manifest)
    for one in situation.created("Ingress", "Gateway", "HTTPRoute", "TCPRoute", "TLSRoute", "GRPCRoute"):
        hosts = ", ".join(sorted(_hosts(one))) or "every host name"
        yield Consequence(
            Level.DANGEROUS, "exposure", f"{one.label} opens {hosts} to the outside", one.change.urn
        )
    for old, new in situation.updates("Ingress", "HTTPRoute"):
        if more := sorted(_hosts(new) - _hosts(old)):
            yield Consequence(
                Level.DANGEROUS, "exposure", f"{new.label} opens {', '.join(more)} too", new.change.urn
            )
        if gone := sorted(_hosts(old) - _hosts(new)):
            yield Consequence(
                Level.DANGEROUS, "downtime", f"{new.label} serves {', '.join(gone)} no more", new.change.urn
            )


def _opened(one: Object, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Consequence]:
    before, after = (get(manifest, "spec", "type") or "ClusterIP" for manifest in (old, new))
    urn = one.change.urn
    if after in _OUTSIDE:
        ports = sorted({str(number) for number in _numbers(new)} - {str(n) for n in _numbers(old)})
        whom = (
            "everyone who reaches a node" if after == "NodePort" else "everyone who reaches its load balancer"
        )
        if before not in _OUTSIDE:
            level = Level.ATTENTION if _internal(new) else Level.DANGEROUS
            yield Consequence(level, "exposure", f"{one.label} becomes a {after}: open to {whom}", urn)
        elif ports:
            yield Consequence(
                Level.DANGEROUS, "exposure", f"{one.label} opens port {', '.join(ports)} to {whom}", urn
            )
        narrowed = [items(get(manifest, "spec", "loadBalancerSourceRanges")) for manifest in (old, new)]
        if before in _OUTSIDE and narrowed[0] and set(map(str, narrowed[1])) - set(map(str, narrowed[0])):
            yield Consequence(
                Level.DANGEROUS, "exposure", f"{one.label} lets in {', '.join(map(str, narrowed[1]))}", urn
            )
        elif before in _OUTSIDE and narrowed[0] and not narrowed[1]:
            yield Consequence(Level.DANGEROUS, "exposure", f"{one.label} lets in every address", urn)
    addresses = [items(get(manifest, "spec", "externalIPs")) for manifest in (old, new)]
    if more := [str(address) for address in addresses[1] if address not in addresses[0]]:
        yield Consequence(
            Level.DANGEROUS, "exposure", f"{one.label} answers at {', '.join(more)}, from outside", urn
        )


def _numbers(manifest: Mapping[str, Any]) -> list[Any]:
    return [port.get("port") for port in items(get(manifest, "spec", "ports"))]


def _internal(manifest: Mapping[str, Any]) -> bool:
    """Whether an annotation asks the cloud for a load balancer inside its network."""
    annotations = mapping(get(manifest, "metadata", "annotations"))
    return any(
        ("internal" in key.lower() and str(value).lower() in ("true", "0.0.0.0/0", "internal"))
        or str(value).lower() == "internal"
        for key, value in annotations.items()
        if "load-balancer" in key or "loadbalancer" in key.replace("-", "").lower()
    )


def _hosts(one: Object) -> set[str]:
    rules = [str(rule.get("host") or "*") for rule in items(get(one.manifest, "spec", "rules")) if rule]
    names = items(get(one.manifest, "spec", "hostnames"))
    return {name for name in (*rules, *map(str, names)) if not isinstance(name, Hidden)} - {"*"}
