"""The rollouts of workloads, and their pods, with a fake cluster."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject
from slipway.cluster.rollout import pods_of, rollout_problems
from slipway.errors import SlipwayError

REFUSED = 'pods "web-5d8f-" is forbidden: maximum cpu usage per Container is 250m, but limit is 500m'


class FakeCluster:
    """A cluster that returns the same objects, or refuses, and keeps the last request."""

    def __init__(self, *objects: Object, refuses: bool = False) -> None:
        self.objects, self.refuses = objects, refuses
        self.words: Sequence[str] = ()

    def get(self, *words: str) -> list[Object]:
        self.words = words
        if self.refuses:
            raise SlipwayError("events is forbidden")
        return list(self.objects)


def workload(kind: str, status: dict[str, Any], **selector: Any) -> Object:
    return {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": "7", "generation": 1},
        "spec": {"replicas": 2, "selector": selector or {"matchLabels": {"app": "web"}}},
        "status": {"observedGeneration": 1, **status},
    }


def problems(current: Object, cluster: FakeCluster) -> list[str]:
    item = StackObject("urn", "apps/v1", current["kind"], "shop", "web", current)
    return list(rollout_problems(cast(Cluster, cluster), [item], {item.key: current}))


def condition(kind: str, status: str, message: str) -> Object:
    return {"type": kind, "status": status, "message": message}


class TestRefusal:
    """The API server's sentence about pods that it refuses is part of the problem."""

    @pytest.mark.parametrize(
        ("progressing", "text"),
        [
            (condition("Progressing", "True", "new ReplicaSet"), "has 0 of 2 pods of its current version"),
            (condition("Progressing", "False", "timed out"), "makes no progress: timed out"),
        ],
    )
    def test_deployment(self, progressing: Object, text: str) -> None:
        """Before and after its deadline for progress."""
        conditions = [condition("ReplicaFailure", "True", REFUSED), progressing]
        current = workload("Deployment", {"conditions": conditions})
        assert problems(current, FakeCluster()) == [f"Deployment web {text}: {REFUSED}"]

    def test_deployment_whose_pods_are_admitted_again(self) -> None:
        current = workload("Deployment", {"conditions": [condition("ReplicaFailure", "False", REFUSED)]})
        assert problems(current, FakeCluster()) == ["Deployment web has 0 of 2 pods of its current version"]

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("StatefulSet", {"replicas": 1, "updatedReplicas": 1}),
            ("DaemonSet", {"desiredNumberScheduled": 2, "currentNumberScheduled": 1}),
        ],
    )
    def test_others(self, kind: str, status: dict[str, Any]) -> None:
        """They have no condition for it; the latest event counts."""
        events: list[Object] = [
            {"lastTimestamp": "2026-01-01T10:00:01Z", "message": REFUSED},
            {"lastTimestamp": None, "eventTime": "2026-01-01T10:00:00.5Z", "message": "exceeded quota"},
        ]
        current, cluster = workload(kind, status), FakeCluster(*events)
        [problem] = problems(current, cluster)
        assert problem.endswith(f"of its current version: {REFUSED}")
        assert f"involvedObject.kind={kind},involvedObject.name=web" in cluster.words[-1]
        [problem] = problems(current, FakeCluster(refuses=True))
        assert problem.endswith("of its current version")

    def test_old_events_are_not_read_when_no_pod_is_missing(self) -> None:
        cluster = FakeCluster({"message": REFUSED})
        [problem] = problems(workload("StatefulSet", {"replicas": 2, "updatedReplicas": 1}), cluster)
        assert not cluster.words and REFUSED not in problem


class TestPods:
    """The pods of a workload are those of its selector, and of its controller."""

    def test_selector(self) -> None:
        """Expressions count too: without them, every pod of the namespace would match."""
        expressions = [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "track", "operator": "NotIn", "values": ["canary"]},
            {"key": "app", "operator": "Exists"},
            {"key": "old", "operator": "DoesNotExist"},
        ]
        cluster = FakeCluster()
        pods_of(cast(Cluster, cluster), workload("Deployment", {}, matchExpressions=expressions))
        assert cluster.words[-1] == "tier in (a,b),track notin (canary),app,!old"

    @pytest.mark.parametrize(
        ("kind", "owner", "name", "own"),
        [
            ("Deployment", "ReplicaSet", "web-5d8f", True),
            ("Deployment", "ReplicaSet", "web-canary-5d8f", False),
            ("Deployment", "Job", "web-5d8f", False),
            ("StatefulSet", "StatefulSet", "web", True),
            ("StatefulSet", "Job", "web", False),
            ("DaemonSet", "DaemonSet", "other", False),
        ],
    )
    def test_owner(self, kind: str, owner: str, name: str, own: bool) -> None:
        """A Job of the old version, with the labels of the web service, is not the web service."""
        references = [{"kind": owner, "name": name, "controller": True}]
        metadata = {"name": "p", "labels": {"pod-template-hash": "5d8f"}, "ownerReferences": references}
        pods = pods_of(cast(Cluster, FakeCluster({"metadata": metadata})), workload(kind, {}))
        assert bool(pods) == own

    def test_pod_without_a_controller(self) -> None:
        """Its Service sends requests to it."""
        bare: Object = {"metadata": {"name": "p", "labels": {}}}
        assert pods_of(cast(Cluster, FakeCluster(bare)), workload("Deployment", {})) == [bare]
