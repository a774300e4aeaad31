"""Objects that run pods, seen alike: how many, made from what, replaced how."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.model import Manifest, Object, Situation, get, items, mapping
from slipway.preview.rules.quantities import amount, share
from slipway.pulumi.changes import Op

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
SERVING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")
"""Those whose pods are meant to stay."""

_TEMPLATE = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True)
class Compute:
    """CPU in cores, memory in bytes."""

    cpu: float = 0
    memory: float = 0

    def __add__(self, other: "Compute") -> "Compute":
        return Compute(self.cpu + other.cpu, self.memory + other.memory)

    def __mul__(self, times: int) -> "Compute":
        return Compute(self.cpu * times, self.memory * times)


@dataclass(frozen=True)
class Workload:
    """One of KINDS, and how many pods it keeps."""

    object: Object
    replicas: int
    """The least that it has: an autoscaler's minimum, the number of nodes for a DaemonSet, 0 for jobs."""
    most: int
    """The most that it may have."""

    @property
    def template(self) -> Manifest:
        """The pod: metadata and spec."""
        return mapping(template_of(self.object))

    @property
    def pod(self) -> Manifest:
        """The pod's spec."""
        return mapping(get(self.template, "spec"))

    @property
    def labels(self) -> Mapping[str, Any]:
        """The pods' labels."""
        return mapping(get(self.template, "metadata", "labels"))

    @property
    def containers(self) -> list[Manifest]:
        """The containers that run together; not those that run before."""
        return items(get(self.pod, "containers"))

    @property
    def strategy(self) -> str:
        """RollingUpdate, Recreate or OnDelete."""
        key = "strategy" if self.object.kind == "Deployment" else "updateStrategy"
        return str(get(self.object.manifest, "spec", key, "type") or "RollingUpdate")

    @property
    def surge(self) -> int:
        """Pods above the wanted number while a new version comes."""
        if self.object.kind == "Deployment" and self.strategy == "RollingUpdate":
            return self._share("strategy", "maxSurge", "25%", up=True)
        return 0

    @property
    def unavailable(self) -> int:
        """Pods below the wanted number while a new version comes."""
        if self.strategy == "Recreate":
            return self.replicas
        if self.object.kind == "Deployment":
            unavailable = self._share("strategy", "maxUnavailable", "25%", up=False)
            return max(unavailable, 0 if self.surge else 1)  # as the controller does when both come to 0
        return max(1, self._share("updateStrategy", "maxUnavailable", 1, up=self.object.kind == "DaemonSet"))

    def requests(self) -> Compute:
        """What one pod is promised."""
        return self._sum("requests")

    def limits(self) -> Compute:
        """What one pod may take."""
        return self._sum("limits")

    def _share(self, key: str, which: str, default: int | str, *, up: bool) -> int:
        value = get(self.object.manifest, "spec", key, "rollingUpdate", which)
        return share(default if value is None else value, self.replicas, up=up)

    def _sum(self, which: str) -> Compute:
        found = [mapping(get(container, "resources", which)) for container in self.containers]
        return Compute(
            sum(amount(one.get("cpu")) for one in found), sum(amount(one.get("memory")) for one in found)
        )


def template_of(one: Object) -> Any:
    """Return what pods are made from: metadata and spec."""
    return get(one.manifest, *_TEMPLATE.get(one.kind, ("spec", "template")))


def workloads(situation: Situation, objects: Iterable[Object]) -> Iterator[Workload]:
    """Return the workloads among objects that are there at the same time."""
    objects = tuple(objects)
    nodes = len(situation.cluster.nodes) if situation.cluster else 1
    scalers = {_target(one): one.manifest for one in objects if one.kind == "HorizontalPodAutoscaler"}
    for one in objects:
        if one.kind in KINDS:
            yield Workload(one, *_replicas(one, scalers.get((one.namespace, one.kind, one.name)), nodes))


def kept(situation: Situation) -> Iterator[tuple[Workload, Workload]]:
    """Return the workloads that are there before and after, changed or not."""
    before = {one.object.change.urn: one for one in workloads(situation, situation.before)}
    for new in workloads(situation, situation.after):
        if old := before.get(new.object.change.urn):
            yield old, new


def restarting(situation: Situation) -> Iterator[tuple[Workload, Workload]]:
    """Return the workloads that stay and whose pods are made anew, before and after."""
    for old, new in kept(situation):
        change = new.object.change
        managed = change.kind in SERVING and change.kind != "Pod"
        if change.op is Op.UPDATE and managed and _template_changes(old.object, new.object):
            yield old, new


def selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a label selector, or the plain labels of a Service, match; an empty one matches all."""
    selector = mapping(selector)
    if not {"matchLabels", "matchExpressions"} & set(selector):
        return all(labels.get(key) == value for key, value in selector.items())
    wanted = mapping(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _meets(one, labels) for one in items(selector.get("matchExpressions"))
    )


def _meets(expression: Manifest, labels: Mapping[str, Any]) -> bool:
    key, values = expression.get("key"), items(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return labels.get(str(key)) in values
        case "NotIn":
            return labels.get(str(key)) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _template_changes(old: Object, new: Object) -> bool:
    if any(one.path == "spec" or one.path.startswith("spec.template") for one in new.change.properties):
        return True
    return not new.change.properties and template_of(old) != template_of(new)


def _target(scaler: Object) -> tuple[str, str, str]:
    target = mapping(get(scaler.manifest, "spec", "scaleTargetRef"))
    return scaler.namespace, str(target.get("kind")), str(target.get("name"))


def _replicas(one: Object, scaler: Manifest | None, nodes: int) -> tuple[int, int]:
    if one.kind in ("Job", "CronJob"):
        return 0, 0
    if one.kind in ("DaemonSet", "Pod"):
        number = nodes if one.kind == "DaemonSet" else 1
        return number, number
    fixed = get(one.manifest, "spec", "replicas")
    if scaler and fixed is None:
        least = get(scaler, "spec", "minReplicas")
        return int(amount(1 if least is None else least)), int(amount(get(scaler, "spec", "maxReplicas")))
    number = 1 if fixed is None else int(amount(fixed))
    return number, number
