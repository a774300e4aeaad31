"""A stack's objects: as its state remembers them, and as they are in the cluster now."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.cluster.kubectl import Cluster, Object

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_NOISE = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class StackObject:
    """One object of the cluster that a stack's state knows."""

    urn: str
    api_version: str
    kind: str
    namespace: str
    name: str
    seen: Mapping[str, Any] = field(repr=False)
    """The object as the last update saw it; values of secrets are encrypted."""

    @property
    def resource(self) -> str:
        """What kubectl calls it: Deployment.v1.apps/web."""
        group, slash, version = self.api_version.rpartition("/")
        return f"{self.kind}.{version}.{group if slash else ''}/{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name: what two objects cannot share."""
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def known(state: Mapping[str, Any]) -> list[StackObject]:
    """Return the Kubernetes objects in a state, in the order in which they were made."""
    resources = state["deployment"].get("resources") or []
    return [
        found
        for one in resources
        if one.get("custom") and one["type"].startswith("kubernetes:") and not one.get("delete")
        if (found := from_resource(one)) is not None
    ]


def from_resource(resource: Mapping[str, Any]) -> StackObject | None:
    """Return the object behind one resource of a state; None where it has no name, as a chart has none."""
    seen = resource.get("outputs") or resource.get("inputs") or {}
    metadata = seen.get("metadata") or {}
    if not (
        isinstance(metadata, Mapping) and metadata.get("name") and "kind" in seen and "apiVersion" in seen
    ):
        return None
    return StackObject(
        urn=resource["urn"],
        api_version=seen["apiVersion"],
        kind=seen["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        seen=seen,
    )


def read(
    cluster: Cluster, objects: Sequence[StackObject], *options: str
) -> dict[tuple[str, str, str], Object]:
    """Return those of the objects that are in the cluster, by their keys; one request for each namespace.

    `options` are words for `kubectl get`.
    """
    found: dict[tuple[str, str, str], Object] = {}
    for namespace, names in _by_namespace(objects).items():
        where = ("-n", namespace) if namespace else ()
        for one in cluster.get(*names, *where, *options):
            found[one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]] = one
    return found


def _by_namespace(objects: Sequence[StackObject]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    for one in objects:
        names[one.namespace].append(one.resource)
    return names


def differing(
    objects: Sequence[StackObject], live: Mapping[tuple[str, str, str], Object]
) -> Iterator[StackObject]:
    """Yield the objects that are gone, or no longer what the last update saw.

    Both sides are the API server's own words, so that what is equal has not drifted. What differs may still
    be nobody's fault: an autoscaler's number of replicas. The engine has the last word then.
    """
    for one in objects:
        found = live.get(one.key)
        if found is None or not _same(one.seen, found):
            yield one


def fingerprint(live: Mapping[tuple[str, str, str], Object]) -> str:
    """Return a hash of the objects without what changes by itself: status, versions, autoscaled numbers."""
    scaled = {
        (one["spec"]["scaleTargetRef"]["kind"], key[1], one["spec"]["scaleTargetRef"]["name"])
        for key, one in live.items()
        if key[0] == "HorizontalPodAutoscaler"
    }
    shown = [
        [*key, _lasting(one, key in scaled), one["metadata"].get("uid")] for key, one in sorted(live.items())
    ]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _same(seen: Mapping[str, Any], found: Object) -> bool:
    metadata = seen["metadata"]
    if metadata.get("uid", "") != found["metadata"]["uid"]:
        return False
    if metadata.get("resourceVersion") == found["metadata"]["resourceVersion"]:
        return True
    if found["kind"] == "Secret":
        return False  # its values are encrypted in the state; a Secret has no status that would change it
    return _lasting(seen) == _lasting(found)


def _lasting(one: Mapping[str, Any], scaled: bool = False) -> dict[str, Any]:
    """Return an object without what the cluster adds, and changes, by itself."""
    kept = {key: value for key, value in one.items() if key != "status" and not key.startswith("__")}
    metadata = {key: value for key, value in kept["metadata"].items() if key not in _NOISE}
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key != _REVISION
    }
    metadata["annotations"] = annotations
    kept["metadata"] = metadata
    if scaled:
        kept["spec"] = {key: value for key, value in kept["spec"].items() if key != "replicas"}
    return kept
