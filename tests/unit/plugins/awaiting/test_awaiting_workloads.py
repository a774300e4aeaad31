"""When Deployments, StatefulSets, DaemonSets and Jobs are ready, and what is said when they are not."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.kubernetes.awaiting import daemonsets, deployments, jobs, others, statefulsets
from sandbox.plugins.kubernetes.awaiting.expressions import Judge
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict
from sandbox.plugins.kubernetes.awaiting_context import Object
from tests.unit.plugins.awaiting import samples
from tests.unit.plugins.awaiting.samples import (
    AVAILABLE,
    UNAVAILABLE,
    condition,
    container,
    obj,
    owned,
    unready_pod,
)

MINIMUM = "Minimum number of live Pods was not attained"


def told(verdict: Verdict) -> list[str]:
    return [message.text for message in verdict.progress]


def unready(pod: str) -> str:
    return f"[Pod shop/{pod}]: containers with unready status: [web]"


def judged(deployment: Object, *replica_sets: Object, pods: list[Object] | None = None) -> Verdict:
    return deployments.judge(Observed(deployment, {"ReplicaSet": replica_sets, "Pod": pods or []}))


def test_a_first_rollout_is_done_when_its_pods_are_ready() -> None:
    web = samples.deployment(replicas=3, conditions=AVAILABLE[:1])
    verdict = judged(web, samples.replica_set(web, ready=3, replicas=3))
    assert verdict.ready
    assert told(verdict) == ["Deployment initialization complete"]


def test_a_rollout_tells_how_many_pods_are_available() -> None:
    web = samples.deployment(replicas=3, conditions=UNAVAILABLE)
    verdict = judged(web, samples.replica_set(web, ready=1, replicas=3))
    assert told(verdict) == [
        "[MinimumReplicasUnavailable] Deployment does not have minimum availability.",
        "Waiting for app ReplicaSet to be available (1/3 Pods available)",
    ]
    assert verdict.reasons == [told(verdict)[0], MINIMUM]


def test_a_later_rollout_waits_for_the_new_replica_set_although_the_old_one_serves() -> None:
    web = samples.deployment(generation=2, revision="2", conditions=[AVAILABLE[0], UNAVAILABLE[1]])
    old, new = samples.replica_set(web, ready=1), samples.replica_set(web, ready=1, revision="2")
    assert judged(web, old, new).reasons == [
        "Minimum number of Pods to consider the application live was not attained"
    ]
    web["status"]["conditions"] = AVAILABLE
    assert not judged(web, old).ready
    assert judged(web, old, new).ready


def test_a_scale_up_is_not_done_before_the_replica_set_has_the_new_scale() -> None:
    web = samples.deployment(generation=2, replicas=3, conditions=AVAILABLE)
    assert not judged(web, samples.replica_set(web, ready=1, replicas=1)).ready
    assert judged(web, samples.replica_set(web, ready=3, replicas=3)).ready


def test_scaling_to_zero_is_ready_with_a_warning() -> None:
    web = samples.deployment(replicas=0, conditions=AVAILABLE)
    verdict = judged(web, samples.replica_set(web, ready=0, replicas=0))
    assert verdict.ready
    assert 'Replicas scaled to 0 for Deployment "web"' in told(verdict)


def test_a_deployment_names_the_exceeded_quota() -> None:
    quota = (
        'pods "web-1-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
    )
    web = samples.deployment(
        conditions=[*UNAVAILABLE, condition("ReplicaFailure", "True", "FailedCreate", quota)]
    )
    verdict = judged(web, samples.replica_set(web, ready=0))
    assert f"[FailedCreate] {quota}" in verdict.reasons
    assert f"[FailedCreate] {quota}" in told(verdict)


def test_a_deployment_names_the_trouble_of_its_newest_pods_only() -> None:
    web = samples.deployment(generation=2, revision="2", conditions=AVAILABLE[:1])
    old, new = samples.replica_set(web, ready=0), samples.replica_set(web, ready=0, revision="2")
    pods = [
        unready_pod("web-2", samples.PULLING, owner=new),
        unready_pod("web-1", container(state={"terminated": {"exitCode": 1, "reason": "Error"}}), owner=old),
        unready_pod("other", samples.PULLING),
    ]
    verdict = judged(web, old, new, pods=pods)
    expected = f"{unready('web-2')}[ImagePullBackOff] {samples.PULL_ERROR}"
    assert verdict.reasons[1:] == [expected]
    assert [message.text for message in verdict.lasting] == [expected], "each start has unready moments"
    assert expected not in told(verdict)


def test_a_deployment_waits_for_its_claims_and_tells_why_they_are_pending() -> None:
    web = samples.deployment(conditions=AVAILABLE)
    web["spec"]["template"]["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "data"}}]
    claim = obj("v1", "PersistentVolumeClaim", "data", status={"phase": "Pending"})
    stray = obj("v1", "PersistentVolumeClaim", "stray", status={"phase": "Pending"})
    binding = samples.event(claim, "FailedBinding", "no persistent volumes available", kind="Normal")
    related = {
        "ReplicaSet": [samples.replica_set(web, ready=1)],
        "PersistentVolumeClaim": [claim, stray],
        "Event": [binding],
    }
    verdict = deployments.judge(Observed(web, related))
    assert verdict.reasons == [
        'Failed to bind PersistentVolumeClaim(s): "data"',
        "[PersistentVolumeClaim shop/data]: [FailedBinding] no persistent volumes available",
    ]
    assert (
        told(verdict)[0] == "PersistentVolumeClaim: [data] is not ready. status.phase currently at: Pending"
    )
    claim["status"]["phase"] = "Bound"
    assert deployments.judge(Observed(web, related)).ready


def stateful_set(*, generation: int = 1, strategy: str = "RollingUpdate", **status: object) -> Object:
    """Three replicas, ready and of one revision unless told otherwise."""
    done = {
        "replicas": 3,
        "readyReplicas": 3,
        "currentReplicas": 3,
        "currentRevision": "a",
        "updateRevision": "a",
    }
    return obj(
        "apps/v1",
        "StatefulSet",
        "db",
        generation=generation,
        spec={"replicas": 3, "updateStrategy": {"type": strategy}},
        status={"observedGeneration": generation, **done, **status},
    )


@pytest.mark.parametrize(
    ("found", "line", "reasons"),
    [
        (
            stateful_set(readyReplicas=1, currentReplicas=2),
            "[1/2] Waiting for StatefulSet to create Pods (1/3 Pods ready)",
            ["1 out of 3 replicas succeeded readiness checks"],
        ),
        (
            stateful_set(generation=2, updatedReplicas=1, updateRevision="b", currentReplicas=2),
            "[1/3] Waiting for StatefulSet update to roll out (1/3 Pods ready)",
            [
                "1 out of 3 replicas succeeded readiness checks",
                'StatefulSet controller failed to advance from revision "a" to revision "b"',
            ],
        ),
        (
            stateful_set(generation=2, updatedReplicas=3, updateRevision="b"),
            "[2/3] Waiting for StatefulSet to update .status.currentRevision",
            ['StatefulSet controller failed to advance from revision "a" to revision "b"'],
        ),
    ],
)
def test_a_stateful_set_tells_how_far_it_is(found: Object, line: str, reasons: list[str]) -> None:
    verdict = statefulsets.judge(Observed(found))
    assert (told(verdict), verdict.reasons) == ([line], reasons)


def test_a_stateful_set_is_ready_with_all_replicas_of_the_newest_revision() -> None:
    assert statefulsets.judge(Observed(stateful_set(generation=2))).ready
    by_hand = stateful_set(generation=2, strategy="OnDelete", updateRevision="b", currentReplicas=0)
    assert statefulsets.judge(Observed(by_hand)).ready


def test_a_stateful_set_that_cannot_create_pods_tells_why() -> None:
    db = stateful_set(readyReplicas=0)
    refusal = samples.event(db, "FailedCreate", "create Pod db-0 failed: exceeded quota: small")
    verdict = statefulsets.judge(Observed(db, events=[refusal]))
    assert verdict.reasons[-1] == "[FailedCreate] create Pod db-0 failed: exceeded quota: small"


def daemon_set(**status: int) -> Object:
    """Two nodes, both served unless told otherwise."""
    names = ("desired", "current", "updated")
    done = {f"{name}NumberScheduled": 2 for name in names} | {"numberAvailable": 2, "numberReady": 2}
    return obj(
        "apps/v1", "DaemonSet", "agent", generation=1, status={"observedGeneration": 1, **done, **status}
    )


def test_a_daemon_set_needs_every_node() -> None:
    assert told(daemonsets.judge(Observed(daemon_set()))) == [
        "All replicas scheduled as expected. Replicas: 2"
    ]
    agent = daemon_set(numberAvailable=1)
    pod = unready_pod("agent-x", samples.PULLING, owner=agent)
    verdict = daemonsets.judge(Observed(agent, {"Pod": [pod]}))
    assert verdict.reasons == [
        "Available: 1/2",
        f"{unready('agent-x')}[ImagePullBackOff] {samples.PULL_ERROR}",
    ]


def test_a_job_is_ready_when_complete() -> None:
    verdict = jobs.judge(Observed(samples.job(condition("Complete"), succeeded=1)))
    assert verdict.ready
    assert told(verdict) == [
        'Waiting for Job "shop/migrate" to start',
        'Waiting for Job "shop/migrate" to succeed (Active: 0 | Succeeded: 1 | Failed: 0)',
    ]


@pytest.mark.parametrize("reason", ["BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy"])
def test_a_failed_job_is_given_up_with_its_pods_last_words(reason: str) -> None:
    job = samples.job(condition("Failed", "True", reason, "Job has failed"), failed=1)
    pod = unready_pod(
        "migrate-x", container(state={"terminated": {"exitCode": 2, "reason": "Error"}}), owner=job
    )
    verdict = jobs.judge(Observed(job, {"Pod": [pod]}))
    assert verdict.failed
    assert verdict.reasons == [
        f"[{reason}] Job has failed",
        f'{unready("migrate-x")}container "web" completed with exit code 2',
    ]
    assert not any("unready status" in line for line in told(verdict)), "part of every Job's run"


def replication_controller(**status: int) -> Object:
    return obj(
        "v1",
        "ReplicationController",
        "old",
        generation=1,
        spec={"replicas": 2},
        status={"observedGeneration": 1, **status},
    )


def test_a_replication_controller_needs_all_replicas() -> None:
    judge = others.judge_replication_controller
    assert judge(Observed(replication_controller(availableReplicas=2))).ready
    assert judge(Observed(replication_controller(availableReplicas=1))).reasons == [
        "1 out of 2 replicas are available"
    ]


def complete_deployment() -> tuple[Judge, Observed]:
    web = samples.deployment(conditions=AVAILABLE)
    return deployments.judge, Observed(web, {"ReplicaSet": [samples.replica_set(web, ready=1)]})


COMPLETE: list[tuple[Judge, Observed]] = [
    complete_deployment(),
    (statefulsets.judge, Observed(stateful_set())),
    (daemonsets.judge, Observed(daemon_set())),
    (others.judge_replication_controller, Observed(replication_controller(availableReplicas=2))),
]


@given(st.sampled_from(COMPLETE), st.integers(1, 10), st.none() | st.integers(0, 10))
def test_no_status_of_an_older_generation_is_trusted(
    complete: tuple[Judge, Observed], generation: int, seen: int | None
) -> None:
    judge, observed = complete
    changed = copy.deepcopy(observed.object)
    changed["metadata"]["generation"] = generation
    changed["status"]["observedGeneration"] = seen
    if seen is None:
        del changed["status"]["observedGeneration"]
    verdict = judge(Observed(changed, observed.related))
    assert verdict.ready == (seen is not None and seen >= generation) or judge is daemonsets.judge
    assert verdict.ready or verdict.why()


COUNTS = st.integers(0, 3)


@given(
    ready=COUNTS, available=st.booleans(), rolled_out=st.booleans(), revision=st.sampled_from(["", "1", "2"])
)
def test_a_deployment_that_is_not_ready_always_tells_why(
    ready: int, available: bool, rolled_out: bool, revision: str
) -> None:
    found = [AVAILABLE[0] if available else UNAVAILABLE[0], AVAILABLE[1] if rolled_out else UNAVAILABLE[1]]
    web = samples.deployment(replicas=2, revision=revision, conditions=found)
    verdict = judged(web, samples.replica_set(web, ready=ready, replicas=2, revision=revision or "1"))
    assert verdict.ready or verdict.reasons
    if verdict.ready:
        assert ready >= 2 and available


def test_only_own_objects_count() -> None:
    web, other = samples.deployment("web", conditions=AVAILABLE), samples.deployment("other")
    assert not judged(web, samples.replica_set(other, ready=1)).ready
    assert owned(other) != owned(web)
