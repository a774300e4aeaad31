"""The generic notion of readiness: `Compute` of sigs.k8s.io/cli-utils/pkg/kstatus/status v0.37.

It decides for DaemonSets, for the messages of deletions, and, with PULUMI_K8S_AWAIT_ALL=true, for every kind
that has no rules of its own.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sandbox.plugins.kubernetes.awaiting.fields import conditions, count, generation_of, is_true, items
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import pluck

SCHEDULE_WINDOW = timedelta(seconds=15)
"""How long a Pod may be without a node before it counts as unschedulable."""


class Status(NamedTuple):
    """Whether the object is as its spec wants it, and why (not)."""

    current: bool
    message: str


def compute(obj: Object) -> Status:
    """An object's status, from itself alone."""
    generic = _generic(obj)
    if generic is not None:
        return generic
    group, _, _ = str(obj.get("apiVersion", "")).rpartition("/")
    rule = _RULES.get((group, str(obj.get("kind"))))
    if rule is not None:
        return rule(obj)
    ready = conditions(obj).get("Ready")
    if is_true(ready):
        return Status(True, "Resource is Ready")
    if ready is not None and ready.get("status") in ("False", "Unknown"):
        return Status(False, str(ready.get("message", "")))
    return Status(True, "Resource is current")


def _generic(obj: Object) -> Status | None:
    if pluck(obj, "metadata", "deletionTimestamp"):
        return Status(False, "Resource scheduled for deletion")
    generation = pluck(obj, "metadata", "generation")
    seen = pluck(obj, "status", "observedGeneration")
    if generation is not None and seen is not None and generation != seen:
        return Status(
            False, f"{obj.get('kind')} generation is {generation}, but latest observed generation is {seen}"
        )
    for condition in items(obj, "status", "conditions"):
        if condition.get("type") in ("Reconciling", "Stalled") and is_true(condition):
            return Status(False, str(condition.get("message", "")))
    return None


def _short(label: str, have: int, want: int) -> Status | None:
    return Status(False, f"{label}: {have}/{want}") if want > have else None


def _surplus(have: int, want: int) -> Status | None:
    return Status(False, f"Pending termination: {have - want}") if have > want else None


