"""Rules, for changes that the recorded corpus does not contain."""

from typing import Any

import pytest

from slipway.cluster import quantities
from slipway.cluster.capacity import Capacity, Node, Quota, free_of
from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.preview.rules.scheduling import may_run
from slipway.preview.rules.workloads import share
from slipway.pulumi.events import summarise
from tests.unit.slipway.engine import UNKNOWN, step

DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
DAEMON_SET, STATEFUL_SET = "kubernetes:apps/v1:DaemonSet", "kubernetes:apps/v1:StatefulSet"
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


def report(*events: Any, cluster: Capacity | None = None, commits: tuple[str, ...] = ()) -> list[Consequence]:
    summary = summarise(events)
    return list(consequences(Situation(summary.changes, summary.unchanged, cluster, commits)))


def concerns(level: Level, found: list[Consequence]) -> list[str]:
    return [consequence.concern for consequence in found if consequence.level is level]


def dangers(*events: Any) -> list[str]:
    return concerns(Level.DANGEROUS, report(*events))


def test_levels_are_ordered() -> None:
    assert sorted([Level.DANGEROUS, Level.SAFE, Level.ATTENTION]) == list(Level)
    assert max(Level) is Level.DANGEROUS


def test_recreate_stops_all_pods() -> None:
    strategy: dict[str, Any] = {"strategy": {"type": "Recreate"}}
    new = workload(image="web@sha256:2", **strategy)
    assert dangers(step("update", DEPLOYMENT, "web", workload(), new, IMAGE)) == ["downtime"]
    later = report(
        step("update", DEPLOYMENT, "web", workload(), workload(**strategy), {"spec.strategy": "update"})
    )
    assert concerns(Level.DANGEROUS, later) == []
    assert concerns(Level.ATTENTION, later) == ["downtime"]


def test_stateful_set_restarts_one_pod_at_a_time() -> None:
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    old, new = (workload("StatefulSet", f"web@sha256:{digest}", **claims) for digest in "12")
    found = report(step("update", STATEFUL_SET, "web", old, new, IMAGE))
    assert concerns(Level.DANGEROUS, found) == []
    assert concerns(Level.ATTENTION, found) == ["downtime"]


@pytest.mark.parametrize(("limit", "nodes"), [(1, "1 node"), (2, "2 nodes")])
def test_daemon_set_names_the_nodes_at_a_time(limit: int, nodes: str) -> None:
    strategy: dict[str, Any] = {"updateStrategy": {"rollingUpdate": {"maxUnavailable": limit}}}
    old, new = (workload("DaemonSet", f"web@sha256:{digest}", **strategy) for digest in "12")
    found = report(step("update", DAEMON_SET, "web", old, new, IMAGE))
    assert f"DaemonSet web restarts its pods, {nodes} at a time" in [item.reason for item in found]


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
def test_unfamiliar_resources_may_hold_data(kind: str, dangerous: bool) -> None:
    inputs = {"kind": "X", "apiVersion": "v1"} if kind.startswith("kubernetes:") else {"a": 1}
    assert ("data" in dangers(step("delete", kind, "x", inputs))) is dangerous
    assert not dangers(step("delete", kind, "x", inputs, retainOnDelete=True))


def test_a_retained_claim_stays_in_the_cluster() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-cache-0"}}
    kind = "kubernetes:core/v1:PersistentVolumeClaim"
    [found] = report(step("delete", kind, "cache-data", claim, retainOnDelete=True))
    assert (found.level, found.concern) == (Level.SAFE, "data")
    assert found.reason == "PersistentVolumeClaim data-cache-0 leaves the stack and stays in the cluster"


def test_an_image_to_be_built_is_named_by_its_tag_with_its_commits() -> None:
    old = workload(image="host:5000/web:0000000000000000@sha256:1")
    tags = [{"tags": ["host:5000/web:0000000000000000"]}, {"tags": ["host:5000/web:1111111111111111"]}]
    found = report(
        step("update", "docker-build:index:Image", "web", tags[0], tags[1], {"tags": "update"}),
        step("update", DEPLOYMENT, "web", old, workload(image=UNKNOWN), IMAGE),
        commits=("abc Change a line",),
    )
    [image] = [consequence for consequence in found if consequence.concern == "image"]
    assert image.reason.endswith("→ host:5000/web:111111111111 (to be built)")
    assert image.details == ("abc Change a line",)


