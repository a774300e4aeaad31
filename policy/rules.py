"""The rules of the policy pack: each yields a sentence for each violation of a Kubernetes object.

The rules are pure functions of an object's inputs. A value that is unknown before the update is None, and the
rules skip it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

PUBLIC = "slipway/public"
"""The annotation with the reason why an object is open to the outside."""

_PODS = {
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "Pod": ("spec",),
}
_SECRET_NAME = re.compile(r"(password|passwd|secret|token|api_?key|private_?key)$", re.IGNORECASE)
_CAPABILITIES = {"NET_BIND_SERVICE"}

Object = Mapping[str, Any]
Rule = Callable[[str, Object], Iterator[str]]


class Policy(NamedTuple):
    """A rule with its name; violating a mandatory rule stops the update."""

    name: str
    description: str
    mandatory: bool
    rule: Rule


def limits(kind: str, manifest: Object) -> Iterator[str]:
    """Find containers that may use up their node's memory, or have nothing reserved."""
    for container in _containers(kind, manifest):
        resources = container.get("resources") or {}
        for group, name in (("limits", "memory"), ("requests", "cpu"), ("requests", "memory")):
            if not (resources.get(group) or {}).get(name):
                yield f"container {container.get('name')} has no resources.{group}.{name}: set it"


def digests(kind: str, manifest: Object) -> Iterator[str]:
    """Find images that can change under the same name."""
    for container in _containers(kind, manifest):
        image = container.get("image")
        if isinstance(image, str) and "@sha256:" not in image:
            yield f"image {image} is named by tag: name it by digest, {image}@sha256:…"


def latest(kind: str, manifest: Object) -> Iterator[str]:
    """Find images without a version."""
    for container in _containers(kind, manifest):
        image = container.get("image")
        if isinstance(image, str) and "@" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                yield f"image {image} has no version: name one, by digest"


def privileges(kind: str, manifest: Object) -> Iterator[str]:
    """Find pods with access to their node. https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    pod = _pod(kind, manifest)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"the pod has {key}: remove it"
    for volume in pod.get("volumes") or []:
        if isinstance(volume, Mapping) and volume.get("hostPath"):
            yield f"volume {volume.get('name')} is a directory of the node: use a claim or an emptyDir"
    for container in _containers(kind, manifest):
        context = container.get("securityContext") or {}
        if context.get("privileged"):
            yield f"container {container.get('name')} is privileged: remove securityContext.privileged"
        added = set((context.get("capabilities") or {}).get("add") or []) - _CAPABILITIES
        if added:
            yield f"container {container.get('name')} adds {', '.join(sorted(map(str, added)))}: remove it"


def root(kind: str, manifest: Object) -> Iterator[str]:
    """Find containers that may run as root."""
    pod = _pod(kind, manifest).get("securityContext") or {}
    for container in _containers(kind, manifest):
        both = {**pod, **(container.get("securityContext") or {})}
        if both.get("runAsUser") == 0 or not (both.get("runAsNonRoot") or both.get("runAsUser")):
            yield f"container {container.get('name')} may run as root: set runAsNonRoot"


def public(kind: str, manifest: Object) -> Iterator[str]:
    """Find objects that are open to the outside without a reason."""
    spec = manifest.get("spec") or {}
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    access = spec.get("type") if kind == "Service" else kind
    opened = (kind == "Service" and access in ("NodePort", "LoadBalancer")) or kind in ("Ingress", "Gateway")
    if opened and not annotations.get(PUBLIC):
        yield f"a {access} is open to the outside: give the reason in the annotation {PUBLIC}"


def plain_secrets(kind: str, manifest: Object) -> Iterator[str]:
    """Find secrets in plain variables, which whoever may read the pod can read."""
    for container in _containers(kind, manifest):
        for variable in container.get("env") or []:
            name = str(variable.get("name"))
            if _SECRET_NAME.search(name) and variable.get("value"):
                yield f"variable {name} of container {container.get('name')} is plain: take it from a Secret"


def readiness(kind: str, manifest: Object) -> Iterator[str]:
    """Find containers that get requests before they can answer."""
    if kind in ("Deployment", "StatefulSet"):
        for container in (_pod(kind, manifest).get("containers")) or []:
            if container.get("ports") and not container.get("readinessProbe"):
                yield f"container {container.get('name')} has ports but no readinessProbe: add one"


POLICIES = (
    Policy("resources-set", "Containers have a memory limit, and requests.", True, limits),
    Policy("no-latest-image", "Images have a version.", True, latest),
    Policy("image-by-digest", "Images are named by digest.", False, digests),
    Policy("no-privileged-pod", "Pods have no access to their node.", True, privileges),
    Policy("not-as-root", "Containers do not run as root.", True, root),
    Policy("public-only-on-purpose", "What is open to the outside has a reason.", True, public),
    Policy("secrets-in-secrets", "Secrets are not in plain variables.", True, plain_secrets),
    Policy("readiness-probe", "Containers with ports have a readiness probe.", False, readiness),
)


def _pod(kind: str, manifest: Object) -> Mapping[str, Any]:
    value: Any = manifest
    for key in _PODS.get(kind, ("", "")):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _containers(kind: str, manifest: Object) -> list[Mapping[str, Any]]:
    pod = _pod(kind, manifest)
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    return [container for container in containers if isinstance(container, Mapping)]
