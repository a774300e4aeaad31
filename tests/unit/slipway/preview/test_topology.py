"""The picture's nodes and edges: what counts as a change of the ways in, or to data."""

import copy
from typing import Any

import pytest

from slipway.preview.rules import Situation
from slipway.preview.topology.compare import MOST, topology
from slipway.pulumi.events import summarise
from tests.e2e.slipway.corpus.cases import cases
from tests.unit.slipway.engine import UNKNOWN, step
from tests.unit.slipway.preview.kubernetes_objects import (
    accepting,
    changed,
    ingress,
    made,
    named,
    picture,
    pods,
    route,
    service,
)

CORPUS = {case.name: case for case in cases()}
SYSTEM = [pods(), service(), ingress()]


class TestOrdinaryReleases:
    """The picture is left out."""

    @pytest.mark.parametrize(
        "after",
        [
            pods(image="b"),
            {**pods(), "spec": {**pods()["spec"], "replicas": 3}},
            {**pods(), "metadata": {"name": "web", "labels": {"team": "shop"}}},
        ],
        ids=["image", "replicas", "label"],
    )  # fmt: skip
    def test_pods(self, after: dict[str, Any]) -> None:
        assert picture([pods(), service(), ingress()], [after, service(), ingress()]) is None

    def test_jobs(self) -> None:
        jobs = [pods("migrate-1", "Job")], [pods("migrate-2", "Job")]
        assert picture([*SYSTEM, *jobs[0]], [*SYSTEM, *jobs[1]]) is None

    @pytest.mark.parametrize(
        "name",
        [
            "a new version of both web services", "another image for the Redis with a volume",
            "another image for the nightly job", "an environment variable more", "a longer time to stop",
            "another text in a ConfigMap that pods read", "more memory allowed",
        ],
    )  # fmt: skip
    def test_recorded_releases(self, name: str) -> None:
        summary = summarise(CORPUS[name].events())
        changes = tuple(change for change in summary.changes if change.custom)
        assert changes
        assert topology(Situation(changes, summary.unchanged)) is None

    def test_other_objects(self) -> None:
        assert picture(SYSTEM, [*SYSTEM, made("ConfigMap", "settings")]) is None


class TestDoors:
    def test_node_port(self) -> None:
        assert changed([pods(), service()], [pods(), service(type="NodePort")]) == {
            "+ NodePort web", "+ outside > web", "+ web > web",
        }  # fmt: skip

    def test_closed_again(self) -> None:
        closed = changed([pods(), service(type="LoadBalancer")], [pods(), service()])
        assert "- LoadBalancer web" in closed

    def test_source_ranges(self) -> None:
        limited = service(type="LoadBalancer", loadBalancerSourceRanges=["10.0.0.0/8"])
        lost = changed([pods(), limited], [pods(), service(type="LoadBalancer")])
        assert lost == {"~ LoadBalancer web", "- only from 10.0.0.0/8"}

    def test_tls(self) -> None:
        secured = ingress(tls=[{"hosts": ["a.example"]}])
        assert changed([pods(), service(), secured], SYSTEM) == {
            "~ Ingress door", "- https://a.example/", "+ http://a.example/",
        }  # fmt: skip

    def test_login(self) -> None:
        key = "nginx.ingress.kubernetes.io/auth-type"
        secured = {**ingress(), "metadata": {"name": "door", "annotations": {key: "basic"}}}
        lost = changed([pods(), service(), secured], SYSTEM)
        assert lost == {"~ Ingress door", "- login: auth-type"}

    def test_service_port_that_an_ingress_names(self) -> None:
        moved = service(ports=[{"port": 8080, "targetPort": "http"}])
        assert "- door > web" in changed(SYSTEM, [pods(), moved, ingress()])

    def test_container_port_that_a_service_names(self) -> None:
        container = {"name": "main", "image": "a", "ports": [{"name": "www", "containerPort": 5000}]}
        assert changed(SYSTEM, [pods(containers=[container]), service(), ingress()]) == {"- web > web"}

    def test_gateway(self) -> None:
        listeners = [{"protocol": "HTTP", "port": 80}]
        gateway = made("Gateway", "edge", {"listeners": listeners})
        opened = changed([pods(), service()], [pods(), service(), gateway, route()])
        assert {"+ edge > r", "+ r > web", "+ outside > edge"} <= opened
        assert "+ outside > r" not in opened

    def test_gateway_of_somebody_else(self) -> None:
        assert "+ outside > r" in changed([pods(), service()], [pods(), service(), route()])

    @pytest.mark.parametrize(
        ("after", "door"),
        [
            (pods(hostNetwork=True), "+ every port of the pods"),
            (pods(containers=[{"name": "main", "ports": [{"hostPort": 8080}]}]), "+ port 8080"),
        ],
    )
    def test_ports_of_nodes(self, after: dict[str, Any], door: str) -> None:
        drawn = picture([pods()], [after])
        assert drawn
        [node] = [node for node in drawn.nodes if node.kind == "port of the node"]
        assert [f"+ {fact.text}" for fact in node.facts] == [door]


