"""Kubernetes objects as controllers leave them, reduced to what matters for waiting."""

from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Object

CREATED = "2026-01-02T03:04:05Z"


def obj(api_version: str, kind: str, name: str, *, generation: int = 0, **parts: Any) -> Object:
    """An object in the namespace `shop`; its uid is made of its kind and name."""
    metadata: Object = {
        "name": name,
        "namespace": "shop",
        "uid": f"{kind}-{name}",
        "creationTimestamp": CREATED,
        **parts.pop("metadata", {}),
    }
    if generation:
        metadata["generation"] = generation
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


def owned(owner: Object) -> Object:
    """The metadata of an object that belongs to another."""
    return {"ownerReferences": [{"kind": owner["kind"], "uid": owner["metadata"]["uid"]}]}


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Object:
    """An entry of `.status.conditions`."""
    found = {"type": kind, "status": status}
    return {**found, **({"reason": reason} if reason else {}), **({"message": message} if message else {})}


def event(about: Object, reason: str, message: str, *, kind: str = "Warning", when: str = CREATED) -> Object:
    """An Event."""
    return obj(
        "v1",
        "Event",
        f"{about['metadata']['name']}.{reason}.{when}",
        involvedObject={"uid": about["metadata"]["uid"]},
        type=kind,
        reason=reason,
        message=message,
        lastTimestamp=when,
    )


def pod(
    name: str, *conditions: Object, owner: Object | None = None, phase: str = "Pending", **status: Any
) -> Object:
    """A Pod with conditions; containers as keyword arguments."""
    return obj(
        "v1",
        "Pod",
        name,
        metadata=owned(owner) if owner else {},
        spec={},
        status={"phase": phase, "conditions": list(conditions), **status},
    )


SCHEDULED, INITIALIZED = condition("PodScheduled"), condition("Initialized")


def ready_pod(name: str, owner: Object | None = None) -> Object:
    """A Pod that serves."""
    return pod(name, SCHEDULED, INITIALIZED, condition("Ready"), owner=owner, phase="Running")


def unready_pod(name: str, *statuses: Object, owner: Object | None = None) -> Object:
    """A Pod whose container `web` is not ready."""
    unready = condition("Ready", "False", "ContainersNotReady", "containers with unready status: [web]")
    return pod(name, SCHEDULED, INITIALIZED, unready, owner=owner, containerStatuses=list(statuses))


def container(name: str = "web", **status: Any) -> Object:
    """A container's status, not ready."""
    return {"name": name, "ready": False, **status}


PULL_ERROR = 'Back-off pulling image "shop/web:typo": ErrImagePull: not found'
PULLING = container(state={"waiting": {"reason": "ImagePullBackOff", "message": PULL_ERROR}})


def deployment(
    name: str = "web", *, replicas: int = 1, generation: int = 1, revision: str = "1", **status: Any
) -> Object:
    """A Deployment that its controller has seen."""
    return obj(
        "apps/v1",
        "Deployment",
        name,
        generation=generation,
        metadata={"annotations": {"deployment.kubernetes.io/revision": revision}},
        spec={"replicas": replicas, "template": {"spec": {}}},
        status={"observedGeneration": generation, **status},
    )


def replica_set(owner: Object, *, ready: int, replicas: int = 1, revision: str = "1") -> Object:
    """The ReplicaSet of a Deployment's revision."""
    return obj(
        "apps/v1",
        "ReplicaSet",
        f"{owner['metadata']['name']}-{revision}",
        metadata={**owned(owner), "annotations": {"deployment.kubernetes.io/revision": revision}},
        spec={"replicas": replicas},
        status={"readyReplicas": ready},
    )


AVAILABLE = [condition("Available"), condition("Progressing", "True", "NewReplicaSetAvailable")]
UNAVAILABLE = [
    condition(
        "Available",
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    ),
    condition("Progressing", "True", "ReplicaSetUpdated"),
]


def service(name: str = "web", **spec: Any) -> Object:
    """A Service that selects Pods."""
    return obj(
        "v1", "Service", name, spec={"type": "ClusterIP", "selector": {"app": "web"}, **spec}, status={}
    )


def endpoints(name: str = "web", *, ready: int = 0, pending: int = 0) -> Object:
    """The Endpoints of a Service."""
    addresses = [
        {"ip": f"10.0.0.{i}", "targetRef": {"name": f"web-{i}"}} for i in range(1, ready + pending + 1)
    ]
    subset = {"addresses": addresses[:ready], "notReadyAddresses": addresses[ready:]}
    return obj("v1", "Endpoints", name, subsets=[subset] if addresses else [])


def job(*conditions: Object, name: str = "migrate", **status: Any) -> Object:
    """A Job that has started."""
    return obj(
        "batch/v1",
        "Job",
        name,
        generation=1,
        status={"startTime": CREATED, "conditions": list(conditions), **status},
    )
