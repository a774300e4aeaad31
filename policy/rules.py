"""The rules of the policy pack: each yields a sentence for each violation of a Kubernetes object.

The rules are pure functions of an object's inputs. They skip what is unknown before the update, and what a
patch does not set. They find pods in objects of every kind.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from objects import KubernetesObject, Manifest, Place, is_set, items, part, texts
from plain_secrets import has_secret, is_secret

PUBLIC = "slipway/public"
"""The annotation with the reason why an object is open to the outside."""

_CAPABILITIES = {"NET_BIND_SERVICE"}
_CONTEXTS = ("securityContext", "podSecurityContext")
_ENTRANCES = {"Ingress", "Gateway", "Route", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}

Rule = Callable[[KubernetesObject], Iterator[str]]


class Policy(NamedTuple):
    """A rule with its name; violating a mandatory rule stops the update."""

    name: str
    description: str
    mandatory: bool
    rule: Rule

    def violations(self, kind: str, manifest: Manifest) -> Iterator[str]:
        """Apply the rule to a resource of the kind Kind, KindPatch or KindList."""
        if kind.endswith("List") and isinstance(manifest.get("items"), list):
            for item in items(manifest, "items"):
                own = item.get("kind")
                yield from self.violations(own if isinstance(own, str) else kind.removesuffix("List"), item)
        else:
            # A custom resource may have such a kind itself.
            is_patch = kind.endswith("Patch") and manifest.get("kind") != kind
            name = kind.removesuffix("Patch") if is_patch else kind
            yield from self.rule(KubernetesObject(name, manifest, is_patch))


def limits(target: KubernetesObject) -> Iterator[str]:
    """Find containers that may use up their node's memory, or have nothing reserved."""
    for container in target.whole_containers:
        resources = part(container.manifest, "resources")
        for group, name in (("limits", "memory"), ("requests", "cpu"), ("requests", "memory")):
            if not part(resources, group).get(name):
                yield f"{container.title} has no resources.{group}.{name}: set it"


def digests(target: KubernetesObject) -> Iterator[str]:
    """Find images that can change under the same name."""
    for image in _images(target):
        if "@sha256:" not in image:
            yield f"image {image} is named by tag: name it by digest, {image}@sha256:…"


def latest(target: KubernetesObject) -> Iterator[str]:
    """Find images without a version."""
    for image in _images(target):
        if "@" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                yield f"image {image} has no version: name one, by digest"


def _images(target: KubernetesObject) -> Iterator[str]:
    for container in target.containers:
        if isinstance(image := container.manifest.get("image"), str):
            yield image


