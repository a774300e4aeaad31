"""Workloads: one view of every kind of object that runs pods."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.cluster.quantities import amount
from slipway.preview.rules.consequence import Manifest, Object, Situation, get, items, mapping
from slipway.preview.rules.differences import TEMPLATES
from slipway.pulumi.changes import Change, Op

KINDS = tuple(TEMPLATES)
SERVING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")
"""Kinds whose pods run until they are stopped."""


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
    """An object of one of KINDS, and the number of its pods."""

    object: Object
    replicas: int
    """The lowest number of pods: an autoscaler's minimum, the number of nodes for a DaemonSet, 0 for jobs."""
    most: int
    """The highest number of pods."""

    @property
    def template(self) -> Manifest:
        """The pod template: metadata and spec."""
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
        """The containers, without init containers."""
        return items(get(self.pod, "containers"))

    @property
    def strategy(self) -> str:
        """RollingUpdate, Recreate or OnDelete."""
        key = "strategy" if self.object.kind == "Deployment" else "updateStrategy"
        return str(get(self.object.manifest, "spec", key, "type") or "RollingUpdate")

    @property
    def surge(self) -> int:
        """The number of extra pods during a rollout."""
        if self.strategy != "RollingUpdate":
            return 0
        if self.object.kind == "DaemonSet":
            return self._share("updateStrategy", "maxSurge", 0, up=True)
        return self._share("strategy", "maxSurge", "25%", up=True) if self.object.kind == "Deployment" else 0

    @property
    def unavailable(self) -> int:
        """The number of pods that may be missing during a rollout."""
        if self.strategy == "Recreate":
            return self.replicas
        if self.object.kind == "Deployment":
            unavailable = self._share("strategy", "maxUnavailable", "25%", up=False)
            return max(unavailable, 0 if self.surge else 1)  # as the controller does when both are 0
        return max(1, self._share("updateStrategy", "maxUnavailable", 1, up=True))

    def requests(self) -> Compute:
        """Return the resource requests of one pod; a limit is the default of a request.

        Init containers run before the others and need no more than the largest of them, sidecars run beside.
        https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
        """
        first = items(get(self.pod, "initContainers"))
        sidecars = [container for container in first if get(container, "restartPolicy") == "Always"]
        total, beside = _sum([*self.containers, *sidecars], "limits", "requests"), Compute()
        for container in first:
            need = beside + _sum([container], "limits", "requests")
            total = Compute(max(total.cpu, need.cpu), max(total.memory, need.memory))
            beside = need if container in sidecars else beside
        return total

    def limits(self) -> Compute:
        """Return the resource limits of one pod."""
        return _sum(self.containers, "limits")

    def _share(self, key: str, field: str, default: int | str, *, up: bool) -> int:
        value = get(self.object.manifest, "spec", key, "rollingUpdate", field)
        return share(default if value is None else value, self.replicas, up=up)


def _sum(containers: Sequence[Manifest], *keys: str) -> Compute:
    """Add up resources of containers; a later key has precedence."""
    resources = [
        {name: value for key in keys for name, value in mapping(get(container, "resources", key)).items()}
        for container in containers
    ]
    return Compute(
        sum(amount(values.get("cpu")) for values in resources),
        sum(amount(values.get("memory")) for values in resources),
    )


def share(value: Any, replicas: int, *, up: bool) -> int:
    """Return maxSurge (rounded up) or maxUnavailable (of a Deployment rounded down) as a number of pods."""
    if isinstance(value, str) and value.endswith("%"):
        exact = amount(value[:-1]) * replicas / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(amount(value))


def template_of(item: Object) -> Any:
    """Return the pod template of an object: metadata and spec."""
    return get(item.manifest, *TEMPLATES.get(item.kind, ("spec", "template")))


def workloads(situation: Situation, objects: Sequence[Object]) -> tuple[Workload, ...]:
    """Return the workloads among some objects of a situation; once for all objects before or after."""
    for side, known in (("before", situation.before), ("after", situation.after)):
        if objects is known:
            return situation.once(f"workloads {side}", lambda: tuple(_workloads(situation, objects)))
    return tuple(_workloads(situation, objects))


def _workloads(situation: Situation, objects: Sequence[Object]) -> Iterator[Workload]:
    nodes = len(situation.cluster.nodes) if situation.cluster else 1
    scalers = {_target(item): item.manifest for item in objects if item.kind == "HorizontalPodAutoscaler"}
    for item in objects:
        if item.kind in KINDS:
            yield Workload(item, *_replicas(item, scalers.get(item.key), nodes))


def persisting(situation: Situation) -> Iterator[tuple[Workload, Workload]]:
    """Yield the workloads that exist before and after the change, whether they change or not."""
    before = {workload.object.change.urn: workload for workload in workloads(situation, situation.before)}
    for new in workloads(situation, situation.after):
        if old := before.get(new.object.change.urn):
            yield old, new


def restarting(situation: Situation) -> tuple[tuple[Workload, Workload], ...]:
    """Return the workloads that stay and whose pods restart, before and after."""
    return situation.once("restarting", lambda: tuple(_restarting(situation)))


def _restarting(situation: Situation) -> Iterator[tuple[Workload, Workload]]:
    for old, new in persisting(situation):
        change = new.object.change
        managed = change.kind in SERVING and change.kind != "Pod"
        if change.op is Op.UPDATE and managed and _template_changes(situation, change):
            yield old, new


def has_service(situation: Situation, workload: Workload) -> bool:
    """Return whether a Service leads to the pods of a workload after the change."""
    return any(
        item.kind == "Service"
        and item.namespace == workload.object.namespace
        and get(item.manifest, "spec", "selector")
        and selects(get(item.manifest, "spec", "selector"), workload.labels)
        for item in situation.after
    )


def _template_changes(situation: Situation, change: Change) -> bool:
    return any(difference.path[0] in ("pod", "template") for difference in situation.differences(change))


def selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Return whether a label selector or a Service's selector matches; an empty one matches everything."""
    selector = mapping(selector)
    if not {"matchLabels", "matchExpressions"} & set(selector):
        return all(labels.get(key) == value for key, value in selector.items())
    required = mapping(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in required.items()) and all(
        _matches(expression, labels) for expression in items(selector.get("matchExpressions"))
    )


def _matches(expression: Manifest, labels: Mapping[str, Any]) -> bool:
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


def _target(scaler: Object) -> tuple[str, str, str]:
    target = mapping(get(scaler.manifest, "spec", "scaleTargetRef"))
    return str(target.get("kind")), scaler.namespace, str(target.get("name"))


def _replicas(item: Object, scaler: Manifest | None, nodes: int) -> tuple[int, int]:
    if item.kind in ("Job", "CronJob"):
        return 0, 0
    if item.kind in ("DaemonSet", "Pod"):
        number = nodes if item.kind == "DaemonSet" else 1
        return number, number
    fixed = get(item.manifest, "spec", "replicas")
    if scaler and fixed is None:
        least = get(scaler, "spec", "minReplicas")
        return int(amount(1 if least is None else least)), int(amount(get(scaler, "spec", "maxReplicas")))
    number = 1 if fixed is None else int(amount(fixed))
    return number, number
