"""Whether what a stack runs is well: its last update, its rollouts, and that nobody changed it since."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import WORKLOADS, StackObject

Live = Mapping[tuple[str, str, str], Object]


def workloads(objects: Sequence[StackObject]) -> list[StackObject]:
    """Return what runs pods."""
    return [one for one in objects if one.kind in WORKLOADS]


def rollout_problems(objects: Sequence[StackObject], live: Live) -> Iterator[str]:
    """Yield one sentence for each workload that does not run completely as it is described."""
    for one in workloads(objects):
        found = live.get(one.key)
        if found is None:
            yield f"{one} is not in the cluster"
        elif problem := _incomplete(found):
            yield f"{one} {problem}"


def _incomplete(workload: Object) -> str:
    """Say what is missing, by the rules of `kubectl rollout status`; nothing when all is there.

    https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go
    """
    status, spec = workload.get("status", {}), workload["spec"]
    if workload["metadata"]["generation"] > status.get("observedGeneration", 0):
        return "has changed, and its controller has not come to it"
    for condition in status.get("conditions", []):
        if condition["type"] == "Progressing" and condition["status"] == "False":
            return f"does not come up: {condition.get('message', condition.get('reason'))}"
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        wanted = spec.get("replicas", 1)
        updated, ready = status.get("updatedReplicas", 0), _ready(workload)
    if updated < wanted:
        return f"has {updated} of {wanted} pods of its present version"
    if ready < wanted:
        return f"has {ready} of {wanted} pods ready"
    if status.get("replicas", wanted) > wanted:
        return f"has {status['replicas'] - wanted} pods of an earlier version left"
    return ""


def _ready(workload: Object) -> int:
    status = workload.get("status", {})
    key = "availableReplicas" if workload["kind"] == "Deployment" else "readyReplicas"
    ready: int = status.get(key, 0)
    return ready


def selects(service: Object, template: Mapping[str, Any]) -> bool:
    """Whether a Service sends its requests to pods made from that template."""
    selector = service["spec"].get("selector") or {}
    labels = template["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pods_of(cluster: Cluster, workload: Object) -> list[Object]:
    """Return the pods that a workload's selector finds and that are not on their way out."""
    labels = workload["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    found = cluster.get("pods", "-n", workload["metadata"]["namespace"], "-l", selector)
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
