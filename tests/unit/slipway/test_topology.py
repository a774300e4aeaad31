"""The picture's nodes and edges: what counts as a change of the ways in, between pods, or to data."""

import copy
from typing import Any

import pytest

from slipway.preview.rules import Situation
from slipway.preview.topology.compare import MOST, topology
from slipway.preview.topology.model import Topology
from slipway.pulumi.events import summarise
from tests.e2e.slipway.corpus.cases import cases
from tests.unit.slipway.engine import UNKNOWN, step


def made(kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec or {}}


def pods(name: str = "web", kind: str = "Deployment", image: str = "a", **pod: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "ports": [{"name": "http", "containerPort": 5000}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **pod}}
    return made(kind, name, {"replicas": 1, "template": template})


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    return made("Service", name, {"selector": {"app": name}, "ports": ports, **spec})


def ingress(port: Any = 80, **spec: Any) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": port}}}
    rules = [{"host": "a.example", "http": {"paths": [{"path": "/", "backend": backend}]}}]
    return made("Ingress", "door", {"rules": rules, **spec})


def route(**spec: Any) -> dict[str, Any]:
    backends = [{"backendRefs": [{"name": "web", "port": 80}], "matches": [{"path": {"value": "/shop"}}]}]
    parents = [{"name": "edge"}]
    return made(
        "HTTPRoute", "r", {"hostnames": ["a.example"], "rules": backends, "parentRefs": parents, **spec}
    )


def policy(target: str, **spec: Any) -> dict[str, Any]:
    return made("NetworkPolicy", target, {"podSelector": {"matchLabels": {"app": target}}, **spec})


def accepting(target: str, *peers: Any, port: Any = 5000) -> dict[str, Any]:
    return policy(target, policyTypes=["Ingress"], ingress=[{"from": list(peers), "ports": [{"port": port}]}])


def named(name: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": name}}}


def picture(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Topology | None:
    old, new = ({(item["kind"], item["metadata"]["name"]): item for item in side} for side in (before, after))
    events = [
        step(
            "create" if key not in old else "delete" if key not in new else
            "same" if old[key] == new[key] else "update",
            f"kubernetes:core/v1:{key[0]}", key[1], old.get(key), new.get(key),
        )
        for key in {**old, **new}
    ]  # fmt: skip
    summary = summarise(events)
    return topology(Situation(summary.changes, summary.unchanged))


def changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> set[str]:
    """Return the marked edges and facts, and the marked nodes: + NodePort web."""
    drawn = picture(before, after)
    if drawn is None:
        return set()
    signs = {"added": "+", "removed": "-", "changed": "~", "same": ""}
    names = {node.id: node.name for node in drawn.nodes}
    nodes = {f"{signs[node.mark]} {node.kind} {node.name}" for node in drawn.nodes}
    facts = {f"{signs[fact.mark]} {fact.text}" for node in drawn.nodes for fact in node.facts}
    edges = {
        f"{signs[edge.mark]} {names[edge.source]} > {names[edge.target]} {edge.label}".strip()
        for edge in drawn.edges
    }
    return {text for text in nodes | facts | edges if text.startswith(tuple("+-~"))}


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


class TestTraffic:
    BOTH: list[dict[str, Any]] = [pods("web"), pods("redis")]  # noqa: RUF012

    def test_allowed_peers_are_edges(self) -> None:
        before, after = accepting("redis"), accepting("redis", named("web"))
        opened = changed([*self.BOTH, before], [*self.BOTH, after])
        assert {"+ web > redis 5000", "- accepts from anyone on 5000"} <= opened

    def test_an_edge_needs_both_directions(self) -> None:
        server = accepting("redis", named("web"))
        closed = policy("web", policyTypes=["Egress"], egress=[])
        assert "- web > redis 5000" in changed([*self.BOTH, server], [*self.BOTH, server, closed])

    def test_an_edge_needs_a_common_port(self) -> None:
        server = accepting("redis", named("web"))
        client = policy(
            "web", policyTypes=["Egress"], egress=[{"to": [named("redis")], "ports": [{"port": 1}]}]
        )
        assert "- web > redis 5000" in changed([*self.BOTH, server], [*self.BOTH, server, client])

    def test_a_named_port_is_that_of_the_container(self) -> None:
        server = accepting("redis", named("web"), port="http")
        client = policy(
            "web", policyTypes=["Egress"], egress=[{"to": [named("redis")], "ports": [{"port": 5000}]}]
        )
        assert "- may reach anyone" in changed([*self.BOTH, server], [*self.BOTH, server, client])
        assert "- web > redis 5000" not in changed([*self.BOTH, server], [*self.BOTH, server, client])

    def test_another_port(self) -> None:
        before, after = (accepting("redis", named("web"), port=port) for port in (5000, 5001))
        assert changed([*self.BOTH, before], [*self.BOTH, after]) == {"~ web > redis 5000 → 5001"}

    def test_peers_outside_of_the_stack_are_nodes(self) -> None:
        peer = {"namespaceSelector": {"matchLabels": {"team": "shop"}}}
        before, after = accepting("redis", named("web")), accepting("redis", named("web"), peer)
        opened = changed([*self.BOTH, before], [*self.BOTH, after])
        assert opened == {"+ namespaces team=shop", "+ team=shop > redis 5000"}

    def test_a_policy_for_many_pods_is_a_line_of_text(self) -> None:
        many = [pods(f"w{number}") for number in range(20)]
        for item in many:
            item["spec"]["template"]["metadata"]["labels"]["part"] = "shop"
        peer = {"podSelector": {"matchLabels": {"part": "shop"}}}
        opened = changed(
            [*many, pods("redis"), accepting("redis")], [*many, pods("redis"), accepting("redis", peer)]
        )
        assert opened == {
            "~ Deployment redis",
            "- accepts from anyone on 5000",
            "+ accepts from pods with part=shop on 5000",
        }

    @pytest.mark.parametrize("selector", [{}, {"matchLabels": {}}])
    def test_whole_namespaces(self, selector: dict[str, Any]) -> None:
        opened = accepting("redis", {"podSelector": selector})
        assert "+ accepts from all pods of its namespace on 5000" in changed(
            [*self.BOTH, accepting("redis", named("x"))], [*self.BOTH, opened]
        )

    def test_no_policy(self) -> None:
        opened = changed([pods(), service(), accepting("web", named("x"))], [pods(), service()])
        assert opened == {"~ Deployment web", "+ accepts from anyone"}

    def test_dns(self) -> None:
        ports = [{"port": 53, "protocol": "UDP"}, {"port": 53}]
        dns = policy("web", policyTypes=["Egress"], egress=[{"to": [named("dns")], "ports": ports}])
        closed = policy("web", policyTypes=["Egress"], egress=[])
        lost = changed([pods(), service(), dns], [pods(), service(), closed])
        assert lost == {"~ Deployment web", "- may reach DNS"}


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
