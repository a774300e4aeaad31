"""What rules say of changes that the API server will not have previewed, and of what is not Kubernetes."""

from typing import Any

import pytest

from slipway.preview.rules import Cluster, Consequence, Node, Quota, Situation, consequences
from slipway.preview.rules import quantities as q
from slipway.pulumi.events import summarise
from tests.unit.slipway.engine import UNKNOWN, step

DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
IMAGE = {"spec.template.spec.containers[0].image": "update"}


def workload(kind: str = "Deployment", image: str = "web@sha256:1", **spec: Any) -> dict[str, Any]:
    container = {"name": "web", "image": image, "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "template": template, **spec},
    }


def told(*events: Any, cluster: Cluster | None = None, commits: tuple[str, ...] = ()) -> list[Consequence]:
    found = summarise(events)
    return list(consequences(Situation(found.changes, found.unchanged, cluster, commits)))


def of(level: str, found: list[Consequence]) -> list[str]:
    return [one.concern for one in found if one.level == level]


def test_recreate_stops_everything_at_once() -> None:
    strategy: dict[str, Any] = {"strategy": {"type": "Recreate"}}
    new = workload(image="web@sha256:2", **strategy)
    assert of("dangerous", told(step("update", DEPLOYMENT, "web", workload(), new, IMAGE))) == ["downtime"]
    later = told(
        step("update", DEPLOYMENT, "web", workload(), workload(**strategy), {"spec.strategy": "update"})
    )
    assert of("dangerous", later) == []
    assert of("attention", later) == ["downtime"]


def test_a_stateful_set_of_several_loses_one_member_at_a_time() -> None:
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    old, new = (workload("StatefulSet", f"web@sha256:{one}", **claims) for one in "12")
    found = told(step("update", "kubernetes:apps/v1:StatefulSet", "web", old, new, IMAGE))
    assert of("dangerous", found) == []
    assert of("attention", found) == ["downtime"]


@pytest.mark.parametrize(
    ("kind", "dangerous"),
    [
        ("aws:rds/instance:Instance", True),
        ("kubernetes:example.com/v1:Database", True),
        ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", True),
        ("docker-build:index:Image", False),
        ("pulumi:providers:kubernetes", False),
    ],
)
def test_what_no_rule_knows_may_hold_something(kind: str, dangerous: bool) -> None:
    inputs = {"kind": "X", "apiVersion": "v1"} if kind.startswith("kubernetes:") else {"a": 1}
    assert ("data" in of("dangerous", told(step("delete", kind, "x", inputs)))) is dangerous
    assert not of("dangerous", told(step("delete", kind, "x", inputs, retainOnDelete=True)))


def test_a_claim_that_the_program_lets_go_of_is_said_to_stay() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-cache-0"}}
    kind = "kubernetes:core/v1:PersistentVolumeClaim"
    [found] = told(step("delete", kind, "cache-data", claim, retainOnDelete=True))
    assert (found.level, found.concern) == ("safe", "data")
    assert found.reason == "PersistentVolumeClaim data-cache-0 stays in the cluster, but leaves the stack"


def test_an_image_that_is_to_be_built_is_told_by_its_tag_with_the_commits_in_it() -> None:
    old = workload(image="host:5000/web:0000000000000000@sha256:1")
    tags = [{"tags": ["host:5000/web:0000000000000000"]}, {"tags": ["host:5000/web:1111111111111111"]}]
    found = told(
        step("update", "docker-build:index:Image", "web", tags[0], tags[1], {"tags": "update"}),
        step("update", DEPLOYMENT, "web", old, workload(image=UNKNOWN), IMAGE),
        commits=("abc Change a line",),
    )
    [image] = [one for one in found if one.concern == "image"]
    assert image.reason.endswith("→ host:5000/web:111111111111 (to be built)")
    assert image.details == ("abc Change a line",)


@pytest.mark.parametrize(("free", "fits"), [(0.6, True), (0.4, False)])
def test_surge_has_to_find_room_on_a_node(free: float, fits: bool) -> None:
    cluster = Cluster((Node("a", 2, 4 * 2**30, free, 2**30), Node("b", 2, 4 * 2**30, 0.1, 2**30)))
    new = workload(image="web@sha256:2")
    found = told(step("update", DEPLOYMENT, "web", workload(), new, IMAGE), cluster=cluster)
    assert ("capacity" in of("attention", found)) is not fits


@pytest.mark.parametrize(
    ("left", "fits"), [({"pods": 1}, True), ({"pods": 0}, False), ({"requests.cpu": 0.4}, False)]
)
def test_surge_has_to_find_room_in_the_quota(left: dict[str, float], fits: bool) -> None:
    cluster = Cluster((Node("a", 9, 2**40, 9, 2**40),), (Quota("quota", "shop", left),))
    new = workload(image="web@sha256:2")
    found = told(step("update", DEPLOYMENT, "web", workload(), new, IMAGE), cluster=cluster)
    assert ("capacity" in of("attention", found)) is not fits


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", 0.25),
        ("1", 1),
        ("1.5", 1.5),
        ("128Mi", 2**27),
        ("1Gi", 2**30),
        ("1k", 1000),
        ("2e3", 2000),
        (None, 0),
        ("x", 0),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str | None, number: float) -> None:
    assert q.amount(text) == number


@pytest.mark.parametrize(
    ("share", "up", "pods"), [("25%", True, 1), ("25%", False, 0), (2, True, 2), ("100%", False, 3)]
)
def test_shares_are_rounded_as_deployments_do(share: int | str, up: bool, pods: int) -> None:
    assert q.share(share, 3, up=up) == pods


def test_a_service_behind_another_kind_of_selector_is_left_alone() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}}
    labelled = {**service, "metadata": {"name": "s", "labels": {"a": "b"}}}
    assert told(step("update", SERVICE, "s", service, labelled, {"metadata.labels": "add"})) == []


def test_closing_a_namespace_cuts_off_nobody_where_nobody_is_yet() -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    closed = step("create", "kubernetes:networking.k8s.io/v1:NetworkPolicy", "shop", None, policy)
    made = step("create", "kubernetes:core/v1:Namespace", "shop", None, namespace)
    assert of("dangerous", told(closed)) == ["downtime", "downtime"]
    assert of("dangerous", told(made, closed)) == []


def test_what_never_got_ready_is_applied_again_which_is_said() -> None:
    found = told(step("update", DEPLOYMENT, "web", workload(), workload()))
    assert of("attention", found) == ["configuration"]
    assert of("safe", told(step("same", DEPLOYMENT, "web", workload(), workload()))) == []


@pytest.mark.parametrize(
    ("before", "after", "lost"), [(0, 1, True), (1, 0, True), (0, 0, True), (1, 1, False)]
)
def test_data_is_lost_unless_the_old_and_the_new_pods_have_the_volume(
    before: int, after: int, lost: bool
) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}]
    old, new = (workload("StatefulSet") for _ in range(2))
    for one, number in ((old, before), (new, after)):
        one["spec"]["template"]["spec"]["volumes"] = volumes[:number]
    volume = {"spec.template.spec.volumes": "update"}
    found = told(step("update", "kubernetes:apps/v1:StatefulSet", "web", old, new, volume))
    assert ("data" in of("dangerous", found)) is lost
