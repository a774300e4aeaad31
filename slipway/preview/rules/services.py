"""Services: who may reach them, and which ports of which pods serve them, before and after."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from slipway.images.model_card import CANARY
from slipway.preview.rules import postgres
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
from slipway.preview.rules.workloads import SERVING, selects, workloads
from slipway.pulumi.changes import Op

Port = tuple[str, Any, str]
"""The name of a Service, a port's number and its protocol."""
_CLIENTS = {
    "NodePort": "everyone who can reach a node",
    "LoadBalancer": "everyone who can reach its load balancer",
}
"""Types of Services that are open to clients outside of the cluster, and these clients."""
_EXTERNAL_NAME = "ExternalName"


def ports(service: Object) -> dict[tuple[Any, str], Mapping[str, Any]]:
    """Return a Service's ports by number and protocol."""
    return {
        (get(port, "port"), str(get(port, "protocol") or "TCP")): mapping(port)
        for port in items(get(service.manifest, "spec", "ports"))
    }


def endpoints(
    situation: Situation, service: Object, objects: tuple[Object, ...]
) -> dict[tuple[Any, str], set[tuple[str, Any]]]:
    """Return the workloads and their declared ports that serve each port of a Service."""
    pods = [
        workload
        for workload in workloads(situation, objects)
        if workload.object.kind in SERVING
        and workload.object.namespace == service.namespace
        and (selector := _selector(service))
        and selects(selector, workload.labels)
    ]
    return {
        (number, protocol): {
            (str(workload.object), get(declared, "containerPort"))
            for workload in pods
            for container in workload.containers
            for declared in items(get(container, "ports"))
            if str(get(declared, "protocol") or "TCP") == protocol
            and target(port) in (get(declared, "containerPort"), get(declared, "name"))
        }
        for (number, protocol), port in ports(service).items()
    }


def target(port: Mapping[str, Any]) -> Any:
    """Return the port of the pods that a Service's port leads to, by name or number."""
    return port.get("targetPort") or port.get("port")


def reachability(situation: Situation) -> Iterator[Consequence]:
    """Yield ports that are removed or lead nowhere, and selectors that match no pods any longer."""
    for old, new in situation.updates("Service"):
        yield from _ports(situation, old, new)
        yield from _closed(old, new)
    before = {item.change.urn: item for item in situation.before if item.kind == "Service"}
    for new in situation.after:
        former = before.get(new.change.urn)
        if former and _has_pods(situation, former, situation.before):
            if _has_pods(situation, new, situation.after):
                yield from _unserved(situation, former, new)
                yield from _early(situation, former, new)
                yield from _joined(situation, new)
            else:
                reason = "loses all its pods: its selector matches no pods of this stack any longer"
                if _type(new.manifest) == _EXTERNAL_NAME:
                    reason = "leads to a name outside of the cluster instead of its pods (ExternalName)"
                yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _ports(situation: Situation, old: Object, new: Object) -> Iterator[Consequence]:
    after = ports(new)
    served, at_once = _at_once(situation, old, new)
    for (number, protocol), port in ports(old).items():
        name = f"{number}" if protocol == "TCP" else f"{number}/{protocol}"
        if (number, protocol) not in after:
            reason = f'stops listening on port {name}: clients get "connection refused"'
            yield new.consequence(Level.DANGEROUS, "downtime", reason)
            continue
        before, now = target(port), target(after[number, protocol])
        same = served[number, protocol] and served[number, protocol] == at_once[number, protocol]
        if before != now and not isinstance(before, str) and not same:
            reason = (
                f"forwards port {name} to {now} instead of {before} at once:"
                " requests fail until the pods listen there"
            )
            yield new.consequence(Level.DANGEROUS, "downtime", reason)


_Endpoints = dict[tuple[Any, str], set[tuple[str, Any]]]


def _at_once(situation: Situation, old: Object, new: Object) -> tuple[_Endpoints, _Endpoints]:
    """Return what serves a Service before its change, and right after it, when no pods are replaced yet."""
    return endpoints(situation, old, situation.before), endpoints(situation, new, situation.before)