class TestData:
    def test_claims(self) -> None:
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "disk"}}
        claim = made("PersistentVolumeClaim", "disk")
        opened = changed([pods(), claim], [pods(volumes=[volume]), claim])
        assert opened == {"+ web > disk"}

    def test_a_replaced_claim_starts_empty(self) -> None:
        old, new = made("PersistentVolumeClaim", "disk"), made("PersistentVolumeClaim", "disk", {"a": 1})
        events = [step("replace", "kubernetes:core/v1:PersistentVolumeClaim", "disk", old, new)]
        drawn = topology(Situation(summarise(events).changes))
        assert drawn and drawn.nodes[0].facts[0].text == "is replaced: starts empty"

    def test_directories_of_the_node(self) -> None:
        volume = {"name": "root", "hostPath": {"path": "/"}}
        assert "+ web > /" in changed([pods()], [pods(volumes=[volume])])


def test_values_that_are_unknown_connect_nothing() -> None:
    hidden = [
        service(selector=UNKNOWN, ports=UNKNOWN, type="NodePort"),
        accepting("web", {"podSelector": UNKNOWN}),
    ]
    drawn = picture([pods(), pods("redis")], [pods(), pods("redis"), *hidden])
    assert drawn
    names = {node.id: node.kind for node in drawn.nodes}
    assert "Deployment" not in {names[edge.target] for edge in drawn.edges if names[edge.source] == "Service"}


def test_a_large_picture_has_the_changed_parts_and_their_neighbours() -> None:
    system = [item for number in range(60) for item in (pods(f"w{number}"), service(f"w{number}"))]
    drawn = picture(system, [*system, service("w7", type="NodePort")])
    assert drawn
    assert {node.name for node in drawn.nodes} == {"outside", "w7"}
    assert len(drawn.nodes) + drawn.left_out == 2 + 2 * 60


def test_a_picture_never_has_more_nodes_than_people_can_read() -> None:
    system = [item for number in range(60) for item in (pods(f"w{number}"), service(f"w{number}"))]
    drawn = picture([], system)
    assert drawn and len(drawn.nodes) == MOST
    ids = {node.id for node in drawn.nodes}
    assert {end for edge in drawn.edges for end in (edge.source, edge.target)} <= ids


WHOLE = [
    pods(volumes=[{"name": "a", "persistentVolumeClaim": {"claimName": "a"}}, {"hostPath": {"path": "/"}}]),
    service(type="LoadBalancer", loadBalancerSourceRanges=["10.0.0.0/8"], externalIPs=["192.0.2.1"]),
    ingress(tls=[{"hosts": ["a.example"]}], ingressClassName="nginx"),
    route(),
    made("Gateway", "edge", {"listeners": [{"protocol": "HTTP", "port": 80, "hostname": "a.example"}]}),
    made("PersistentVolumeClaim", "a"),
    accepting("web", named("web"), {"ipBlock": {"cidr": "10.0.0.0/8"}}, {"namespaceSelector": {}}),
]


def paths(value: Any) -> list[tuple[Any, ...]]:
    """Return the path of every value within a value."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [(), *((key, *path) for key, item in entries for path in paths(item))]


@pytest.mark.parametrize(
    "value", [None, "x", 7, True, [], {}, ["x"], {"x": "y"}, [None], [{"x": []}], UNKNOWN]
)
def test_no_value_breaks_a_report(value: Any) -> None:
    """Manifests may contain anything: unknown values, and mistakes that only the API server refuses."""
    for number, item in enumerate(WHOLE):
        for path in paths(item["spec"])[1:]:
            broken = copy.deepcopy(item)
            *parents, last = ("spec", *path)
            target: Any = broken
            for key in parents:
                target = target[key]
            target[last] = value
            others = [other for other in WHOLE[:number] + WHOLE[number + 1 :] if other is not item]
            assert picture([*others, item], [*others, broken, service("new")]), path
