"""The generic status of each kind that it has rules for, and the words that users see."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.plugins.kubernetes.awaiting.status import compute
from sandbox.plugins.kubernetes.awaiting_context import Object
from tests.unit.plugins.awaiting import samples
from tests.unit.plugins.awaiting.samples import condition, obj

THREE = {"replicas": 3}
NEWEST = {"currentRevision": "a", "updateRevision": "a"}
UP = {"replicas": 3, "readyReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
DONE = [condition("Available"), condition("Progressing", "True", "NewReplicaSetAvailable")]
PARTITIONED = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}}
DEADLINE = {"replicas": 3, "progressDeadlineSeconds": 600}
NODES = {
    "observedGeneration": 1,
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
    "numberReady": 2,
}


@pytest.mark.parametrize(
    ("spec", "status", "message"),
    [
        (THREE, {"replicas": 1}, "Replicas: 1/3"),
        (THREE, {"replicas": 3, "readyReplicas": 2}, "Ready: 2/3"),
        (THREE, {"replicas": 4, "readyReplicas": 3}, "Pending termination: 1"),
        (PARTITIONED, {**UP, "updatedReplicas": 1}, "updated: 1/2"),
        (THREE, {**UP, "currentReplicas": 2}, "current: 2/3"),
        (THREE, {**UP, **NEWEST, "updateRevision": "b"}, "Waiting for updated revision to match current"),
    ],
)
def test_a_stateful_set_in_progress(spec: Object, status: Object, message: str) -> None:
    assert compute(obj("apps/v1", "StatefulSet", "db", spec=spec, status=status)) == (False, message)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (THREE, "All replicas scheduled as expected. Replicas: 3"),
        (PARTITIONED, "Partition rollout complete. updated: 3"),
        ({"updateStrategy": {"type": "OnDelete"}}, "StatefulSet is using the ondelete update strategy"),
    ],
)
def test_a_stateful_set_that_is_current(spec: Object, message: str) -> None:
    assert compute(obj("apps/v1", "StatefulSet", "db", spec=spec, status={**UP, **NEWEST})) == (True, message)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({**UP, "replicas": 2}, "Replicas: 2/3"),
        ({**UP, "updatedReplicas": 2}, "Updated: 2/3"),
        ({**UP, "replicas": 4}, "Pending termination: 1"),
        ({**UP, "availableReplicas": 1}, "Available: 1/3"),
        ({**UP, "readyReplicas": 1}, "Ready: 1/3"),
        ({**UP, "conditions": DONE[:1]}, "ReplicaSet not Available"),
        ({**UP, "conditions": DONE[1:]}, "Deployment not Available"),
        (
            {**UP, "conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded")]},
            "Progress deadline exceeded",
        ),
    ],
)
def test_a_deployment_in_progress(status: Object, message: str) -> None:
    assert compute(obj("apps/v1", "Deployment", "web", spec=DEADLINE, status=status)) == (False, message)


@pytest.mark.parametrize("deadline", [None, 2**31 - 1])
def test_a_deployment_without_a_deadline_needs_no_word_of_progress(deadline: int | None) -> None:
    spec = {**THREE, "progressDeadlineSeconds": deadline} if deadline else THREE
    web = obj("apps/v1", "Deployment", "web", spec=spec, status={**UP, "conditions": DONE[:1]})
    assert compute(web) == (True, "Deployment is available. Replicas: 3")
    late = obj("apps/v1", "Deployment", "web", spec=DEADLINE, status={**UP, "conditions": DONE})
    assert compute(late).current


@pytest.mark.parametrize(
    ("status", "current", "message"),
    [
        ({"conditions": [condition("ReplicaFailure")]}, False, "Replica Failure condition. Check Pods"),
        ({}, False, "Labelled: 0/3"),
        ({"fullyLabeledReplicas": 3}, False, "Available: 0/3"),
        ({"fullyLabeledReplicas": 3, "availableReplicas": 3}, False, "Ready: 0/3"),
        ({**UP, "fullyLabeledReplicas": 3, "replicas": 5}, False, "Pending termination: 2"),
        ({**UP, "fullyLabeledReplicas": 3}, True, "ReplicaSet is available. Replicas: 3"),
    ],
)
def test_a_replica_set(status: Object, current: bool, message: str) -> None:
    assert compute(obj("apps/v1", "ReplicaSet", "web-1", spec=THREE, status=status)) == (current, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observedGeneration": None}, "DaemonSet status.observedGeneration not found"),
        ({"desiredNumberScheduled": None}, "Missing .status.desiredNumberScheduled"),
        ({"currentNumberScheduled": 1}, "Current: 1/2"),
        ({"updatedNumberScheduled": 1}, "Updated: 1/2"),
        ({"numberAvailable": 1}, "Available: 1/2"),
        ({"numberReady": 1}, "Ready: 1/2"),
    ],
)
def test_a_daemon_set_in_progress(changes: Object, message: str) -> None:
    status = {key: value for key, value in {**NODES, **changes}.items() if value is not None}
    agent = obj("apps/v1", "DaemonSet", "agent", generation=1, status=status)
    assert compute(agent) == (False, message)


def test_a_daemon_set_that_nobody_has_numbered() -> None:
    assert compute(obj("apps/v1", "DaemonSet", "agent", status=NODES)) == (
        False,
        "DaemonSet metadata.generation not found",
    )


def unscheduled(age: timedelta) -> Object:
    found = samples.pod("web", condition("PodScheduled", "False", "Unschedulable"))
    found["metadata"]["creationTimestamp"] = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    return found


LOOPING = samples.container(state={"waiting": {"reason": "CrashLoopBackOff"}})


@pytest.mark.parametrize(
    ("pod", "current", "message"),
    [
        (samples.pod("web", phase="Succeeded"), True, "Pod has completed successfully"),
        (samples.pod("web", phase="Failed"), True, "Pod has completed, but not successfully"),
        (samples.ready_pod("web"), True, "Pod is Ready"),
        (samples.pod("web", phase="Running"), False, "Pod is running but is not Ready"),
        (
            samples.pod("web", phase="Running", containerStatuses=[LOOPING, {**LOOPING, "name": "log"}]),
            False,
            "Containers in CrashLoop state: web,log",
        ),
        (samples.pod("web"), False, "Pod is in the Pending phase"),
        # An hour ahead: the list is made when tests are collected, long before this one runs.
        (unscheduled(timedelta(hours=-1)), False, "Pod has not been scheduled"),
        (unscheduled(timedelta(seconds=30)), False, "Pod could not be scheduled"),
        (samples.pod("web", phase=""), False, "Pod phase not available"),
        (samples.pod("web", phase="Unknown"), False, "unknown phase Unknown"),
    ],
)
def test_a_pod(pod: Object, current: bool, message: str) -> None:
    assert compute(pod) == (current, message)


@pytest.mark.parametrize(
    ("spec", "status", "current", "message"),
    [
        ({}, {}, False, "Job not started"),
        ({}, {"startTime": "now", "active": 1}, True, "Job in progress. success:0, active: 1, failed: 0"),
        ({"parallelism": 2}, {"succeeded": 2, "conditions": [condition("Complete")]}, True, "succeeded: 2/2"),
        ({"completions": 4}, {"failed": 1, "conditions": [condition("Failed")]}, False, "failed: 1/4"),
    ],
)
def test_a_job(spec: Object, status: Object, current: bool, message: str) -> None:
    found = compute(obj("batch/v1", "Job", "migrate", spec=spec, status=status))
    assert found.current is current
    assert found.message.endswith(message)


@pytest.mark.parametrize(
    ("kind", "parts", "current", "message"),
    [
        (("v1", "Secret"), {}, True, "Resource is always ready"),
        (("batch/v1", "CronJob"), {}, True, "Resource is always ready"),
        (("policy/v1", "PodDisruptionBudget"), {}, True, "AllowedDisruptions has been computed."),
        (("v1", "PersistentVolumeClaim"), {"status": {"phase": "Bound"}}, True, "PVC is Bound"),
        (("v1", "PersistentVolumeClaim"), {}, False, "PVC is not Bound. phase: unknown"),
        (("v1", "Service"), {"spec": {"type": "ClusterIP"}}, True, "Service is ready"),
        (
            ("v1", "Service"),
            {"spec": {"type": "LoadBalancer"}},
            False,
            "ClusterIP not set. Service type: LoadBalancer",
        ),
    ],
)
def test_other_kinds(kind: tuple[str, str], parts: Object, current: bool, message: str) -> None:
    assert compute(obj(*kind, "x", **parts)) == (current, message)


@pytest.mark.parametrize(
    ("conditions", "current", "message"),
    [
        ([], False, "Install in progress"),
        ([condition("NamesAccepted", "False", "Taken", "already in use")], False, "already in use"),
        ([condition("Established", "False", "Installing", "soon")], False, "Install in progress"),
        ([condition("Established", "False", "Broken", "never")], False, "never"),
        ([condition("NamesAccepted"), condition("Established")], True, "CRD is established"),
    ],
)
def test_a_definition(conditions: list[Object], current: bool, message: str) -> None:
    status = {"conditions": conditions}
    crd = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com", status=status)
    assert compute(crd) == (current, message)


@pytest.mark.parametrize(
    ("status", "current", "message"),
    [
        ({}, True, "Resource is current"),
        ({"conditions": [condition("Ready", "False", "Busy", "still busy")]}, False, "still busy"),
        ({"conditions": [condition("Ready")]}, True, "Resource is Ready"),
        ({"conditions": [condition("Reconciling", "True", "Working", "at it")]}, False, "at it"),
        (
            {"conditions": [condition("Stalled", "True", "Stuck", "stuck"), condition("Ready")]},
            False,
            "stuck",
        ),
        ({"observedGeneration": 1}, False, "Widget generation is 2, but latest observed generation is 1"),
    ],
)
def test_a_custom_resource_is_judged_by_its_conditions(status: Object, current: bool, message: str) -> None:
    widget = obj("example.com/v1", "Widget", "w", generation=2, status=status)
    assert compute(widget) == (current, message)


def test_what_is_being_deleted_is_not_current() -> None:
    leaving = obj("v1", "Secret", "x", metadata={"deletionTimestamp": samples.CREATED})
    assert compute(leaving) == (False, "Resource scheduled for deletion")
