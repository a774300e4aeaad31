"""The rules of the policy pack: each yields a sentence for each violation of a Kubernetes object.

The rules are pure functions of an object's inputs. A value that is unknown before the update is None, and the
rules skip it. What a patch does not set is skipped too. The rules find pods in objects of every kind.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

PUBLIC = "slipway/public"
"""The annotation with the reason why an object is open to the outside."""

_CAPABILITIES = {"NET_BIND_SERVICE"}
_GROUPS = ("initContainers", "containers", "ephemeralContainers")
_ENTRANCES = {"Ingress", "Gateway", "Route", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}

SECRET_NAME = re.compile(
    r"""(?:secret|passw|pass_?phrase|(?<!max)(?<!max_)token(?!iz)|credential|(?:basic|cli)_?auth$
    |(?:access|account|api|app|auth|cipher|client|cookie|crypt|deploy|encryption|fernet|gpg|hmac|jwt|license
       |master|pgp|private|role|rsa|session|shared|signing|ssh|ssl|storage|tls|webhook)[_-]?key(?![_-]?id)
    |(?:^|[_.-])(?:pass|pat|pw|creds)$|[_-]pwd$|(?-i:[a-z](?:Pass|Pat|Pw|Pwd|Creds))$)
    (?![^].["]*(?:ref|name|namespace|file|path|dir|mount|url|uri|endpoint|host|ttl|expir(?:y|es|ation)|lifetime
       |seconds|minutes|hours|days|timeout|interval|length|size|count|limit|enabled|required|policy|algorithm
       |issuer|audience|header|prefix|stdin|type|version)s?$)
    [^].["]*$""",
    re.IGNORECASE | re.VERBOSE,
)
"""The name of a value that should be secret, or a property path that ends in such a name.

Names such as `tokenTTL` and `PASSWORD_FILE` do not match: their values are not secret. The same pattern is in
slipway/masking.py, because this pack imports nothing of the project.
"""
PASSWORD_IN_URL = re.compile(
    r"""(://[^\s/:@"]*:(?=[^\s/"]+@)|(?:^|[?&;])(?i:password|passwd|pwd|accountkey|sharedaccesskey)=)(?!\$\()
    (?:(?<=:)[^\s/"]+(?=@)|(?<==)[^\s&;"']+)""",
    re.VERBOSE,
)
"""A password in a URL or a connection string; no match for a reference to another variable, `$(NAME)`."""

Manifest = Mapping[str, Any]


class KubernetesObject(NamedTuple):
    """A Kubernetes object, or a patch of one."""

    kind: str
    manifest: Manifest
    is_patch: bool = False

    @property
    def pods(self) -> list[Manifest]:
        """The specs of its pods, or of the pods that it creates."""
        spec = self.manifest.get("spec")
        return [spec] if self.kind == "Pod" and isinstance(spec, Mapping) else list(_pods(self.manifest))

    @property
    def containers(self) -> list[tuple[Manifest, Manifest]]:
        """Each container of its pods, after its pod."""
        return [
            (pod, container)
            for pod in self.pods
            for group in _GROUPS
            for container in pod.get(group) or []
            if isinstance(container, Mapping)
        ]


Rule = Callable[[KubernetesObject], Iterator[str]]


class Policy(NamedTuple):
    """A rule with its name; violating a mandatory rule stops the update."""

    name: str
    description: str
    mandatory: bool
    rule: Rule

    def violations(self, kind: str, manifest: Manifest) -> Iterator[str]:
        """Apply the rule to a resource of the kind Kind, KindPatch or KindList."""
        if kind.endswith("List") and isinstance(items := manifest.get("items"), Sequence):
            for item in items:
                if isinstance(item, Mapping):
                    yield from self.violations(item.get("kind") or kind.removesuffix("List"), item)
        else:
            is_patch = kind.endswith("Patch")
            yield from self.rule(KubernetesObject(kind.removesuffix("Patch"), manifest, is_patch))


def limits(target: KubernetesObject) -> Iterator[str]:
    """Find containers that may use up their node's memory, or have nothing reserved."""
    for _, container in target.containers if not target.is_patch else []:
        resources = container.get("resources") or {}
        for group, name in (("limits", "memory"), ("requests", "cpu"), ("requests", "memory")):
            if not (resources.get(group) or {}).get(name):
                yield f"container {container.get('name')} has no resources.{group}.{name}: set it"


def digests(target: KubernetesObject) -> Iterator[str]:
    """Find images that can change under the same name."""
    for _, container in target.containers:
        image = container.get("image")
        if isinstance(image, str) and "@sha256:" not in image:
            yield f"image {image} is named by tag: name it by digest, {image}@sha256:…"


def latest(target: KubernetesObject) -> Iterator[str]:
    """Find images without a version."""
    for _, container in target.containers:
        image = container.get("image")
        if isinstance(image, str) and "@" not in image:
            tag = image.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                yield f"image {image} has no version: name one, by digest"


