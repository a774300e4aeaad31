"""The house rules: what is wrong with a Kubernetes object, one sentence each.

Pure functions over an object's inputs, in which a value that is not known before the update is None: of such
a value nothing is said.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

PUBLIC = "slipway/public"
"""The annotation that says that something is meant to be reached from outside, and why."""

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
    """A rule by its name, and whether breaking it stops the update."""

    name: str
    description: str
    mandatory: bool
    rule: Rule


def limits(kind: str, one: Object) -> Iterator[str]:
    """Say which container may take all that its node has, or is promised nothing."""
    for container in _containers(kind, one):
        resources = container.get("resources") or {}
        for which, what in (("limits", "memory"), ("requests", "cpu"), ("requests", "memory")):
            if not (resources.get(which) or {}).get(what):
                yield f"container {container.get('name')} has no resources.{which}.{what}: set it"


def digests(kind: str, one: Object) -> Iterator[str]:
    """Say which image may be another one tomorrow."""
    for container in _containers(kind, one):
        image = container.get("image")
        if isinstance(image, str) and "@sha256:" not in image:
            yield f"image {image} is named by tag: name it by digest, {image}@sha256:…"


def latest(kind: str, one: Object) -> Iterator[str]:
    """Say which image is whatever was pushed last."""
    for container in _containers(kind, one):
        image = container.get("image")
        if isinstance(image, str) and "@" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                yield f"image {image} is whatever was pushed last: name a version, by digest"


def privileges(kind: str, one: Object) -> Iterator[str]:
    """Say which pod reaches out of its container. https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    pod = _pod(kind, one)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"the pod has {key}: remove it"
    for volume in pod.get("volumes") or []:
        if isinstance(volume, Mapping) and volume.get("hostPath"):
            yield f"volume {volume.get('name')} is a directory of the node: use a claim or an emptyDir"
    for container in _containers(kind, one):
        context = container.get("securityContext") or {}
        if context.get("privileged"):
            yield f"container {container.get('name')} is privileged: remove securityContext.privileged"
        added = set((context.get("capabilities") or {}).get("add") or []) - _CAPABILITIES
        if added:
            yield f"container {container.get('name')} adds {', '.join(sorted(map(str, added)))}: remove it"


def root(kind: str, one: Object) -> Iterator[str]:
    """Say which container may run as root."""
    pod = _pod(kind, one).get("securityContext") or {}
    for container in _containers(kind, one):
        both = {**pod, **(container.get("securityContext") or {})}
        if both.get("runAsUser") == 0 or not (both.get("runAsNonRoot") or both.get("runAsUser")):
            yield f"container {container.get('name')} may run as root: set runAsNonRoot"


def public(kind: str, one: Object) -> Iterator[str]:
    """Say what is opened to the outside without saying so."""
    spec = one.get("spec") or {}
    annotations = (one.get("metadata") or {}).get("annotations") or {}
    how = spec.get("type") if kind == "Service" else kind
    opened = (kind == "Service" and how in ("NodePort", "LoadBalancer")) or kind in ("Ingress", "Gateway")
    if opened and not annotations.get(PUBLIC):
        yield f"a {how} is reached from outside: if that is meant, say why in the annotation {PUBLIC}"


def plain_secrets(kind: str, one: Object) -> Iterator[str]:
    """Say which variable holds a secret that everybody who may read the pod can read."""
    for container in _containers(kind, one):
        for variable in container.get("env") or []:
            name = str(variable.get("name"))
            if _SECRET_NAME.search(name) and variable.get("value"):
                yield f"variable {name} of container {container.get('name')} is plain: take it from a Secret"


def readiness(kind: str, one: Object) -> Iterator[str]:
    """Say which container gets requests before it can answer."""
    if kind in ("Deployment", "StatefulSet"):
        for container in (_pod(kind, one).get("containers")) or []:
            if container.get("ports") and not container.get("readinessProbe"):
                yield f"container {container.get('name')} has ports but no readinessProbe: add one"


POLICIES = (
    Policy("resources-set", "Containers have a memory limit, and requests.", True, limits),
    Policy("no-latest-image", "Images have a version.", True, latest),
    Policy("image-by-digest", "Images are named by digest.", False, digests),
    Policy("no-privileged-pod", "Pods do not reach out of their containers.", True, privileges),
    Policy("not-as-root", "Containers do not run as root.", True, root),
    Policy("public-only-on-purpose", "What is open to the outside says so.", True, public),
    Policy("secrets-in-secrets", "Secrets are not in plain variables.", True, plain_secrets),
    Policy("readiness-probe", "What has ports tells when it is ready.", False, readiness),
)


def _pod(kind: str, one: Object) -> Mapping[str, Any]:
    value: Any = one
    for key in _PODS.get(kind, ("", "")):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _containers(kind: str, one: Object) -> list[Mapping[str, Any]]:
    pod = _pod(kind, one)
    found = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    return [container for container in found if isinstance(container, Mapping)]