def _stateful_set(obj: Object) -> Status:
    if pluck(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return Status(True, "StatefulSet is using the ondelete update strategy")
    want = count(obj, "spec", "replicas", default=1)
    have, updated = count(obj, "status", "replicas"), count(obj, "status", "updatedReplicas")
    found = (
        _short("Replicas", have, want)
        or _short("Ready", count(obj, "status", "readyReplicas"), want)
        or _surplus(have, want)
    )
    if found:
        return found
    partition = pluck(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
    if partition is not None:
        done = Status(True, f"Partition rollout complete. updated: {updated}")
        return _short("updated", updated, want - partition) or done
    if found := _short("current", count(obj, "status", "currentReplicas"), want):
        return found
    if pluck(obj, "status", "currentRevision") != pluck(obj, "status", "updateRevision"):
        return Status(False, "Waiting for updated revision to match current")
    return Status(True, f"All replicas scheduled as expected. Replicas: {have}")


def _deployment(obj: Object) -> Status:
    found = conditions(obj)
    progressing = found.get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Status(False, "Progress deadline exceeded")
    want = count(obj, "spec", "replicas", default=1)
    have, updated = count(obj, "status", "replicas"), count(obj, "status", "updatedReplicas")
    short = (
        _short("Replicas", have, want)
        or _short("Updated", updated, want)
        or _surplus(have, want)
        or _short("Available", count(obj, "status", "availableReplicas"), updated)
        or _short("Ready", count(obj, "status", "readyReplicas"), want)
    )
    if short:
        return short
    no_deadline = pluck(obj, "spec", "progressDeadlineSeconds") in (None, 2**31 - 1)
    rolled_out = is_true(progressing) and progressing.get("reason") == "NewReplicaSetAvailable"
    if not (no_deadline or rolled_out):
        return Status(False, "ReplicaSet not Available")
    if not is_true(found.get("Available")):
        return Status(False, "Deployment not Available")
    return Status(True, f"Deployment is available. Replicas: {have}")


def _replica_set(obj: Object) -> Status:
    if is_true(conditions(obj).get("ReplicaFailure")):
        return Status(False, "Replica Failure condition. Check Pods")
    want, have = count(obj, "spec", "replicas", default=1), count(obj, "status", "replicas")
    return (
        _short("Labelled", count(obj, "status", "fullyLabeledReplicas"), want)
        or _short("Available", count(obj, "status", "availableReplicas"), want)
        or _short("Ready", count(obj, "status", "readyReplicas"), want)
        or _surplus(have, want)
        or Status(True, f"ReplicaSet is available. Replicas: {have}")
    )


def _daemon_set(obj: Object) -> Status:
    if not generation_of(obj):
        return Status(False, f"{obj.get('kind')} metadata.generation not found")
    if pluck(obj, "status", "observedGeneration") is None:
        return Status(False, f"{obj.get('kind')} status.observedGeneration not found")
    want = pluck(obj, "status", "desiredNumberScheduled")
    if want is None:
        return Status(False, "Missing .status.desiredNumberScheduled")
    return (
        _short("Current", count(obj, "status", "currentNumberScheduled"), want)
        or _short("Updated", count(obj, "status", "updatedNumberScheduled"), want)
        or _short("Available", count(obj, "status", "numberAvailable"), want)
        or _short("Ready", count(obj, "status", "numberReady"), want)
        or Status(True, f"All replicas scheduled as expected. Replicas: {want}")
    )


def _claim(obj: Object) -> Status:
    phase = pluck(obj, "status", "phase") or "unknown"
    return Status(
        phase == "Bound", "PVC is Bound" if phase == "Bound" else f"PVC is not Bound. phase: {phase}"
    )


def _pod(obj: Object) -> Status:
    phase, found = pluck(obj, "status", "phase") or "", conditions(obj)
    if phase == "Succeeded":
        return Status(True, "Pod has completed successfully")
    if phase == "Failed":
        return Status(True, "Pod has completed, but not successfully")
    if phase == "Running":
        return Status(True, "Pod is Ready") if is_true(found.get("Ready")) else _running_pod(obj)
    if phase == "Pending":
        scheduled = found.get("PodScheduled", {})
        if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
            return Status(False, "Pod is in the Pending phase")
        age = datetime.now(UTC) - datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
        late = age >= SCHEDULE_WINDOW
        return Status(False, "Pod could not be scheduled" if late else "Pod has not been scheduled")
    return Status(False, f"unknown phase {phase}" if phase else "Pod phase not available")


def _running_pod(obj: Object) -> Status:
    looping = [
        str(status["name"])
        for status in items(obj, "status", "containerStatuses")
        if pluck(status, "state", "waiting", "reason") == "CrashLoopBackOff"
    ]
    if looping:
        return Status(False, f"Containers in CrashLoop state: {','.join(looping)}")
    return Status(False, "Pod is running but is not Ready")


def _job(obj: Object) -> Status:
    completions = count(obj, "spec", "completions", default=count(obj, "spec", "parallelism", default=1))
    succeeded, failed = count(obj, "status", "succeeded"), count(obj, "status", "failed")
    for condition in items(obj, "status", "conditions"):
        if is_true(condition) and condition.get("type") == "Complete":
            return Status(True, f"Job Completed. succeeded: {succeeded}/{completions}")
        if is_true(condition) and condition.get("type") == "Failed":
            return Status(False, f"Job Failed. failed: {failed}/{completions}")
    if not pluck(obj, "status", "startTime"):
        return Status(False, "Job not started")
    active = count(obj, "status", "active")
    return Status(True, f"Job in progress. success:{succeeded}, active: {active}, failed: {failed}")


def _service(obj: Object) -> Status:
    if pluck(obj, "spec", "type") == "LoadBalancer" and not pluck(obj, "spec", "clusterIP"):
        return Status(False, "ClusterIP not set. Service type: LoadBalancer")
    return Status(True, "Service is ready")


def _definition(obj: Object) -> Status:
    for condition in items(obj, "status", "conditions"):
        kind, status = condition.get("type"), condition.get("status")
        refused = kind == "NamesAccepted" or (
            kind == "Established" and condition.get("reason") != "Installing"
        )
        if status == "False" and refused:
            return Status(False, str(condition.get("message", "")))
        if kind == "Established" and status == "True":
            return Status(True, "CRD is established")
    return Status(False, "Install in progress")


def _always(_: Object) -> Status:
    return Status(True, "Resource is always ready")


def _budget(_: Object) -> Status:
    return Status(True, "AllowedDisruptions has been computed.")


_RULES: dict[tuple[str, str], Callable[[Object], Status]] = {
    ("", "Service"): _service,
    ("", "Pod"): _pod,
    ("", "Secret"): _always,
    ("", "ConfigMap"): _always,
    ("", "PersistentVolumeClaim"): _claim,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("policy", "PodDisruptionBudget"): _budget,
    ("batch", "CronJob"): _always,
    ("batch", "Job"): _job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
