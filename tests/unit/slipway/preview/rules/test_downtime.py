"""Rollouts that may stop all pods at once: of DaemonSets by their nodes, of StatefulSets by their number."""

from typing import Any

import pytest

from slipway.cluster.capacity import Capacity, Node
from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op

GIB = 2**30
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
EVERYWHERE = "may stop its pods on all nodes before new ones are ready"


def nodes(number: int) -> Capacity:
    return Capacity(tuple(Node(str(index), 2, GIB, 2, GIB, {"name": str(index)}) for index in range(number)))


def release(
    kind: str,
    update: dict[str, Any],
    *,
    cluster: Capacity | None = None,
    served: bool = True,
    ports: tuple[Any, ...] = (),
    **pod: Any,
) -> dict[str, Level]:
    """Return what a report says about downtime when pods get a new image."""
    old, new = (
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 4,
                "updateStrategy": {"rollingUpdate": update},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": image, "ports": list(ports)}], **pod},
                },
            },
        }
        for image in ("web@sha256:1", "web@sha256:2")
    )
    change = Change("urn::web", f"kubernetes:apps/v1:{kind}", Op.UPDATE, "", old, new, {})
    service = Change("urn::service", "kubernetes:core/v1:Service", Op.SAME, "", SERVICE, SERVICE, {})
    found = consequences(Situation((change,), (service,) if served else (), cluster))
    return {
        item.reason.removeprefix(f"{kind} web "): item.level for item in found if item.concern == "downtime"
    }


@pytest.mark.parametrize(
    ("update", "cluster"),
    [
        ({"maxUnavailable": "100%"}, nodes(3)),
        ({"maxUnavailable": "100%"}, None),
        ({"maxUnavailable": 3}, nodes(3)),
        ({}, nodes(1)),
    ],
)
def test_a_daemon_set_that_stops_on_all_nodes(update: dict[str, Any], cluster: Capacity | None) -> None:
    assert release("DaemonSet", update, cluster=cluster) == {EVERYWHERE: Level.DANGEROUS}
    level = release("DaemonSet", update, cluster=cluster, served=False)
    assert level == ({EVERYWHERE: Level.ATTENTION} if update else {})
    host_port = {"containerPort": 80, "hostPort": 80}
    found = release("DaemonSet", update, cluster=cluster, served=False, ports=(host_port,))
    assert found == {EVERYWHERE: Level.DANGEROUS}


def test_a_daemon_set_of_one_of_several_nodes() -> None:
    found = release("DaemonSet", {}, cluster=nodes(3), nodeSelector={"name": "1"})
    assert found == {EVERYWHERE: Level.DANGEROUS}


@pytest.mark.parametrize(
    ("update", "cluster"),
    [
        ({}, nodes(3)),
        ({}, None),
        ({"maxUnavailable": "50%"}, nodes(3)),
        ({"maxSurge": 1, "maxUnavailable": 0}, nodes(1)),
    ],
)
def test_a_daemon_set_that_keeps_serving(update: dict[str, Any], cluster: Capacity | None) -> None:
    assert not release("DaemonSet", update, cluster=cluster)


@pytest.mark.parametrize(
    ("limit", "reason", "level"),
    [
        (1, "restarts its pods one at a time: one is always missing meanwhile", Level.ATTENTION),
        ("30%", "restarts its pods 2 at a time: 2 are always missing meanwhile", Level.ATTENTION),
        ("100%", "may stop all 4 pods before new ones are ready", Level.DANGEROUS),
        (5, "may stop all 4 pods before new ones are ready", Level.DANGEROUS),
    ],
)
def test_a_stateful_set_that_stops_several_pods_at_a_time(limit: Any, reason: str, level: Level) -> None:
    assert release("StatefulSet", {"maxUnavailable": limit}) == {reason: level}
