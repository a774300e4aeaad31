"""The promises of WebService by default, and the way out of each default."""

import ipaddress
from typing import Any

import pytest

from components import (
    Autoscaling,
    Compute,
    Endpoint,
    EnvVar,
    Exposure,
    Probe,
    Probes,
    Redis,
    Resources,
    Rollout,
    WebService,
)
from components.kubernetes.exposure import ServiceType
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder


def made(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: WebService("web", namespace="shop", image="shop@sha256:1", **arguments) and None)


def pod(recorder: Recorder) -> dict[str, Any]:
    spec: dict[str, Any] = recorder.one("Deployment")["spec"]["template"]["spec"]
    return spec


def container(recorder: Recorder) -> dict[str, Any]:
    [only] = pod(recorder)["containers"]
    assert isinstance(only, dict)
    return only


def test_defaults(engine: Run) -> None:
    recorder = made(engine)
    assert recorder.one("Deployment")["spec"]["replicas"] == 3
    assert recorder.one("Service")["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 5000}]
    resources = container(recorder)["resources"]
    assert {"cpu": "250m", "memory": "128Mi"}.items() <= resources["requests"].items()
    assert {"cpu": "500m", "memory": "256Mi"}.items() <= resources["limits"].items()


def test_the_autoscaler_alone_owns_the_number_of_replicas(engine: Run) -> None:
    recorder = made(engine, replicas=Autoscaling(min_replicas=2, max_replicas=5))
    assert "replicas" not in recorder.one("Deployment")["spec"]
    scaler = recorder.one("HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 5)
    assert scaler["scaleTargetRef"]["name"] == recorder.one("Deployment")["metadata"]["name"]
    assert not made(engine, replicas=2).of("HorizontalPodAutoscaler")


def test_a_new_version_never_takes_a_serving_pod_away_first(engine: Run) -> None:
    recorder = made(engine)
    assert recorder.one("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert container(recorder)["lifecycle"]["preStop"]["sleep"]["seconds"] == 5
    assert pod(recorder)["terminationGracePeriodSeconds"] > 5


def test_a_budget_is_kept_only_where_there_is_a_pod_to_spare(engine: Run) -> None:
    assert made(engine).of("PodDisruptionBudget")
    for alone in (1, 0, Autoscaling(min_replicas=1, max_replicas=9)):
        assert not made(engine, replicas=alone).of("PodDisruptionBudget")


def test_it_reaches_what_its_environment_names_and_carries_the_labels_that_admit_it(engine: Run) -> None:
    def program() -> None:
        cache = Redis("cache", namespace="shop")
        WebService("web", namespace="shop", image="i", env=[*cache.env])

    recorder = engine(program)
    reach = recorder.one("NetworkPolicy", "web")["spec"]["egress"][-1]
    assert reach["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "cache"}}}]
    [admitted] = recorder.one("NetworkPolicy", "cache")["spec"]["ingress"]
    needed = admitted["from"][0]["podSelector"]["matchLabels"].items()
    assert needed <= recorder.one("Deployment")["spec"]["template"]["metadata"]["labels"].items()


def test_without_dependencies_it_reaches_names_only(engine: Run) -> None:
    rules = made(engine).one("NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {53, 5353}
    database = [
        Endpoint(port=5432, cidr="10.1.0.0/16"),
        Endpoint(port=53, protocol="UDP", cidr="10.0.0.2/32"),
    ]
    opened = made(engine, reaches=database).one("NetworkPolicy")["spec"]["egress"]
    assert opened[: len(rules)] == rules
    assert opened[len(rules) :] == [
        {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"port": 5432, "protocol": "TCP"}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.2/32"}}], "ports": [{"port": 53, "protocol": "UDP"}]},
    ]


@pytest.mark.parametrize(
    ("cluster", "peer", "port"),
    [
        ("kube-dns", {"k8s-app": "kube-dns"}, 53),
        ("NodeLocal DNSCache", "169.254.20.10", 53),
        ("GKE Cloud DNS", "169.254.169.254", 53),
        ("AKS LocalDNS", "169.254.10.11", 53),
        ("OpenShift", {"dns.operator.openshift.io/daemonset-dns": "default"}, 5353),
    ],
)
def test_names_resolve_on(cluster: str, peer: str | dict[str, str], port: int, engine: Run) -> None:
    """Over UDP and TCP, whether the resolver is a pod or an address of the node."""
    protocols = set()
    for rule in made(engine).one("NetworkPolicy")["spec"]["egress"]:
        for to in rule["to"]:
            labels = to.get("podSelector", {}).get("matchLabels")
            block = ipaddress.ip_network(to.get("ipBlock", {}).get("cidr", "0.0.0.0/32"))
            if labels == peer or (isinstance(peer, str) and ipaddress.ip_address(peer) in block):
                protocols |= {entry["protocol"] for entry in rule["ports"] if entry["port"] == port}
    assert protocols == {"UDP", "TCP"}, cluster


@pytest.mark.parametrize(
    ("platform", "architecture"),
    [("linux/amd64", "amd64"), ("linux/arm64", "arm64"), ("linux/arm/v7", "arm")],
)
def test_pods_of_one_platform_select_its_nodes(platform: str, architecture: str, engine: Run) -> None:
    selector = {"kubernetes.io/os": "linux", "kubernetes.io/arch": architecture}
    assert pod(made(engine, platform=platform))["nodeSelector"] == selector
    assert "nodeSelector" not in pod(made(engine))


def test_variables_come_from_values_secrets_and_config_maps(engine: Run) -> None:
    env = [
        EnvVar.value("A", "1"),
        EnvVar.secret("B", "s", "k"),
        EnvVar.config_map("C", "c", "k"),
    ]
    assert container(made(engine, env=env))["env"] == [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
    ]


@pytest.mark.parametrize(
    ("way_out", "gone"),
    [
        ({"resources": None}, "resources"),
        ({"probes": None}, "readinessProbe"),
        ({"security": None}, "allowPrivilegeEscalation"),
        ({"spread": False}, "topologySpreadConstraints"),
        ({"rollout": Rollout(pre_stop=0)}, "preStop"),
        ({"disruption_budget": False}, "PodDisruptionBudget"),
        ({"network_policy": False}, "NetworkPolicy"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_every_default_has_a_way_out(way_out: dict[str, Any], gone: str, engine: Run) -> None:
    assert gone in str(made(engine).resources)
    assert gone not in str(made(engine, **way_out).resources)


def test_a_token_and_a_pull_secret_are_there_when_asked_for(engine: Run) -> None:
    recorder = made(engine, service_account_token=True, pull_secret="registry")  # noqa: S106 # a name
    assert recorder.one("ServiceAccount")["automountServiceAccountToken"] is True
    assert recorder.one("ServiceAccount")["imagePullSecrets"] == [{"name": "registry"}]


def test_a_slow_rollout_may_be_given_more_time(engine: Run) -> None:
    deployment = made(engine, rollout=Rollout(timeout=600)).one("Deployment")
    assert deployment["metadata"]["annotations"]["pulumi.com/timeoutSeconds"] == "600"
    assert deployment["spec"]["progressDeadlineSeconds"] == 600


@pytest.mark.parametrize(
    ("rollout", "replicas", "waves"),
    [
        (Rollout(), 0, 0),
        (Rollout(), 1, 1),
        (Rollout(), 4, 4),
        (Rollout(), 5, 3),
        (Rollout(), 400, 4),
        (Rollout(max_unavailable=1), 4, 2),
        (Rollout(max_surge=0, max_unavailable="50%"), 3, 3),
        (Rollout(max_surge=10), 3, 1),
    ],
)
def test_pods_are_replaced_in_waves(rollout: Rollout, replicas: int, waves: int) -> None:
    """Rounded as documented for `maxSurge` and `maxUnavailable` of a Deployment."""
    assert rollout.waves(replicas) == waves


def test_a_new_version_may_have_to_prove_itself_for_a_while(engine: Run) -> None:
    patient = Rollout(min_ready=60, timeout=181)
    assert made(engine, rollout=patient).one("Deployment")["spec"]["minReadySeconds"] == 60
    assert "minReadySeconds" not in made(engine).one("Deployment")["spec"]


def test_ports_paths_and_reach_are_the_callers(engine: Run) -> None:
    recorder = made(
        engine,
        expose=Exposure(port=8080, target_port=9000, type="NodePort", public="the shop's front door"),
        probes=Probes(ready=Probe.http("/ready"), live=Probe.tcp(port=9001)),
    )
    assert recorder.one("Service")["spec"]["type"] == "NodePort"
    assert recorder.one("Service")["metadata"]["annotations"]["slipway/public"] == "the shop's front door"
    assert recorder.one("NetworkPolicy")["spec"]["ingress"] == [
        {"ports": [{"port": 9000, "protocol": "TCP"}]}
    ]
    assert container(recorder)["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 9000}
    assert container(recorder)["livenessProbe"]["tcpSocket"] == {"port": 9001}
    assert container(recorder)["startupProbe"]["tcpSocket"] == {"port": 9001}


def test_a_command_probes_the_container(engine: Run) -> None:
    probes = Probes(ready=Probe.exec("test", "-f", "/tmp/ready"))  # noqa: S108 # in the pod
    ready = container(made(engine, probes=probes))["readinessProbe"]
    assert ready["exec"] == {"command": ["test", "-f", "/tmp/ready"]}  # noqa: S108


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_public_needs_a_reason(kind: ServiceType, engine: Run) -> None:
    """Without a reason there is no annotation, so that the policy pack refuses an open Service."""
    recorder = made(engine, expose=Exposure(type=kind))
    assert "slipway/public" not in recorder.one("Service")["metadata"]["annotations"]


def test_an_amount_not_given_keeps_its_default(engine: Run) -> None:
    resources = Resources(limits=Compute(memory="1Gi"))
    amounts = container(made(engine, resources=resources))["resources"]
    assert {"cpu": "500m", "memory": "1Gi"}.items() <= amounts["limits"].items()
    assert {"cpu": "250m", "memory": "128Mi"}.items() <= amounts["requests"].items()


def test_replicas_as_a_number_in_text(engine: Run) -> None:
    assert made(engine, replicas="3").one("Deployment")["spec"]["replicas"] == 3


def test_transform_changes_any_argument_of_any_child(engine: Run) -> None:
    def transform(kind: str, args: dict[str, Any]) -> None:
        args["metadata"].setdefault("annotations", {})["team"] = "shop"
        if kind == "Deployment":
            args["spec"]["template"]["spec"]["priority_class_name"] = "high"

    recorder = made(engine, transform=transform)
    assert pod(recorder)["priorityClassName"] == "high"
    children = [resource for resource in recorder.resources if resource.type.startswith("kubernetes:")]
    assert len(children) == 5
    assert all(child.inputs["metadata"]["annotations"]["team"] == "shop" for child in children)


def test_the_same_defaults_serve_the_next_service_untouched(engine: Run) -> None:
    """Defaults are shared objects: what one service's transform does must not reach another."""

    def spoil(kind: str, args: dict[str, Any]) -> None:
        if kind == "NetworkPolicy":
            args["spec"]["egress"][0]["ports"].clear()
        if kind == "Deployment":
            args["spec"]["template"]["spec"]["volumes"][0]["empty_dir"]["size_limit"] = "9Gi"

    before = sorted(made(engine).resources, key=str)
    made(engine, transform=spoil)
    assert sorted(made(engine).resources, key=str) == before
