"""Kubernetes objects, and the picture of a change from some of them to others."""

from typing import Any

from slipway.preview.rules import Situation
from slipway.preview.topology.compare import topology
from slipway.preview.topology.model import Topology
from slipway.pulumi.events import summarise
from tests.unit.slipway.engine import step


def made(kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec or {}}


def pods(name: str = "web", kind: str = "Deployment", image: str = "a", **pod: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "ports": [{"name": "http", "containerPort": 5000}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **pod}}
    return made(kind, name, {"replicas": 1, "template": template})


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    return made("Service", name, {"selector": {"app": name}, "ports": ports, **spec})


def ingress(port: Any = 80, **spec: Any) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": port}}}
    rules = [{"host": "a.example", "http": {"paths": [{"path": "/", "backend": backend}]}}]
    return made("Ingress", "door", {"rules": rules, **spec})


def route(**spec: Any) -> dict[str, Any]:
    backends = [{"backendRefs": [{"name": "web", "port": 80}], "matches": [{"path": {"value": "/shop"}}]}]
    parents = [{"name": "edge"}]
    return made(
        "HTTPRoute", "r", {"hostnames": ["a.example"], "rules": backends, "parentRefs": parents, **spec}
    )


def policy(target: str, **spec: Any) -> dict[str, Any]:
    return made("NetworkPolicy", target, {"podSelector": {"matchLabels": {"app": target}}, **spec})


def accepting(target: str, *peers: Any, port: Any = 5000) -> dict[str, Any]:
    return policy(target, policyTypes=["Ingress"], ingress=[{"from": list(peers), "ports": [{"port": port}]}])


def named(name: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": name}}}


def picture(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Topology | None:
    old, new = ({(item["kind"], item["metadata"]["name"]): item for item in side} for side in (before, after))
    events = [
        step(
            "create" if key not in old else "delete" if key not in new else
            "same" if old[key] == new[key] else "update",
            f"kubernetes:core/v1:{key[0]}", key[1], old.get(key), new.get(key),
        )
        for key in {**old, **new}
    ]  # fmt: skip
    summary = summarise(events)
    return topology(Situation(summary.changes, summary.unchanged))


def changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> set[str]:
    """Return the marked edges and facts, and the marked nodes: + NodePort web."""
    drawn = picture(before, after)
    if drawn is None:
        return set()
    signs = {"added": "+", "removed": "-", "changed": "~", "same": ""}
    names = {node.id: node.name for node in drawn.nodes}
    nodes = {f"{signs[node.mark]} {node.kind} {node.name}" for node in drawn.nodes}
    facts = {f"{signs[fact.mark]} {fact.text}" for node in drawn.nodes for fact in node.facts}
    edges = {
        f"{signs[edge.mark]} {names[edge.source]} > {names[edge.target]} {edge.label}".strip()
        for edge in drawn.edges
    }
    return {text for text in nodes | facts | edges if text.startswith(tuple("+-~"))}