def leads_to_the_same(situation: Situation, old: Object, new: Object) -> bool:
    """Return whether a Service leads to the same ports of the same pods, at once and after a rollout."""
    before, at_once = _at_once(situation, old, new)
    after = endpoints(situation, new, situation.after)
    return bool(after) and before == at_once == after and all(after.values())


def _early(situation: Situation, old: Object, new: Object) -> Iterator[Consequence]:
    """Yield what a Service asks of its pods that none has before the rollout: a label, or the name of a port.

    A Service changes at once. In the other order, the old Service loses its pods when the rollout ends.
    """
    if not _has_pods(situation, new, situation.before):
        labels = ", ".join(f"{key}={value}" for key, value in _selector(new).items())
        reason = f"selects pods with {labels} at once: requests fail until pods with these labels are ready"
        yield new.consequence(Level.DANGEROUS, "downtime", reason)
        return
    before, at_once = _at_once(situation, old, new)
    for (number, protocol), served in before.items():
        name = target(ports(new).get((number, protocol), {}))
        if served and isinstance(name, str) and not at_once.get((number, protocol)):
            reason = (
                f"leads port {number} to the port named {name} at once:"
                " requests fail until pods with that port are ready"
            )
            yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _joined(situation: Situation, service: Object) -> Iterator[Consequence]:
    """Yield new workloads whose pods a Service that stays selects besides those that it has."""
    # An import's pods run already; another member of a database, or a canary, is there to get requests.
    names = [
        item.name
        for item in situation.created(*SERVING)
        if item.change.op is Op.CREATE
        and not postgres.is_member(item.change)
        and CANARY not in item.labels
        and _has_pods(situation, service, (item,))
    ]
    if names:
        reason = f"also sends requests to the new pods of {', '.join(sorted(names))}"
        yield service.consequence(Level.ATTENTION, "downtime", reason)


def _unserved(situation: Situation, old: Object, new: Object) -> Iterator[Consequence]:
    """Yield ports that pods declared and declare no longer, by the name or the number of the target."""
    before = endpoints(situation, old, situation.before)
    after = endpoints(situation, new, situation.after)
    for (number, protocol), served in before.items():
        if served and (number, protocol) in after and not after[number, protocol]:
            wanted = target(ports(new)[number, protocol])
            reason = f"leads port {number} to port {wanted}, which no container of its pods has any longer"
            yield new.consequence(Level.DANGEROUS, "downtime", reason)


def _has_pods(situation: Situation, service: Object, objects: tuple[Object, ...]) -> bool:
    selector = _selector(service)
    return bool(selector) and any(
        workload.object.kind in SERVING
        and workload.object.namespace == service.namespace
        and selects(selector, workload.labels)
        for workload in workloads(situation, objects)
    )


def _selector(service: Object) -> Mapping[str, Any]:
    """Return the labels by which a Service selects pods; a Service of type ExternalName selects none."""
    if _type(service.manifest) == _EXTERNAL_NAME:
        return {}
    return mapping(get(service.manifest, "spec", "selector"))


def _closed(old: Object, new: Object) -> Iterator[Consequence]:
    """Yield the ways from outside that a Service loses."""
    before, after = (_type(item.manifest) for item in (old, new))
    if before in _CLIENTS and after not in ("LoadBalancer", before):
        reason = f"is no longer a {before}: clients outside of the cluster do not reach it"
        yield new.consequence(Level.DANGEROUS, "downtime", reason)
    elif before in _CLIENTS:
        live = mapping(get(old.change.live, "spec"))
        numbers = {
            (get(port, "port"), str(get(port, "protocol") or "TCP")): get(port, "nodePort")
            for port in items(live.get("ports"))
        }
        for key, port in ports(new).items():
            first = get(ports(old).get(key), "nodePort") or numbers.get(key)
            if first and port.get("nodePort") and first != port["nodePort"]:
                reason = f"listens on port {port['nodePort']} of each node instead of {first}"
                yield new.consequence(Level.DANGEROUS, "downtime", reason)
    if not is_internal(old.manifest) and is_internal(new.manifest) and before == "LoadBalancer":
        reason = "moves into the cloud's network: clients outside of it do not reach it"
        yield new.consequence(Level.DANGEROUS, "downtime", reason)
    addresses = [
        {str(address) for address in (*items(get(item.manifest, "spec", "externalIPs")),
                                      get(item.manifest, "spec", "loadBalancerIP")) if address}
        for item in (old, new)
    ]  # fmt: skip
    if lost := sorted(addresses[0] - addresses[1]):
        yield new.consequence(Level.DANGEROUS, "downtime", f"is no longer reached at {', '.join(lost)}")