@pytest.mark.parametrize(("free", "fits"), [(0.6, True), (0.4, False)])
def test_surge_pods_need_capacity_on_a_node(free: float, fits: bool) -> None:
    cluster = Capacity((Node("a", 2, 4 * 2**30, free, 2**30), Node("b", 2, 4 * 2**30, 0.1, 2**30)))
    new = workload(image="web@sha256:2")
    found = report(step("update", DEPLOYMENT, "web", workload(), new, IMAGE), cluster=cluster)
    assert ("capacity" in concerns(Level.ATTENTION, found)) is not fits


@pytest.mark.parametrize("option", ["protect", "retainOnDelete"])
@pytest.mark.parametrize("op", ["same", "update"])
def test_a_resource_that_loses_its_protection_needs_attention(option: str, op: str) -> None:
    protects = option == "protect"
    event = step(op, DEPLOYMENT, "web", workload(), workload(), protect=protects, retainOnDelete=not protects)
    assert event.resource_pre_event
    assert not [item for item in report(event) if item.concern == "data"]
    state = event.resource_pre_event.metadata.new
    assert state
    state.protect = state.retain_on_delete = False
    [found] = [item for item in report(event) if item.concern == "data"]
    assert found.reason == f"Deployment web loses {option}: a later update may delete it"


@pytest.mark.parametrize(
    ("pod", "runs"),
    [
        ({}, False),
        ({"tolerations": [{"key": "dedicated", "operator": "Exists"}]}, True),
        ({"tolerations": [{"operator": "Exists"}]}, True),
        ({"tolerations": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]}, True),
        ({"tolerations": [{"key": "dedicated", "value": "web"}]}, False),
        ({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"disk": "ssd"}}, True),
        ({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"disk": "slow"}}, False),
    ],
)
def test_a_node_runs_pods_that_want_its_labels_and_tolerate_its_taints(
    pod: dict[str, Any], runs: bool
) -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    node = Node("a", 2, 2**30, 2, 2**30, {"disk": "ssd"}, (taint,))
    assert may_run(node, pod) is runs


def test_nodes_that_are_not_ready_have_no_capacity() -> None:
    ready, lost = (
        {
            "kind": "Node",
            "metadata": {"name": status},
            "status": {"allocatable": {"cpu": "2"}, "conditions": [{"type": "Ready", "status": status}]},
        }
        for status in ("True", "Unknown")
    )
    assert [node.name for node in free_of([ready, lost], [])] == ["True"]


@pytest.mark.parametrize(("architecture", "starts"), [("amd64", False), ("arm64", True)])
def test_an_image_needs_a_node_of_its_platform(architecture: str, starts: bool) -> None:
    image = "docker-build:index:Image"
    built = step(
        "update", image, "web", {"platforms": []}, {"platforms": ["linux/arm64"]}, {"platforms": "add"}
    )
    cluster = Capacity((Node("a", 2, 2**30, 2, 2**30, {"kubernetes.io/arch": architecture}),))
    assert ("image" in concerns(Level.ATTENTION, report(built, cluster=cluster))) is not starts


@pytest.mark.parametrize(
    ("left", "fits"), [({"pods": 1}, True), ({"pods": 0}, False), ({"requests.cpu": 0.4}, False)]
)
def test_surge_pods_need_capacity_in_the_quota(left: dict[str, float], fits: bool) -> None:
    cluster = Capacity((Node("a", 9, 2**40, 9, 2**40),), (Quota("quota", "shop", left),))
    new = workload(image="web@sha256:2")
    found = report(step("update", DEPLOYMENT, "web", workload(), new, IMAGE), cluster=cluster)
    assert ("capacity" in concerns(Level.ATTENTION, found)) is not fits


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
def test_amount(text: str | None, number: float) -> None:
    assert quantities.amount(text) == number


