"""The rollouts of a stack's workloads, judged like `kubectl rollout status`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import WORKLOADS, LiveObjects, StackObject
from slipway.errors import SlipwayError

ONE_OFF = "slipway/one-off"
"""The label of a pod of `slipway run`, which no workload manages."""
FINISHED = ("Failed", "Succeeded")
"""The phases of a pod whose containers never run again: evicted, drained or completed."""

SETTLE_S = 15.0
"""The time after a rollout in which Services may lag behind, and pods of the earlier version end."""


def settle(find_problems: Callable[[], Iterator[str]]) -> list[str]:
    """Repeat until there are no problems, or SETTLE_S is over, and return the last problems."""
    deadline = time.monotonic() + SETTLE_S
    while (problems := list(find_problems())) and time.monotonic() < deadline:
        time.sleep(0.5)
    return problems


def workloads(objects: Sequence[StackObject]) -> list[StackObject]:
    """Return the Deployments, StatefulSets and DaemonSets."""
    return [item for item in objects if item.kind in WORKLOADS]


def rollout_problems(cluster: Cluster, objects: Sequence[StackObject], live: LiveObjects) -> Iterator[str]:
    """Yield one sentence for each workload whose rollout is not complete."""
    for workload in workloads(objects):
        current = live.get(workload.key)
        if current is None:
            yield f"{workload} is not in the cluster"
        elif problem := _incomplete(current):
            yield f"{workload} {problem}{_refusal(cluster, current)}"


def _incomplete(workload: Object) -> str:
    """Return what the rollout waits for, by the rules of `kubectl rollout status`; empty when it is complete.

    https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go
    """
    status, spec = workload.get("status", {}), workload["spec"]
    if workload["metadata"]["generation"] > status.get("observedGeneration", 0):
        return "has changed, and its controller has not observed the change"
    for condition in status.get("conditions", []):
        if condition["type"] == "Progressing" and condition["status"] == "False":
            return f"makes no progress: {condition.get('message', condition.get('reason'))}"
    if workload["kind"] == "DaemonSet":
        desired = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        desired = spec.get("replicas", 1)
        updated, ready = status.get("updatedReplicas", 0), _ready(workload)
    if updated < desired:
        return f"has {updated} of {desired} pods of its current version"
    if ready < desired:
        return f"has {ready} of {desired} pods ready"
    if status.get("replicas", desired) > desired:
        return f"still has {status['replicas'] - desired} pods of an earlier version"
    return ""


def _refusal(cluster: Cluster, workload: Object) -> str:
    """Return why the API server refuses pods of a workload, such as by a quota; empty if it does not."""
    status, conditions = workload.get("status", {}), workload.get("status", {}).get("conditions", [])
    if workload["kind"] == "Deployment":
        failures = [
            item for item in conditions if item["type"] == "ReplicaFailure" and item["status"] == "True"
        ]
    elif workload["kind"] == "StatefulSet":
        short = status.get("replicas", 0) < workload["spec"].get("replicas", 1)
        failures = _failed_creations(cluster, workload) if short else []
    else:
        short = status.get("currentNumberScheduled", 0) < status.get("desiredNumberScheduled", 0)
        failures = _failed_creations(cluster, workload) if short else []
    return f": {failures[-1]['message']}" if failures else ""


def _failed_creations(cluster: Cluster, workload: Object) -> list[Object]:
    """Return the events about pods that could not be created, the latest last.

    Only a Deployment has a condition for it.
    """
    metadata = workload["metadata"]
    fields = {"kind": workload["kind"], "name": metadata["name"], "uid": metadata.get("uid", "")}
    selector = ",".join(f"involvedObject.{key}={value}" for key, value in fields.items() if value)
    try:
        events = cluster.get(
            "events", "-n", metadata["namespace"], f"--field-selector={selector},reason=FailedCreate"
        )
    except SlipwayError:  # usually, permission is missing
        return []
    return sorted(events, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")


def _ready(workload: Object) -> int:
    key = "availableReplicas" if workload["kind"] == "Deployment" else "readyReplicas"
    ready: int = workload.get("status", {}).get(key, 0)
    return ready


def selects(service: Object, template: Mapping[str, Any]) -> bool:
    """Return whether a Service sends requests to pods of this template."""
    selector = service["spec"].get("selector") or {}
    labels = template["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pods_of(cluster: Cluster, workload: Object, *options: str) -> list[Object]:
    """Return the pods of a workload, without those that are being deleted, and without one-off pods.

    Pods that its selector matches, but that another controller owns, are not its own: those of a Job.
    `options` are arguments of `kubectl get`.
    """
    selector = ",".join(_requirements(workload["spec"]["selector"]))
    pods = cluster.get("pods", "-n", workload["metadata"]["namespace"], "-l", selector, *options)
    return [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and ONE_OFF not in pod["metadata"].get("labels", {})
        and not _has_other_owner(pod, workload)
    ]


def _requirements(selector: Mapping[str, Any]) -> Iterator[str]:
    """Yield the requirements of a label selector as `kubectl get -l` takes them."""
    for key, value in (selector.get("matchLabels") or {}).items():
        yield f"{key}={value}"
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        yield {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}.get(
            expression["operator"], f"!{key}"
        )


def _has_other_owner(pod: Object, workload: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    owner = next((item for item in owners if item.get("controller")), None)
    kind, name = workload["kind"], workload["metadata"]["name"]
    if kind == "Deployment":
        kind, name = "ReplicaSet", f"{name}-{(pod['metadata'].get('labels') or {}).get('pod-template-hash')}"
    return owner is not None and (owner["kind"], owner["name"]) != (kind, name)
