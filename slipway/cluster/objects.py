"""The Kubernetes objects of a stack, from its state and from the cluster."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.cluster.kubectl import Cluster, Object

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_NOISE = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")
CONTROLLERS_ANNOTATION = re.compile(
    r"""
    deployment\.kubernetes\.io/revision | kubectl\.kubernetes\.io/restartedAt
    | (endpoints|control-plane\.alpha|autoscaling\.alpha)\.kubernetes\.io/ | pv\.kubernetes\.io/
    | ([\w.-]+\.)?cattle\.io/ | openshift\.io/ | argocd\.argoproj\.io/
    | cloud\.google\.com/neg-status$ | networking\.gke\.io/.*-status$
    | ingress\.kubernetes\.io/((https-)?(forwarding-rule|target-proxy)|backends|ssl-cert|static-ip|url-map)$
    | metallb\.(io|universe\.tf)/ip-allocated-from-pool$ | kube-vip\.io/
    """,
    re.VERBOSE,
)
"""The annotations that controllers, and `kubectl rollout restart`, write."""


@dataclass(frozen=True)
class StackObject:
    """A Kubernetes object in the state of a stack."""

    urn: str
    api_version: str
    kind: str
    namespace: str
    name: str
    manifest: Mapping[str, Any] = field(repr=False)
    """The object as the last update read it; the values of secrets are encrypted."""

    @property
    def resource(self) -> str:
        """Its name for kubectl: Deployment.v1.apps/web."""
        group, slash, version = self.api_version.rpartition("/")
        return f"{self.kind}.{version}.{group if slash else ''}/{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name, which identify the object."""
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def resources_in_state(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the resources of a state as `pulumi stack export` writes them."""
    return state["deployment"].get("resources") or []


def current_resources(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the resources of a state by their URNs, without those that are deleted or will be."""
    return {
        resource["urn"]: resource
        for resource in resources_in_state(state)
        if not resource.get("delete") and not resource.get("pendingReplacement")
    }


def objects_in_state(state: Mapping[str, Any]) -> list[StackObject]:
    """Return the Kubernetes objects of a state, in the order of their creation."""
    resources = [
        resource
        for resource in resources_in_state(state)
        if resource.get("custom")
        and resource["type"].startswith("kubernetes:")
        and not resource.get("delete")
    ]
    return [item for resource in resources if (item := from_resource(resource))]


def from_resource(resource: Mapping[str, Any]) -> StackObject | None:
    """Return the object of a resource; None for a resource without a name, such as a chart."""
    manifest = resource.get("outputs") or resource.get("inputs") or {}
    metadata = manifest.get("metadata") or {}
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        return None
    if "kind" not in manifest or "apiVersion" not in manifest:
        return None
    return StackObject(
        urn=resource["urn"],
        api_version=manifest["apiVersion"],
        kind=manifest["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        manifest=manifest,
    )


LiveObjects = Mapping[tuple[str, str, str], Object]
"""Objects in the cluster, by their keys."""


def live_objects(
    cluster: Cluster, objects: Sequence[StackObject], *options: str
) -> dict[tuple[str, str, str], Object]:
    """Return those of the objects that exist in the cluster, with one request for each namespace.

    `options` are arguments of `kubectl get`.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for item in objects:
        names[item.namespace].append(item.resource)
    live: dict[tuple[str, str, str], Object] = {}
    for namespace, resources in names.items():
        where = ("-n", namespace) if namespace else ()
        for current in cluster.get(*resources, *where, *options):
            metadata = current["metadata"]
            live[current["kind"], metadata.get("namespace", ""), metadata["name"]] = current
    return live


def differing(objects: Sequence[StackObject], live: LiveObjects) -> Iterator[StackObject]:
    """Yield the objects that no longer exist, or differ from what the last update read.

    Both texts come from the API server, so equal objects have not drifted. A difference is not always
    drift: an autoscaler changes the number of replicas. `pulumi refresh` decides.
    """
    for item in objects:
        current = live.get(item.key)
        if current is None or not _same(item.manifest, current):
            yield item


def fingerprint(live: LiveObjects) -> str:
    """Return a hash of the objects without the fields that controllers change: status, versions, replicas."""
    scaled = {
        (target.get("kind", "Deployment"), key[1], target["name"])
        for key, item in live.items()
        if isinstance(target := (item.get("spec") or {}).get("scaleTargetRef"), Mapping)
    }
    content = [
        [*key, _stable_fields(item, key in scaled), item["metadata"].get("uid")]
        for key, item in sorted(live.items())
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _same(manifest: Mapping[str, Any], live: Object) -> bool:
    metadata = manifest["metadata"]
    if metadata.get("uid", "") != live["metadata"]["uid"]:
        return False
    if metadata.get("resourceVersion") == live["metadata"]["resourceVersion"]:
        return True
    if live["kind"] == "Secret":
        return False  # its values are encrypted in the state; a Secret has no status that could change
    return _stable_fields(manifest) == _stable_fields(live)


def _stable_fields(item: Mapping[str, Any], scaled: bool = False) -> dict[str, Any]:
    """Return an object without the fields that the cluster adds and changes."""
    fields = {key: value for key, value in item.items() if key != "status" and not key.startswith("__")}
    metadata = {key: value for key, value in fields["metadata"].items() if key not in _NOISE}
    fields["metadata"] = _without_controllers(metadata)
    if isinstance(spec := fields.get("spec"), Mapping):
        spec = {key: value for key, value in spec.items() if not (scaled and key == "replicas")}
        template = spec.get("template")
        if isinstance(template, Mapping) and isinstance(template.get("metadata"), Mapping):
            spec["template"] = {**template, "metadata": _without_controllers(template["metadata"])}
        fields["spec"] = spec
    return fields


def _without_controllers(metadata: Mapping[str, Any]) -> dict[str, Any]:
    annotations = metadata.get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if not CONTROLLERS_ANNOTATION.match(key)}
    return {**metadata, "annotations": kept}
