"""LimitRanges that refuse pods, or give them other limits."""

from typing import Any, cast

import pytest

from slipway.cluster import capacity
from slipway.cluster.capacity import Capacity, from_objects
from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.preview.preview import _capacity
from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op
from tests.unit.slipway.preview.rules.test_rules import workload


def deployment(resources: dict[str, Any], *, image: str = "web@sha256:1") -> dict[str, Any]:
    found = workload(image=image)
    found["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    return found


def limit_range(namespace: str = "shop", kind: str = "Container", **entry: Any) -> dict[str, Any]:
    metadata = {"name": "bounds", "namespace": namespace}
    limits = [{"type": kind, **entry}]
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}}


def reasons(
    old: dict[str, Any], new: dict[str, Any], *ranges: dict[str, Any], of_the_stack: bool = False
) -> list[str]:
    op = Op.UPDATE if old else Op.CREATE
    change = Change("urn::web", "kubernetes:apps/v1:Deployment", op, "", old, new, {})
    cluster = Capacity((), (), () if of_the_stack else ranges)
    unchanged = [
        Change("urn::bounds", "kubernetes:core/v1:LimitRange", Op.SAME, "", item, item, {}) for item in ranges
    ]
    found = consequences(Situation((change,), tuple(unchanged) if of_the_stack else (), cluster))
    return [item.reason for item in found if "LimitRange" in item.reason and item.level is Level.ATTENTION]


SMALL = {"requests": {"memory": "64Mi"}, "limits": {"memory": "64Mi"}}
LARGE = {"requests": {"memory": "64Mi"}, "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize("of_the_stack", [False, True])
@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({"max": {"memory": "512Mi"}}, "has limits of memory beyond the max 512Mi of"),
        ({"min": {"memory": "128Mi"}}, "has requests of memory beyond the min 128Mi of"),
        (
            {"maxLimitRequestRatio": {"memory": "4"}},
            "has a memory limit of more than 4 times its request, against",
        ),
        ({"kind": "Pod", "max": {"memory": "512Mi"}}, "has limits of memory beyond the max 512Mi of"),
    ],
)
def test_pods_beyond_the_bounds_are_refused(bounds: dict[str, Any], reason: str, of_the_stack: bool) -> None:
    expected = f"Deployment web {reason} LimitRange bounds: its new pods are refused"
    assert reasons({}, deployment(LARGE), limit_range(**bounds), of_the_stack=of_the_stack) == [expected]
    assert not reasons({}, deployment(LARGE), limit_range(namespace="other", **bounds))


def test_pods_within_the_bounds_are_accepted() -> None:
    bounds = limit_range(max={"memory": "1Gi"}, min={"memory": "64Mi"}, maxLimitRequestRatio={"memory": "16"})
    assert not reasons({}, deployment(LARGE), bounds)


def test_pods_without_limits_get_the_defaults() -> None:
    found = reasons({}, deployment({}), limit_range(default={"memory": "64Mi"}))
    assert found == ["Deployment web gets the memory limit 64Mi from LimitRange bounds, because it has none"]


def test_the_maximum_is_the_default_of_a_limit() -> None:
    """As the API server completes a LimitRange."""
    found = reasons({}, deployment({}), limit_range(max={"memory": "1Gi"}))
    assert found == ["Deployment web gets the memory limit 1Gi from LimitRange bounds, because it has none"]


def test_a_request_above_the_default_limit_is_refused() -> None:
    pods = deployment({"requests": {"memory": "1Gi"}})
    [reason] = reasons({}, pods, limit_range(default={"memory": "64Mi"}))
    assert reason == (
        "Deployment web requests more memory than the default limit 64Mi of LimitRange bounds:"
        " its new pods are refused"
    )


def test_a_range_of_the_cluster_meets_the_next_release() -> None:
    """Somebody has added it since the pods started: they run, but their successors are refused."""
    old, new = deployment(LARGE), deployment(LARGE, image="web@sha256:2")
    assert len(reasons(old, new, limit_range(max={"memory": "512Mi"}))) == 1
    scaled = {**old, "spec": {**old["spec"], "minReadySeconds": 5}}
    assert not reasons(old, scaled, limit_range(max={"memory": "512Mi"})), "no pod starts"


def test_defaults_that_stay_are_not_repeated_in_each_release() -> None:
    old, new = deployment({}), deployment({}, image="web@sha256:2")
    assert not reasons(old, new, limit_range(default={"memory": "64Mi"}))


def test_a_changed_limit_is_compared() -> None:
    bounds = limit_range(max={"memory": "512Mi"})
    assert len(reasons(deployment(SMALL), deployment(LARGE), bounds, of_the_stack=True)) == 1
    assert not reasons(deployment(LARGE), deployment(SMALL), bounds)


class Ranged:
    """A cluster that may refuse to list LimitRanges."""

    def __init__(self, refused: bool) -> None:
        self.refused = refused

    def get(self, kinds: str, *_: str, timeout_s: float) -> list[dict[str, Any]]:
        if kinds == "limitranges" and self.refused:
            raise SlipwayError("Forbidden:\ncannot list limitranges")
        return [limit_range()] if kinds == "limitranges" else []


def test_the_cluster_is_asked_for_ranges() -> None:
    assert capacity.read(cast(Cluster, Ranged(False))) == from_objects([limit_range()])


def test_an_account_that_may_not_list_ranges_is_told_so() -> None:
    """The rest of the capacity is checked all the same."""
    found = capacity.read(cast(Cluster, Ranged(True)))
    assert found.limit_ranges == ()
    assert found.unread == "cannot list limitranges"
    future: Any = type("Done", (), {"result": lambda _: (found, "it is old")})()
    assert _capacity([future]) == (
        found,
        [
            "Unsupported cluster: it is old",
            "The LimitRanges of the cluster were not checked: cannot list limitranges",
        ],
    )
