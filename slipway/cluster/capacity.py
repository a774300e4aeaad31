"""The free capacity of a cluster. It needs the permission to list nodes, pods, quotas and LimitRanges."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.quantities import amount
from slipway.cluster.rollout import FINISHED
from slipway.errors import SlipwayError

_TIMEOUT_S = 15


@dataclass(frozen=True)
class Node:
    """The size of a node and its free capacity: CPU in cores, memory in bytes."""

    name: str
    cpu: float
    memory: float
    cpu_free: float
    memory_free: float
    labels: Mapping[str, str] = field(default_factory=dict)
    """Empty if they are unknown."""
    taints: tuple[Mapping[str, str], ...] = ()
    """The taints that keep pods away: NoSchedule and NoExecute."""


@dataclass(frozen=True)
class Quota:
    """The unused part of a ResourceQuota, by the quota's own keys: requests.cpu, pods."""

    name: str
    namespace: str
    left: Mapping[str, float]


@dataclass(frozen=True)
class Capacity:
    """The capacity of the cluster, apart from the stack."""

    nodes: tuple[Node, ...]
    quotas: tuple[Quota, ...] = ()
    limit_ranges: tuple[Object, ...] = ()
    unread: str = ""
    """Why the LimitRanges are unknown; empty if they are known."""


def read(cluster: Cluster) -> Capacity:
    """Return the capacity of a cluster."""
    objects = cluster.get("nodes,pods,resourcequotas", "--all-namespaces", timeout_s=_TIMEOUT_S)
    try:
        ranges = cluster.get("limitranges", "--all-namespaces", timeout_s=_TIMEOUT_S)
    except SlipwayError as error:  # an account of an earlier version may not list them
        return replace(from_objects(objects), unread=str(error).splitlines()[-1])
    return from_objects([*objects, *ranges])


def from_objects(objects: Iterable[Object]) -> Capacity:
    """Return the capacity that the API server's nodes, pods and quotas leave free, and its LimitRanges."""
    kinds: dict[str, list[Object]] = {"Node": [], "Pod": [], "ResourceQuota": [], "LimitRange": []}
    for item in objects:
        kinds[item["kind"]].append(item)
    return Capacity(
        free_of(kinds["Node"], kinds["Pod"]),
        tuple(map(_quota, kinds["ResourceQuota"])),
        tuple(kinds["LimitRange"]),
    )


def free_of(nodes: Iterable[Object], pods: Iterable[Object]) -> tuple[Node, ...]:
    """Return the free capacity of ready and schedulable nodes, from the API server's nodes and pods."""
    used: dict[tuple[str, str], float] = defaultdict(float)
    for pod in pods:
        if pod["status"].get("phase") in FINISHED:
            continue
        for container in pod["spec"]["containers"]:
            requests = container.get("resources", {}).get("requests", {})
            for key in ("cpu", "memory"):
                used[pod["spec"].get("nodeName", ""), key] += amount(requests.get(key))
    free = []
    for node in nodes:
        if node.get("spec", {}).get("unschedulable") or not _is_ready(node):
            continue
        name, allocatable = node["metadata"]["name"], node["status"].get("allocatable", {})
        cpu, memory = amount(allocatable.get("cpu")), amount(allocatable.get("memory"))
        taints = node.get("spec", {}).get("taints", ())
        free.append(
            Node(
                name,
                cpu,
                memory,
                cpu - used[name, "cpu"],
                memory - used[name, "memory"],
                node["metadata"].get("labels", {}),
                tuple(taint for taint in taints if taint.get("effect") in ("NoSchedule", "NoExecute")),
            )
        )
    return tuple(free)


def _is_ready(node: Object) -> bool:
    conditions = node["status"].get("conditions", ())
    return all(item.get("status") == "True" for item in conditions if item.get("type") == "Ready")


def _quota(item: Object) -> Quota:
    status = item.get("status", {})
    used = status.get("used", {})
    left = {key: amount(hard) - amount(used.get(key)) for key, hard in status.get("hard", {}).items()}
    return Quota(item["metadata"]["name"], item["metadata"]["namespace"], left)