def privileges(target: KubernetesObject) -> Iterator[str]:
    """Find pods with access to their node. https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    for place in target.places:
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if place.manifest.get(key) is True:
                yield f"the pod has {key}: remove it"
        for volume in items(place.manifest, "volumes"):
            if is_set(volume.get("hostPath")) or is_set(volume.get("hostDisk")):
                yield f"volume {volume.get('name')} is a directory of the node: use a claim or an emptyDir"
        for port in items(place.manifest, "ports"):
            if is_set(port.get("hostPort")):
                yield f"{place.title} opens port {port['hostPort']} of its node: use a Service"
        for key in _CONTEXTS:
            for setting in _broad_settings(part(place.manifest, key)):
                yield f"{place.title} has {key}.{setting}: remove it"


def _broad_settings(context: Manifest) -> Iterator[str]:
    for key in ("privileged", "allowPrivilegeEscalation"):
        if is_set(context.get(key)):
            yield key
    if added := set(texts(part(context, "capabilities"), "add")) - _CAPABILITIES:
        yield f"capabilities.add {', '.join(sorted(added))}"
    if context.get("procMount") == "Unmasked":
        yield "procMount"
    if is_set(part(context, "windowsOptions").get("hostProcess")):
        yield "windowsOptions.hostProcess"
    for key in ("seccompProfile", "appArmorProfile"):
        if part(context, key).get("type") == "Unconfined":
            yield f"{key}.type Unconfined"


def root(target: KubernetesObject) -> Iterator[str]:
    """Find containers that may run as root."""
    for place in target.places:
        if _is_root(place, place.is_whole and not target.is_patch):
            yield f"{place.title} may run as root: set runAsNonRoot"


def _is_root(place: Place, is_whole: bool) -> bool:
    """Return whether a container may run as root; or a pod whose containers are not in the object."""
    if place.is_container:
        return _allows_root(place.security("runAsUser"), place.security("runAsNonRoot"), is_whole)
    contexts = [part(place.manifest, key) for key in _CONTEXTS]
    broad = any(
        _allows_root(context.get("runAsUser"), context.get("runAsNonRoot"), False) for context in contexts
    )
    return broad and not place.has_containers


def _allows_root(user: Any, non_root: Any, is_whole: bool) -> bool:
    unset = user is None and non_root is None
    return user == 0 or (not (non_root or user) and (is_whole or not unset))


def public(target: KubernetesObject) -> Iterator[str]:
    """Find objects that are open to the outside without a reason."""
    spec = part(target.manifest, "spec")
    annotations = part(part(target.manifest, "metadata"), "annotations")
    access = target.kind if target.kind in _ENTRANCES else ""
    if target.kind == "Service":
        access = "Service with externalIPs" if is_set(spec.get("externalIPs")) else ""
        access = spec["type"] if spec.get("type") in ("NodePort", "LoadBalancer") else access
    if access and not annotations.get(PUBLIC):
        yield f"a {access} is open to the outside: give the reason in the annotation {PUBLIC}"


def plain_secrets(target: KubernetesObject) -> Iterator[str]:
    """Find secrets in plain variables, arguments and ConfigMaps, where readers of the object see them."""
    for place in target.places:
        variables = [(entry.get("name"), entry.get("value")) for entry in items(place.manifest, "env")]
        variables += [*part(place.manifest, "env").items(), *part(place.manifest, "envVars").items()]
        for name, value in variables:
            if is_secret(name, value):
                yield f"variable {name} of {place.title} is plain: take it from a Secret"
        scripts = [place.manifest.get(key) for key in ("script", "source") if place.is_container]
        arguments = [*texts(place.manifest, "command"), *texts(place.manifest, "args")]
        # A script runs in the command of its container, or in a shell.
        shell = [*(arguments or ["sh"]), "-c"]
        commands = [arguments, *([*shell, script] for script in scripts if isinstance(script, str))]
        if any(map(has_secret, commands)):
            yield f"an argument of {place.title} has a secret: take it from a Secret"
    data = part(target.manifest, "data") if target.kind == "ConfigMap" else {}
    for key, value in data.items():
        if is_secret(key, value):
            yield f"the ConfigMap has a secret, {key}: put it into a Secret"


def readiness(target: KubernetesObject) -> Iterator[str]:
    """Find containers that get requests before they can answer."""
    for container in target.whole_containers if target.kind not in ("Job", "CronJob") else []:
        serves = container.path[-1] == "containers" and is_set(container.manifest.get("ports"))
        ends = container.outer[-1].get("restartPolicy") in ("Never", "OnFailure")
        if serves and not ends and not container.manifest.get("readinessProbe"):
            yield f"{container.title} has ports but no readinessProbe: add one"


def endless_runs(target: KubernetesObject) -> Iterator[str]:
    """Find jobs that may run for ever, or pile up."""
    spec = part(target.manifest, "spec")
    if target.is_patch or target.kind not in ("Job", "CronJob"):
        return
    run = part(part(spec, "jobTemplate"), "spec") if target.kind == "CronJob" else spec
    if not run.get("activeDeadlineSeconds"):
        yield "a run may never end: set activeDeadlineSeconds"
    if target.kind == "CronJob" and (spec.get("concurrencyPolicy") or "Allow") == "Allow":
        yield "a run may start before the last one has ended: set concurrencyPolicy to Forbid"


def unchecked(target: KubernetesObject) -> Iterator[str]:
    """Find resources whose objects the provider creates unseen by policies."""
    if target.kind == "Release":
        yield "policies do not see the objects of a Helm Release: check the chart, or use Chart"


POLICIES = (
    Policy("resources-set", "Containers have a memory limit, and requests.", True, limits),
    Policy("no-latest-image", "Images have a version.", True, latest),
    Policy("image-by-digest", "Images are named by digest.", False, digests),
    Policy("no-privileged-pod", "Pods have no access to their node.", True, privileges),
    Policy("not-as-root", "Containers do not run as root.", True, root),
    Policy("public-only-on-purpose", "What is open to the outside has a reason.", True, public),
    Policy("secrets-in-secrets", "Secrets are in Secrets only.", True, plain_secrets),
    Policy("readiness-probe", "Containers with ports have a readiness probe.", False, readiness),
    Policy("runs-end", "Jobs have a deadline, and runs of a CronJob do not overlap.", False, endless_runs),
    Policy("release-unchecked", "The objects of a Helm Release are not checked.", False, unchecked),
)
