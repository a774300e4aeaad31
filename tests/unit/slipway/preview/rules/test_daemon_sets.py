"""Capacity for the pods of DaemonSets: one on each node that may run them."""

from typing import Any

import pytest

from slipway.cluster.capacity import Capacity, Node, Quota
from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op

GIB = 2**30


def node(name: str, cpu: float, **labels: str) -> Node:
    return Node(name, 4, 8 * GIB, cpu, 4 * GIB, {"name": name, **labels})


def agent(cpu: str, **spec: Any) -> dict[str, Any]:
    pod = {
        "containers": [{"name": "agent", "image": "agent@sha256:1", "resources": {"requests": {"cpu": cpu}}}]
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"template": {"spec": {**pod, **spec.pop("pod", {})}}, **spec},
    }


def problems(
    old: dict[str, Any],
    new: dict[str, Any],
    *others: Change,
    nodes: tuple[Node, ...] = (node("a", 1), node("b", 0.25)),
    quotas: tuple[Quota, ...] = (),
) -> list[str]:
    op = Op.UPDATE if old else Op.CREATE
    change = Change("urn::agent", "kubernetes:apps/v1:DaemonSet", op, "", old, new, {})
    found = consequences(Situation((change, *others), cluster=Capacity(nodes, quotas)))
    return [item.reason for item in found if item.concern == "capacity" and item.level is Level.ATTENTION]


def test_a_new_daemon_set_needs_capacity_on_every_node() -> None:
    assert problems({}, agent("500m")) == [
        "DaemonSet agent needs CPU 500m, memory 0 more on each of 2 nodes, but b has too little free"
        " capacity: 1 pod will stay pending"
    ]
    assert not problems({}, agent("250m"))


def test_only_nodes_that_may_run_it_count() -> None:
    selective = agent("500m", pod={"nodeSelector": {"name": "a"}})
    assert not problems({}, selective)


@pytest.mark.parametrize(("cpu", "fits"), [("550m", True), ("600m", False)])
def test_a_larger_pod_takes_the_place_of_the_old_one(cpu: str, fits: bool) -> None:
    """Its predecessor stops first, so that only the difference has to be free."""
    assert (not problems(agent("300m"), agent(cpu))) is fits


def test_a_surge_needs_capacity_for_both() -> None:
    surge = {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    assert problems(agent("300m", **surge), agent("301m", **surge))
    assert not problems(agent("300m", **surge), agent("300m", **surge, minReadySeconds=5))


def test_a_daemon_set_on_more_nodes() -> None:
    before, after = agent("500m", pod={"nodeSelector": {"name": "a"}}), agent("500m")
    [reason] = problems(before, after)
    assert "b has too little free capacity" in reason


def test_what_it_takes_is_not_left_for_others() -> None:
    pod = {"containers": [{"name": "web", "resources": {"requests": {"cpu": "1"}}}]}
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": pod}},
    }
    deployment = Change("urn::web", "kubernetes:apps/v1:Deployment", Op.CREATE, "", {}, web, {})
    [reason] = problems({}, agent("100m"), deployment)
    assert reason.startswith("Deployment web needs capacity for 1 additional pod")


def test_its_pods_count_for_quotas() -> None:
    quotas = (Quota("pods", "shop", {"pods": 1}),)
    [reason] = problems({}, agent("100m"), quotas=quotas)
    assert reason == "ResourceQuota pods has too little left of pods: new pods are rejected"
    assert not problems(agent("100m"), agent("110m"), quotas=(Quota("pods", "shop", {"pods": 0}),))