def privileges(target: KubernetesObject) -> Iterator[str]:
    """Find pods with access to their node. https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    for pod in target.pods:
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(key):
                yield f"the pod has {key}: remove it"
        for volume in pod.get("volumes") or []:
            if isinstance(volume, Mapping) and volume.get("hostPath"):
                yield f"volume {volume.get('name')} is a directory of the node: use a claim or an emptyDir"
        for setting in _broad_settings(pod.get("securityContext") or {}):
            yield f"the pod has securityContext.{setting}: remove it"
    for _, container in target.containers:
        yield from _container_privileges(container)


def _container_privileges(container: Manifest) -> Iterator[str]:
    name, context = container.get("name"), container.get("securityContext") or {}
    for setting in _broad_settings(context):
        yield f"container {name} has securityContext.{setting}: remove it"
    added = set((context.get("capabilities") or {}).get("add") or []) - _CAPABILITIES
    if added:
        yield f"container {name} adds {', '.join(sorted(map(str, added)))}: remove it"
    for port in container.get("ports") or []:
        if isinstance(port, Mapping) and port.get("hostPort"):
            yield f"container {name} opens port {port['hostPort']} of its node: use a Service"


def _broad_settings(context: Manifest) -> Iterator[str]:
    for key in ("privileged", "allowPrivilegeEscalation"):
        if context.get(key):
            yield key
    if context.get("procMount") == "Unmasked":
        yield "procMount"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "windowsOptions.hostProcess"
    for key in ("seccompProfile", "appArmorProfile"):
        if (context.get(key) or {}).get("type") == "Unconfined":
            yield f"{key}.type Unconfined"


def root(target: KubernetesObject) -> Iterator[str]:
    """Find containers that may run as root."""
    for pod, container in target.containers:
        both = {**(pod.get("securityContext") or {}), **(container.get("securityContext") or {})}
        user, non_root = both.get("runAsUser"), both.get("runAsNonRoot")
        unset = user is None and non_root is None
        if user == 0 or (not (non_root or user) and not (unset and target.is_patch)):
            yield f"container {container.get('name')} may run as root: set runAsNonRoot"


def public(target: KubernetesObject) -> Iterator[str]:
    """Find objects that are open to the outside without a reason."""
    spec = target.manifest.get("spec") or {}
    annotations = (target.manifest.get("metadata") or {}).get("annotations") or {}
    access = target.kind if target.kind in _ENTRANCES else ""
    if target.kind == "Service":
        access = "Service with externalIPs" if spec.get("externalIPs") else ""
        access = spec["type"] if spec.get("type") in ("NodePort", "LoadBalancer") else access
    if access and not annotations.get(PUBLIC):
        yield f"a {access} is open to the outside: give the reason in the annotation {PUBLIC}"


def plain_secrets(target: KubernetesObject) -> Iterator[str]:
    """Find secrets in plain variables, arguments and ConfigMaps, where readers of the object see them."""
    for _, container in target.containers:
        name = container.get("name")
        for variable in container.get("env") or []:
            if isinstance(variable, Mapping) and _is_secret(variable.get("name"), variable.get("value")):
                yield f"variable {variable['name']} of container {name} is plain: take it from a Secret"
        for argument in [*(container.get("command") or []), *(container.get("args") or [])]:
            flag, _, value = str(argument or "").partition("=")
            if PASSWORD_IN_URL.search(flag) or _is_secret(flag if flag.startswith("-") else "", value):
                yield f"an argument of container {name} has a secret: take it from a Secret"
    data = target.manifest.get("data") if target.kind == "ConfigMap" else None
    for key, value in (data or {}).items():
        if _is_secret(key, value):
            yield f"the ConfigMap has a secret, {key}: put it into a Secret"


def _is_secret(name: Any, value: Any) -> bool:
    if not isinstance(value, str) or value in ("", "true", "false") or re.fullmatch(r"\$\(\w+\)", value):
        return False
    return bool(SECRET_NAME.search(str(name)) or PASSWORD_IN_URL.search(value))


def readiness(target: KubernetesObject) -> Iterator[str]:
    """Find containers that get requests before they can answer."""
    for pod in target.pods if not target.is_patch and target.kind not in ("Job", "CronJob") else []:
        for container in pod.get("containers") or []:
            if container.get("ports") and not container.get("readinessProbe"):
                yield f"container {container.get('name')} has ports but no readinessProbe: add one"


def endless_runs(target: KubernetesObject) -> Iterator[str]:
    """Find jobs that may run for ever, or pile up."""
    spec = target.manifest.get("spec") or {}
    if target.is_patch or target.kind not in ("Job", "CronJob"):
        return
    run = (spec.get("jobTemplate") or {}).get("spec") or {} if target.kind == "CronJob" else spec
    if not run.get("activeDeadlineSeconds"):
        yield "a run may never end: set activeDeadlineSeconds"
    if target.kind == "CronJob" and spec.get("concurrencyPolicy", "Allow") == "Allow":
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


def _pods(value: Any, path: tuple[str, ...] = ()) -> Iterator[Manifest]:
    """Find the specs of pods: templates, and whatever has containers."""
    if isinstance(value, Mapping):
        if path[-2:] == ("template", "spec") or any(isinstance(value.get(group), list) for group in _GROUPS):
            yield value
        else:
            for key, item in value.items():
                yield from _pods(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _pods(item)
