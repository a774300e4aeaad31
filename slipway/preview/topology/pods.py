"""The pods of a stack, found by their labels as Services and network policies find them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.consequence import Manifest, get, items, mapping
from slipway.preview.rules.workloads import SERVING, Workload, selects


@dataclass(frozen=True)
class Pods:
    """The pods of one workload."""

    key: str
    """The key of their box: the URN of the workload."""
    workload: Workload
    namespace: str
    labels: Mapping[str, Any]
    ports: Sequence[Manifest]
    """The ports that the containers declare."""

    @property
    def serving(self) -> bool:
        """Whether they run until they are stopped, and may have clients."""
        return self.workload.object.kind in SERVING


class PodIndex:
    """All pods of a stack. It needs no search through all pods for each selector."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self.by_key = {pods.key: pods for pods in map(_pods, workloads)}
        self._by_label: dict[tuple[str, str, str], list[Pods]] = defaultdict(list)
        self._by_namespace: dict[str, list[Pods]] = defaultdict(list)
        for pods in self.by_key.values():
            self._by_namespace[pods.namespace].append(pods)
            for key, value in pods.labels.items():
                self._by_label[pods.namespace, key, str(value)].append(pods)

    def __iter__(self) -> Iterator[Pods]:
        return iter(self.by_key.values())

    @property
    def namespaces(self) -> list[str]:
        """The namespaces with pods."""
        return list(self._by_namespace)

    def matching(self, selector: Any, namespace: str) -> list[Pods]:
        """Return the pods of a namespace that a label selector, or a Service's selector, matches."""
        if not isinstance(selector, Mapping):
            return []
        plain = not {"matchLabels", "matchExpressions"} & set(selector)
        required = selector if plain else selector.get("matchLabels", {})
        if not isinstance(required, Mapping):
            return []  # unknown until the update
        candidates = self._by_namespace[namespace]
        for key, value in required.items():
            candidates = self._by_label.get((namespace, key, str(value)), [])
            break
        return [pods for pods in candidates if selects(selector, pods.labels)]


def _pods(workload: Workload) -> Pods:
    item = workload.object
    ports = [mapping(port) for container in workload.containers for port in items(get(container, "ports"))]
    return Pods(item.change.urn, workload, item.namespace, workload.labels, ports)