@pytest.mark.parametrize(
    ("value", "up", "pods"), [("25%", True, 1), ("25%", False, 0), (2, True, 2), ("100%", False, 3)]
)
def test_shares_round_as_the_deployment_controller_does(value: int | str, up: bool, pods: int) -> None:
    assert share(value, 3, up=up) == pods


def test_a_service_without_a_selector_has_no_consequences() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}}
    labelled = {**service, "metadata": {"name": "s", "labels": {"a": "b"}}}
    assert report(step("update", SERVICE, "s", service, labelled, {"metadata.labels": "add"})) == []


class TestNetworkPolicies:
    KIND = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

    def policy(self, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {"podSelector": {}, **spec},
        }

    def test_closing_a_new_namespace_is_safe(self) -> None:
        """A new namespace has no pods whose traffic the policy could block."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
        policy = self.policy(policyTypes=["Ingress", "Egress"])
        closed = step("create", self.KIND, "shop", None, policy)
        created = step("create", "kubernetes:core/v1:Namespace", "shop", None, namespace)
        assert dangers(closed) == ["downtime", "downtime"]
        assert dangers(created, closed) == []

    @pytest.mark.parametrize(
        ("peer", "text", "level"),
        [
            ({"podSelector": {"matchLabels": {"app": "a"}}}, "pods with app=a", Level.SAFE),
            ({"podSelector": {"matchLabels": {"app": "namespaces"}}}, "pods with app=namespaces", Level.SAFE),
            ({"podSelector": {}}, "all pods", Level.SAFE),
            ({"namespaceSelector": {}}, "all pods in all namespaces", Level.ATTENTION),
            (
                {
                    "podSelector": {"matchLabels": {"app": "a"}},
                    "namespaceSelector": {"matchLabels": {"n": "b"}},
                },
                "pods with app=a in namespaces with n=b",
                Level.ATTENTION,
            ),
            ({"ipBlock": {"cidr": "10.0.0.0/8"}}, "10.0.0.0/8", Level.ATTENTION),
            (
                {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}},
                "0.0.0.0/0 except 10.0.0.0/8",
                Level.ATTENTION,
            ),
            ({"ipBlock": {"cidr": "::/0"}}, "anyone over IPv6", Level.DANGEROUS),
            ({"services": {"name": "a"}}, '{"services": {"name": "a"}}', Level.ATTENTION),
        ],
    )
    def test_the_level_of_an_opening_depends_on_the_peer(
        self, peer: dict[str, Any], text: str, level: Level
    ) -> None:
        before = self.policy(policyTypes=["Ingress"])
        after = self.policy(policyTypes=["Ingress"], ingress=[{"from": [peer], "ports": [{"port": 80}]}])
        [found] = report(step("update", self.KIND, "shop", before, after, {"spec.ingress": "add"}))
        assert found.reason == f"Any other pod in namespace shop can now be reached by {text} on port 80"
        assert (found.level, found.concern) == (level, "exposure")


def test_an_object_that_was_not_ready_is_applied_again() -> None:
    found = report(step("update", DEPLOYMENT, "web", workload(), workload()))
    assert concerns(Level.ATTENTION, found) == ["configuration"]
    assert report(step("same", DEPLOYMENT, "web", workload(), workload())) == []


@pytest.mark.parametrize(
    ("before", "after", "lost"), [(0, 1, True), (1, 0, True), (0, 0, True), (1, 1, False)]
)
def test_data_survives_only_on_a_volume_of_old_and_new_pods(before: int, after: int, lost: bool) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}]
    old, new = (workload("StatefulSet") for _ in range(2))
    for manifest, number in ((old, before), (new, after)):
        manifest["spec"]["template"]["spec"]["volumes"] = volumes[:number]
    volume = {"spec.template.spec.volumes": "update"}
    assert ("data" in dangers(step("update", STATEFUL_SET, "web", old, new, volume))) is lost