def exposure(situation: Situation) -> Iterator[Consequence]:
    """Yield Services, ports and addresses that clients outside of the cluster gain access to."""
    for item in situation.created("Service"):
        yield from _opened(item, {})
    for old, new in situation.updates("Service"):
        yield from _opened(new, old.manifest)


def _exposed(item: Object, reason: str, level: Level = Level.DANGEROUS) -> Consequence:
    return item.consequence(level, "exposure", reason)


def _type(manifest: Manifest) -> str:
    return str(get(manifest, "spec", "type") or "ClusterIP")


def _opened(service: Object, old: Manifest) -> Iterator[Consequence]:
    new = service.manifest
    before, after = (_type(manifest) for manifest in (old, new))
    if after in _CLIENTS:
        numbers = [
            {str(get(port, "port")) for port in items(get(item, "spec", "ports"))} for item in (old, new)
        ]
        if before not in _CLIENTS or (before, after) == ("NodePort", "LoadBalancer"):
            level = Level.ATTENTION if is_internal(new) else Level.DANGEROUS
            yield _exposed(service, f"becomes a {after}: it is open to {_CLIENTS[after]}", level)
        else:
            if added := sorted(numbers[1] - numbers[0]):
                yield _exposed(service, f"opens port {', '.join(added)} to {_CLIENTS[after]}")
            yield from _widened(service, old, new)
    addresses = [items(get(manifest, "spec", "externalIPs")) for manifest in (old, new)]
    if gained := [str(address) for address in addresses[1] if address not in addresses[0]]:
        yield _exposed(service, f"listens on the external address {', '.join(gained)}")


def _widened(service: Object, old: Manifest, new: Manifest) -> Iterator[Consequence]:
    """Yield source addresses that a Service newly accepts."""
    before, after = (
        list(map(str, items(get(manifest, "spec", "loadBalancerSourceRanges")))) for manifest in (old, new)
    )
    if before and set(after) - set(before):
        level = Level.ATTENTION if _are_within(after, before) else Level.DANGEROUS
        yield _exposed(service, f"accepts clients from {', '.join(after)}", level)
    elif before and not after:
        yield _exposed(service, "accepts clients from every address")
    if becomes_public(old, new):
        yield _exposed(service, "leaves the cloud's network: it is open to every address")


def _are_within(networks: list[str], others: list[str]) -> bool:
    """Return whether every network is part of another one."""
    try:
        return all(any(_is_within(network, other) for other in others) for network in networks)
    except (TypeError, ValueError):  # another IP version, or not an address
        return False


def _is_within(network: str, other: str) -> bool:
    first, second = ip_network(network, strict=False), ip_network(other, strict=False)
    return first.version == second.version and first.subnet_of(second)  # type: ignore[arg-type] # same version


def is_internal(manifest: Manifest) -> bool:
    """Return whether an annotation asks the cloud for a load balancer inside its network."""
    return any(
        ("internal" in key.lower() and value in ("true", "0.0.0.0/0")) or value == "internal"
        for key, value in _of_load_balancer(manifest)
    )


def becomes_public(old: Manifest, new: Manifest) -> bool:
    """Return whether the cloud's load balancer moves out of the cloud's network."""
    before, after = (
        any(value == "internet-facing" for _, value in _of_load_balancer(manifest)) for manifest in (old, new)
    )
    return (after and not before) or (is_internal(old) and not is_internal(new))


def _of_load_balancer(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for key, value in mapping(get(manifest, "metadata", "annotations")).items():
        if "loadbalancer" in key.replace("-", "").lower() or key.endswith("/scheme"):
            yield key, str(value).lower()
